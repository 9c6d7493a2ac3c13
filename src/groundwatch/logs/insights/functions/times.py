"""Functions of time. Times are milliseconds since the epoch, in UTC unless a zone is given."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, texts
from groundwatch.logs.insights.functions.time_formats import engine_strftime, java_to_read
from groundwatch.logs.insights.nodes import Period
from groundwatch.logs.insights.pipeline import TIMESTAMP, Pipeline
from groundwatch.logs.insights.values import Packed, Value

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
UNIT_MS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}
"""What larger numbers of a unit are clamped to (User Guide, bin)."""
MONDAY_MS = 3 * DAY_MS
"""From the Monday of its week to the epoch."""
MONTHS = {"mo": 1, "q": 3, "y": 12}
MAX_COUNT = 10_000


def _bin(call: Checked) -> Value:
    if not call.pipeline.events:
        raise malformed(f"bin needs {TIMESTAMP}, which stats drops: use datefloor on its alias", call.span)
    shift, period = call.pipeline.bin_shift_ms, call.period(0)
    packed = _bin_number(period, call.pipeline)
    if not shift:
        return Value("time", floor("timestamp", period, call), packed=packed)
    bound = call.pipeline.bind(shift, "Int64")
    return Value("time", f"({floor(f'(timestamp - {bound})', period, call)} + {bound})", packed=packed)


def _bin_number(period: Period, pipeline: Pipeline) -> Packed | None:
    """Return the number of the bin within the range of the query; None if there may be more than 16 bits count."""
    length, window, shift = fixed_length_ms(period), pipeline.window, pipeline.bin_shift_ms
    if length is None or window.start_ms < shift:
        return None
    origin = shift - (MONDAY_MS if period.unit == "w" else 0)
    first = (window.start_ms - origin) // length * length + origin
    last = (window.end_ms - first) // length
    if not 0 <= last < 1 << 16:
        return None
    # Of 32 bits the engine divides several times as many at once; zeros that all lengths of bins end with do not count.
    zeros = (length & -length).bit_length() - 1
    bits = 32 if max(window.end_ms - first, length) >> zeros < 1 << 32 else 64
    start, stride = pipeline.bind(first, "Int64"), pipeline.bind(length, "Int64")
    passed = f"toUInt{bits}(bitShiftRight(timestamp - {start}, {zeros}))"
    number = f"intDiv({passed}, {pipeline.bind(length >> zeros, f'UInt{bits}')})"
    part = f"toUInt{8 if last < 1 << 8 else 16}({number})"
    return Packed((part,), lambda column: f"(toInt64({column}) * {stride} + {start})")


def _datefloor(call: Checked) -> str:
    return floor(call.sql[0], call.period(1), call)


def _dateceil(call: Checked) -> str:
    period, time = call.period(1), call.sql[0]
    lower = call.pipeline.shared(floor(time, period, call))
    return f"if({lower} = {time}, {time}, {_next(lower, period, call)})"


def floor(time: str, period: Period, call: Checked) -> str:
    """Return the time at the start of its period: multiples since the epoch, weeks from Monday, calendar months."""
    count = _count(period)
    if period.unit in UNIT_MS:
        length = call.pipeline.bind(count * UNIT_MS[period.unit], "Int64")
        shift = MONDAY_MS if period.unit == "w" else 0
        return f"(intDiv({time} + {shift}, {length}) * {length} - {shift})"
    months = call.pipeline.bind(count * MONTHS[period.unit], "Int64")
    month = _month(time)
    return _month_start(f"(intDiv({month}, {months}) * {months})")


def fixed_length_ms(period: Period) -> int | None:
    """Return how long a period is, None for those whose lengths differ: months, quarters, years."""
    return _count(period) * UNIT_MS[period.unit] if period.unit in UNIT_MS else None


def _next(start: str, period: Period, call: Checked) -> str:
    count = _count(period)
    if period.unit in UNIT_MS:
        return f"({start} + {call.pipeline.bind(count * UNIT_MS[period.unit], 'Int64')})"
    months = call.pipeline.bind(count * MONTHS[period.unit], "Int64")
    return _month_start(f"({_month(start)} + {months})")


def _month(time: str) -> str:
    """Return how many months have passed since January of the year 0."""
    return f"(toRelativeMonthNum(toDateTime64({time} / 1000, 3, 'UTC')) - 1)"


def _month_start(month: str) -> str:
    """Return the milliseconds at which a month begins, given its number as `_month` counts."""
    year = f"toInt32(intDiv({month}, 12))"
    number = f"toInt32(modulo({month}, 12) + 1)"
    return f"(toInt64(toUnixTimestamp(makeDateTime({year}, {number}, 1, 0, 0, 0, 'UTC'))) * 1000)"


def _count(period: Period) -> int:
    count = min(period.count, CAPS.get(period.unit, period.count))
    if not 0 < count <= MAX_COUNT:
        raise malformed(f"a period has between 1 and {MAX_COUNT} units", period.span)
    return count


def _zone(call: Checked, index: int) -> str:
    if len(call.nodes) <= index:
        return "'UTC'"
    name = call.constant(index)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise malformed(f"unknown time zone {name}", call.nodes[index].span) from error
    return call.pipeline.bind(name, "String")


def _format_date(call: Checked) -> str:
    pattern = engine_strftime("formatDate", call.text(1))
    bound, zone = call.pipeline.bind(pattern, "String"), _zone(call, 2)
    return f"formatDateTime(fromUnixTimestamp64Milli({call.sql[0]}, 'UTC'), {bound}, {zone})"


def _parse_date(call: Checked) -> str:
    pattern, zone = call.pipeline.bind(java_to_read("parseDate", call.text(1)), "String"), _zone(call, 2)
    parsed = f"parseDateTime64InJodaSyntaxOrNull(ifNull({call.sql[0]}, ''), {pattern}, {zone})"
    return f"toFloat64(toUnixTimestamp64Milli(toDateTime64({parsed}, 3)))"


def _now(call: Checked) -> Value:
    return _constant(call, call.pipeline.window.now_ms // 1000)


def _query_start(call: Checked) -> Value:
    return _constant(call, call.pipeline.window.start_ms)


def _query_end(call: Checked) -> Value:
    return _constant(call, call.pipeline.window.end_ms)


def _query_range(call: Checked) -> Value:
    return _constant(call, call.pipeline.window.end_ms - call.pipeline.window.start_ms)


def _constant(call: Checked, number: int) -> Value:
    return Value("number", call.pipeline.bind(float(number), "Float64"))


TIME = Parameter("time", "time")
PERIOD = Parameter("period", "period")
ZONE = Parameter("zone", "constant", optional=True)

TIMES = (
    Function("bin", (PERIOD,), "time", _bin, "The start of the period that `@timestamp` lies in."),
    Function("datefloor", (TIME, PERIOD), "time", _datefloor, "The start of the period that a time lies in."),
    Function("dateceil", (TIME, PERIOD), "time", _dateceil, "The end of the period; a time on a boundary stays."),
    Function("fromMillis", (TIME,), "time", "{0}", "The time so many milliseconds after the epoch."),
    Function("toMillis", (TIME,), "number", "toFloat64({0})", "Milliseconds since the epoch."),
    Function("now", (), "number", _now, "Seconds since the epoch, when the query was started."),
    Function(
        "formatDate",
        (TIME, Parameter("format", "constant"), ZONE),
        "text",
        _format_date,
        "A time in a format of strftime.",
        aliases=("strftime",),
    ),
    Function(
        "parseDate",
        (*texts("text"), Parameter("pattern", "constant"), ZONE),
        "number",
        _parse_date,
        "Milliseconds since the epoch, read with a pattern of Java; null for other text.",
    ),
    Function("queryStartTime", (), "number", _query_start, "Where the time range starts, in milliseconds."),
    Function("queryEndTime", (), "number", _query_end, "Where it ends."),
    Function("queryTimeRange", (), "number", _query_range, "How long it is."),
)
