"""When a quota's period begins. Days are whole days since 1970-01-01 in UTC."""

from __future__ import annotations

from datetime import date, timedelta

from groundwatch.gateway.definition import QuotaPeriod

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_EPOCH_WEEKDAY = 4
"""1970-01-01 was a Thursday; weeks are counted from Sunday, which is 0."""


def day_of(time_ms: int) -> int:
    """Return the day that a time in milliseconds since the epoch lies in."""
    return time_ms // DAY_MS


def period_start(period: QuotaPeriod, offset: int, day: int) -> int:
    """Return the first day of the period that `day` lies in.

    `offset` is the day of the week (0 is Sunday) or of the month (0 is the 1st) on which periods begin.
    """
    if period == "DAY":
        return day
    if period == "WEEK":
        return day - (day + _EPOCH_WEEKDAY - offset) % 7
    today = _EPOCH + timedelta(days=day)
    first = today.replace(day=offset + 1)
    if first > today:
        # The last day of the month before; offsets end at 27, so every month has the day.
        first = (today.replace(day=1) - timedelta(days=1)).replace(day=offset + 1)
    return (first - _EPOCH).days


def parse_day(text: str) -> int:
    """Return the day of a date such as `2026-01-31`; raises ValueError."""
    return (date.fromisoformat(text) - _EPOCH).days


def format_day(day: int) -> str:
    """Return the date of a day."""
    return (_EPOCH + timedelta(days=day)).isoformat()
