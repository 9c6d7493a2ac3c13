"""When quotas begin anew, in UTC."""

from __future__ import annotations

import pytest

from groundwatch.gateway.limits.periods import DAY_MS, day_of, format_day, parse_day, period_start


@pytest.mark.parametrize(
    ("period", "offset", "today", "start"),
    [
        pytest.param("DAY", 0, "2026-11-22", "2026-11-22", id="a-day-begins-today"),
        pytest.param("WEEK", 0, "2026-11-22", "2026-11-22", id="weeks-begin-on-sunday"),
        pytest.param("WEEK", 0, "2026-11-28", "2026-11-22", id="saturday-is-the-last-day"),
        pytest.param("WEEK", 1, "2026-11-22", "2026-11-16", id="offset-1-is-monday"),
        pytest.param("WEEK", 1, "2026-11-23", "2026-11-23", id="on-monday-itself"),
        pytest.param("WEEK", 6, "2026-11-27", "2026-11-21", id="offset-6-is-saturday"),
        pytest.param("MONTH", 0, "2026-11-01", "2026-11-01", id="the-first-of-the-month"),
        pytest.param("MONTH", 0, "2026-11-30", "2026-11-01", id="to-its-last-day"),
        pytest.param("MONTH", 14, "2026-11-14", "2026-10-15", id="before-the-offset-it-is-last-month's"),
        pytest.param("MONTH", 14, "2026-11-15", "2026-11-15", id="from-the-offset-it-is-this-month's"),
        pytest.param("MONTH", 27, "2026-03-01", "2026-02-28", id="every-month-has-a-28th"),
        pytest.param("MONTH", 27, "2026-01-05", "2025-12-28", id="over-the-turn-of-the-year"),
    ],
)
def test_starts(period, offset, today, start):
    assert format_day(period_start(period, offset, parse_day(today))) == start


@pytest.mark.parametrize(("time_ms", "day"), [(0, 0), (DAY_MS - 1, 0), (DAY_MS, 1), (1_700_000_000_000, 19675)])
def test_days_change_at_midnight_utc(time_ms, day):
    assert day_of(time_ms) == day


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026/01/01"])
def test_what_is_no_date(text):
    with pytest.raises(ValueError, match=r"."):
        parse_day(text)
