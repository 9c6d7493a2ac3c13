"""Schedule expressions: `cron(…)` in AWS's six fields or the usual five, and `rate(…)`, and when they come next.

Changes of the clock are cronsim's matter, which follows Debian's cron: a fixed time that is skipped runs right after
the gap, and one that comes twice runs once.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable

from cronsim import CronSim, CronSimError

from groundwatch.aws.errors import ServiceError

UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
RATE = re.compile(r"rate\(\s*([1-9][0-9]{0,5})\s+(minute|hour|day)(s?)\s*\)")
CRON = re.compile(r"cron\((.*)\)")
LAST_OF_FIELD = {0: 59, 1: 23, 2: 31, 3: 12}
STEP_FROM = re.compile(r"([0-9]+)/([0-9]+)")
YEARS = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?(?:/([0-9]+))?")
FIRST_YEAR, LAST_YEAR = 1970, 2199
SUNDAY_FIRST = re.compile(r"(?<![#/0-9])([1-7])(?![0-9])")

Next = Callable[[int], int | None]
"""The first time after another, in milliseconds since the epoch; None when there is none."""


def parse_schedule(text: str, zone_name: str | None, anchor_ms: int) -> Next:
    """Return what tells the times of an expression; `ValidationException` for one that is wrong.

    A rate counts from `anchor_ms`, a cron expression in the zone, UTC without one.
    """
    zone = _zone(zone_name)
    rate = RATE.fullmatch(text.strip())
    if rate is not None:
        return _rate(int(rate[1]), rate[2], plural=bool(rate[3]), anchor_ms=anchor_ms)
    cron = CRON.fullmatch(text.strip())
    if cron is None and text.strip().startswith("rate"):
        raise _invalid("a rate is written like rate(5 minutes), with minutes, hours or days, and at least 1")
    return _cron((cron[1] if cron else text).split(), zone)


def _rate(count: int, unit: str, *, plural: bool, anchor_ms: int) -> Next:
    # As EventBridge has it: rate(1 minute), rate(5 minutes).
    if plural == (count == 1):
        raise _invalid(f"a rate of {count} is written with {unit}{'' if count == 1 else 's'}")
    step_ms = count * UNITS_MS[unit]
    return lambda after_ms: anchor_ms + max((after_ms - anchor_ms) // step_ms + 1, 1) * step_ms


def _cron(fields: list[str], zone: dt.tzinfo) -> Next:
    if len(fields) not in {5, 6}:
        raise _invalid("a cron expression has five fields, or six with the year")
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    if len(fields) == 6:
        # In six fields the days of the week are numbered from Sunday, 1 (EventBridge Scheduler, cron expressions).
        if "?" not in fields[2:5:2]:
            raise _invalid("one of day of the month and day of the week must be ? where a year is given")
        years = _years(fields.pop())
        fields[4] = SUNDAY_FIRST.sub(lambda day: str(int(day[1]) - 1), fields[4])
    plain = [_plain(number, field) for number, field in enumerate(fields)]
    try:
        CronSim(" ".join(plain), dt.datetime.now(zone))
    except CronSimError as error:
        raise _invalid(f"{' '.join(fields)} is no cron expression: {error}") from error
    return lambda after_ms: _next(" ".join(plain), zone, years, after_ms)


def _next(expression: str, zone: dt.tzinfo, years: range, after_ms: int) -> int | None:
    after = dt.datetime.fromtimestamp(after_ms / 1000, zone)
    # Year by year, so that what lies between the years that count is not gone through.
    for year in years:
        if year < after.year:
            continue
        before_year = dt.datetime(year, 1, 1, tzinfo=zone) - dt.timedelta(minutes=1)
        try:
            found = next(CronSim(expression, max(after, before_year)))
        except StopIteration:
            # There is no such day in the next fifty years.
            return None
        if found.year in years:
            return int(found.timestamp() * 1000)
    return None


def _plain(number: int, field: str) -> str:
    """Return a field in cronsim's words: no `?`, and `3/5` with its end."""
    if "W" in field.upper().replace("WED", ""):
        raise _invalid("W, the nearest weekday, is not supported")
    last = LAST_OF_FIELD.get(number, 6)
    parts = [STEP_FROM.sub(rf"\1-{last}/\2", part) if STEP_FROM.fullmatch(part) else part for part in field.split(",")]
    return ",".join("*" if part == "?" else part for part in parts)


def _years(field: str) -> range:
    if field == "*":
        return range(FIRST_YEAR, LAST_YEAR + 1)
    found = YEARS.fullmatch(field)
    if found is None or not FIRST_YEAR <= int(found[1]) <= int(found[2] or found[1]) <= LAST_YEAR or found[3] == "0":
        raise _invalid(f"{field} is no year from {FIRST_YEAR} to {LAST_YEAR}, and no range of years")
    open_end = LAST_YEAR if found[3] else int(found[1])
    return range(int(found[1]), int(found[2] or open_end) + 1, int(found[3] or 1))


def _zone(name: str | None) -> dt.tzinfo:
    if name in {None, "UTC"}:
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(str(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ServiceError("ValidationException", f"The time zone {name} is not known.") from error


def _invalid(reason: str) -> ServiceError:
    return ServiceError("ValidationException", f"The schedule expression is not valid: {reason}.")
