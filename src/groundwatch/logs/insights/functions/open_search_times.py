"""Functions of times in the languages SQL and PPL, where they differ from those of Insights' own language."""

from __future__ import annotations

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, numbers
from groundwatch.logs.insights.functions.time_formats import java_to_print, java_to_read
from groundwatch.logs.insights.functions.times import UNIT_MS
from groundwatch.logs.insights.values import as_text

FIELDS_OF_TIME = {
    "year": "toYear",
    "month": "toMonth",
    "day": "toDayOfMonth",
    "dayofmonth": "toDayOfMonth",
    "hour": "toHour",
    "minute": "toMinute",
    "second": "toSecond",
    "dayofyear": "toDayOfYear",
    "quarter": "toQuarter",
    "week": "toISOWeek",
    "weekofyear": "toISOWeek",
    "month_of_year": "toMonth",
    "day_of_month": "toDayOfMonth",
    "hour_of_day": "toHour",
    "minute_of_hour": "toMinute",
    "second_of_minute": "toSecond",
    "day_of_year": "toDayOfYear",
    "week_of_year": "toISOWeek",
}
UNITS = {
    "microsecond": 0.001,
    "millisecond": 1,
    "second": UNIT_MS["s"],
    "minute": UNIT_MS["m"],
    "hour": UNIT_MS["h"],
    "day": UNIT_MS["d"],
    "week": UNIT_MS["w"],
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""Units whose length varies, in months."""


def _shifted(time: str, amount: str, unit: str, span: tuple[int, int]) -> str:
    name = unit.lower().rstrip("s")
    if name in UNITS:
        return f"accurateCastOrNull({time} + {amount} * {UNITS[name]}, 'Int64')"
    if name not in MONTHS:
        raise malformed(f"unknown unit of time {unit}", span)
    months = f"ifNull(accurateCastOrNull(trunc({amount} * {MONTHS[name]}), 'Int32'), 0)"
    moment = f"addMonths(fromUnixTimestamp64Milli(ifNull({time}, 0), 'UTC'), {months})"
    return f"if(isNull({time}), NULL, toUnixTimestamp64Milli(toDateTime64({moment}, 3, 'UTC')))"


def _timestamp_add(call: Checked) -> str:
    return _shifted(call.sql[2], call.sql[1], call.constant(0), call.nodes[0].span)


def _date_add(call: Checked) -> str:
    unit = call.constant(2) if len(call.sql) > 2 else "day"
    return _shifted(call.sql[0], call.sql[1], unit, call.span)


def _date_sub(call: Checked) -> str:
    unit = call.constant(2) if len(call.sql) > 2 else "day"
    return _shifted(call.sql[0], f"(-{call.sql[1]})", unit, call.span)


def _timestamp_diff(call: Checked) -> str:
    unit = call.constant(0).lower().rstrip("s")
    if unit in UNITS:
        return f"toFloat64(intDiv({call.sql[2]} - {call.sql[1]}, {int(UNITS[unit]) or 1}))"
    if unit not in MONTHS:
        raise malformed(f"unknown unit of time {call.constant(0)}", call.nodes[0].span)
    start, end = (f"fromUnixTimestamp64Milli(ifNull({sql}, 0), 'UTC')" for sql in call.sql[1:])
    months = f"toFloat64(age('month', {start}, {end}))"
    return f"if(isNull({call.sql[1]}) OR isNull({call.sql[2]}), NULL, trunc({months} / {MONTHS[unit]}))"


def _date_trunc(call: Checked) -> str:
    unit = call.constant(0).lower().rstrip("s")
    if unit not in {*UNITS, *MONTHS}:
        raise malformed(f"unknown unit of time {call.constant(0)}", call.nodes[0].span)
    moment = f"fromUnixTimestamp64Milli({call.sql[1]}, 'UTC')"
    return f"toUnixTimestamp64Milli(toDateTime64(date_trunc('{unit}', {moment}, 'UTC'), 3, 'UTC'))"


def _date_format(call: Checked) -> str:
    pattern = call.pipeline.bind(java_to_print("date_format", call.text(1)), "String")
    return f"formatDateTimeInJodaSyntax(fromUnixTimestamp64Milli({call.sql[0]}, 'UTC'), {pattern}, 'UTC')"


def _to_timestamp(call: Checked, function: str = "to_timestamp") -> str:
    if len(call.sql) > 1:
        pattern = call.pipeline.bind(java_to_read(function, call.text(1)), "String")
        parsed = f"parseDateTime64InJodaSyntaxOrNull(ifNull({as_text(call.values[0])}, ''), {pattern}, 'UTC')"
        return f"toUnixTimestamp64Milli(toDateTime64({parsed}, 3))"
    value = call.values[0]
    if value.kind == "time":
        return value.sql
    text = f"ifNull({as_text(value)}, '')"
    return f"toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull({text}, 3, 'UTC'))"


def _to_date(call: Checked) -> str:
    day = UNIT_MS["d"]
    return f"(intDiv({_to_timestamp(call, 'to_date')}, {day}) * {day})"


def _now(call: Checked) -> str:
    return call.pipeline.bind(call.pipeline.window.now_ms, "Int64")


def _today(call: Checked) -> str:
    now_ms = call.pipeline.window.now_ms
    return call.pipeline.bind(now_ms - now_ms % UNIT_MS["d"], "Int64")


def _unix_timestamp(call: Checked) -> str:
    if not call.sql:
        return call.pipeline.bind(float(call.pipeline.window.now_ms // 1_000), "Float64")
    return f"toFloat64(intDiv({_to_timestamp(call)}, 1000))"


ANY, TIME_OF = Parameter("value", "any"), Parameter("time", "time")
PATTERN, UNIT = Parameter("pattern", "constant"), Parameter("unit", "constant")
FIELD = "toFloat64({function}(fromUnixTimestamp64Milli({{0}}, 'UTC')))"

OPEN_SEARCH_TIMES = (
    *(
        Function(name, (TIME_OF,), "number", FIELD.format(function=function), "A part of a time.")
        for name, function in FIELDS_OF_TIME.items()
    ),
    Function(
        "dayofweek",
        (TIME_OF,),
        "number",
        "toFloat64(toDayOfWeek(fromUnixTimestamp64Milli({0}, 'UTC')) % 7 + 1)",
        "From 1, Sunday.",
        aliases=("day_of_week",),
    ),
    Function("now", (), "time", _now, "When the query was started.", aliases=("current_timestamp", "localtimestamp")),
    Function("current_date", (), "time", _today, "The day on which it was.", aliases=("curdate",)),
    Function(
        "to_timestamp",
        (ANY, Parameter("pattern", "constant", optional=True)),
        "time",
        _to_timestamp,
        "A time.",
        aliases=("timestamp",),
    ),
    Function(
        "to_date",
        (ANY, Parameter("pattern", "constant", optional=True)),
        "time",
        _to_date,
        "The start of a day.",
        aliases=("date",),
    ),
    Function("from_unixtime", numbers("seconds"), "time", "accurateCastOrNull({0} * 1000, 'Int64')", "A time."),
    Function("unix_timestamp", (Parameter("value", "any", optional=True),), "number", _unix_timestamp, "Seconds."),
    Function("date_format", (TIME_OF, PATTERN), "text", _date_format, "A time in a pattern of Java."),
    Function("date_trunc", (UNIT, TIME_OF), "time", _date_trunc, "The start of the unit."),
    Function(
        "date_add",
        (TIME_OF, Parameter("n", "number"), Parameter("unit", "constant", optional=True)),
        "time",
        _date_add,
        "A later time.",
        aliases=("adddate",),
    ),
    Function(
        "date_sub",
        (TIME_OF, Parameter("n", "number"), Parameter("unit", "constant", optional=True)),
        "time",
        _date_sub,
        "An earlier time.",
        aliases=("subdate",),
    ),
    Function(
        "datediff",
        (TIME_OF, TIME_OF),
        "number",
        "toFloat64(intDiv({0}, 86400000) - intDiv({1}, 86400000))",
        "Days from the second to the first.",
    ),
    Function("timestampadd", (UNIT, Parameter("n", "number"), TIME_OF), "time", _timestamp_add, "A later time."),
    Function("timestampdiff", (UNIT, TIME_OF, TIME_OF), "number", _timestamp_diff, "How long between two times."),
    Function(
        "last_day",
        (TIME_OF,),
        "time",
        "toUnixTimestamp64Milli(toDateTime64(toLastDayOfMonth(fromUnixTimestamp64Milli({0}, 'UTC')), 3, 'UTC'))",
        "The last day of the month.",
    ),
)
"""Without the prefix that `open_search` puts before their names."""
