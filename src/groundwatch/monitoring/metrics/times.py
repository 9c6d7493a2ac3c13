"""Times and periods of reading requests: what may be asked, and where it is rounded to."""

from __future__ import annotations

from datetime import datetime

import msgspec

from groundwatch.aws.errors import ServiceError

SHORT_PERIODS_S = (1, 5, 10, 20, 30)
MINUTE_MS, FIVE_MINUTES_MS, HOUR_MS, DAY_MS = 60_000, 300_000, 3_600_000, 86_400_000
RETENTION_MS = 455 * DAY_MS
START_NOT_BEFORE_END = "The parameter StartTime must be less than the parameter EndTime."


class TimeRange(msgspec.Struct, frozen=True):
    """Rounded start and end in milliseconds; the end is not included."""

    start_ms: int
    end_ms: int


def check_period(period_s: int, path: str, code: str) -> None:
    """Return when a period is 1, 5, 10, 20, 30 s or whole minutes; raise `ServiceError` with `code`."""
    if period_s < 60 and period_s not in SHORT_PERIODS_S:
        listed = ", ".join(map(str, SHORT_PERIODS_S))
        raise ServiceError(code, f"The parameter {path} must be a value in the set [{listed}].")
    if period_s > 60 and period_s % 60:
        raise ServiceError(code, f"The parameter {path} must be a multiple of 60.")


def time_range(start: datetime, end: datetime, now_ms: int, code: str) -> TimeRange:
    """Return the range as it was asked for; raise `ServiceError` with `code` unless the start is before the end.

    What lies before the longest retention is cut off: there is nothing.
    """
    start_ms, end_ms = round(start.timestamp() * 1000), round(end.timestamp() * 1000)
    if start_ms >= end_ms:
        raise ServiceError(code, START_NOT_BEFORE_END)
    earliest_ms = now_ms - RETENTION_MS
    return TimeRange(max(start_ms, earliest_ms), max(end_ms, earliest_ms))


def aligned(wanted: TimeRange, period_s: int, now_ms: int) -> TimeRange:
    """Return the range of period starts that a request for `wanted` is answered with.

    The start is rounded down as documented for GetMetricStatistics, to more the older it is, and then to its period:
    periods begin at multiples of their length from the epoch. The end is rounded down, too, as observed.
    """
    period_ms = period_s * 1000
    step_ms = _rounding_ms(period_ms, now_ms - wanted.start_ms)
    start_ms = wanted.start_ms - wanted.start_ms % step_ms
    end_ms = wanted.end_ms - wanted.end_ms % min(step_ms, MINUTE_MS)
    return TimeRange(start_ms - start_ms % period_ms, end_ms)


def _rounding_ms(period_ms: int, age_ms: int) -> int:
    if period_ms < MINUTE_MS:
        return period_ms
    if age_ms < 15 * DAY_MS:
        return MINUTE_MS
    return FIVE_MINUTES_MS if age_ms < 63 * DAY_MS else HOUR_MS
