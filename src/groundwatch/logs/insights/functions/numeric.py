"""Numeric functions."""

from __future__ import annotations

from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, numbers

EARTH_DIAMETER_KM = 12742


def _round(call: Checked) -> str:
    number = call.sql[0]
    if len(call.sql) == 1:
        return f"(sign({number}) * floor(abs({number}) + 0.5))"
    scale = call.pipeline.shared(f"pow(10, trunc({call.sql[1]}))")
    return f"(sign({number}) * floor(abs({number}) * {scale} + 0.5) / {scale})"


def _haversine(call: Checked) -> str:
    latitude1, longitude1, latitude2, longitude2 = (f"radians({sql})" for sql in call.sql)
    across = f"pow(sin(({latitude2} - {latitude1}) / 2), 2)"
    along = f"cos({latitude1}) * cos({latitude2}) * pow(sin(({longitude2} - {longitude1}) / 2), 2)"
    return f"({EARTH_DIAMETER_KM} * asin(sqrt(least(1, {across} + {along}))))"


def _greatest(call: Checked) -> str:
    return f"greatest({', '.join(call.sql)})"


def _least(call: Checked) -> str:
    return f"least({', '.join(call.sql)})"


NUMBERS = (Parameter("n", "number", repeated=True),)

NUMERIC = (
    Function("abs", numbers("n"), "number", "abs({0})", "Absolute value."),
    Function("ceil", numbers("n"), "number", "ceil({0})", "The next integer upwards."),
    Function("floor", numbers("n"), "number", "floor({0})", "The next integer downwards."),
    Function("sqrt", numbers("n"), "number", "sqrt(if({0} >= 0, {0}, NULL))", "Square root; null below zero."),
    Function("log", numbers("n"), "number", "log(if({0} > 0, {0}, NULL))", "Natural logarithm; null up to zero."),
    Function(
        "round",
        (*numbers("n"), Parameter("digits", "number", optional=True)),
        "number",
        _round,
        "The nearest integer, or that many decimals; halves away from zero.",
    ),
    Function("greatest", NUMBERS, "number", _greatest, "The largest; nulls are passed over."),
    Function("least", NUMBERS, "number", _least, "The smallest; nulls are passed over."),
    Function(
        "haversine",
        numbers("latitude1", "longitude1", "latitude2", "longitude2"),
        "number",
        _haversine,
        "Great-circle distance in kilometres of two places in degrees.",
    ),
    Function("toNumber", numbers("value"), "number", "{0}", "The number that a text looks like."),
    Function("toDouble", numbers("value"), "number", "{0}", "The same."),
    Function(
        "toInt",
        numbers("n"),
        "number",
        "toFloat64(accurateCastOrNull(trunc({0}), 'Int32'))",
        "The integer part; null beyond 32 bits.",
    ),
    Function(
        "toLong",
        numbers("n"),
        "number",
        "toFloat64(accurateCastOrNull(trunc({0}), 'Int64'))",
        "The integer part; null beyond 64 bits.",
    ),
)
