"""Values of a query as SQL: what kind they are, and how the engine turns one kind into another.

Null stands for a missing field everywhere. Conversions follow the service's rules: numeric-looking text is a number
where one is wanted, everything has a text form, and what fits neither is null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Kind = Literal["text", "number", "boolean", "time", "json"]
NULL = "NULL"
FALSE = "0"
LONGEST = "1e50"
"""From here on the engine does not print all digits of a number."""
NO_NUMBER_LETTERS = "'iInN', '____'"
"""For `translate`: the engine's reading of numbers would also take `nan` and `inf`, which are text."""


class Packed(msgspec.Struct, frozen=True):
    """Small numbers, none null, that tell a value among those of the events that are read.

    Rows are grouped by them several times faster: up to 16 bits alone are a place in an array in place of a hash.
    """

    parts: tuple[str, ...]
    whole: Callable[..., str]
    """Returns the value as SQL, made of the columns of the parts."""


class Value(msgspec.Struct, frozen=True):
    """An SQL expression of a kind.

    text: Nullable(String). number: Nullable(Float64). boolean: UInt8, never null. time: Nullable(Int64), milliseconds
    since the epoch. json: Nullable(String), the raw JSON of a value, which may be a structure.
    """

    kind: Kind
    sql: str
    number: str | None = None
    """The value as a number, where there is a better way than to read its text."""
    text: str | None = None
    """The value as text, likewise."""
    literal: str | None = None
    """The spelling of a constant in the query."""
    key: str | None = None
    """Nullable(Int64): null or distinct exactly where the text is, of which it is the digits."""
    numeric: bool = False
    """Whether it is a number wherever it is."""
    double: str | None = None
    """Nullable(Float64): null or of other bits exactly where the text is null or another one."""
    packed: Packed | None = None
    """The value for grouping, where there is a better way than by itself."""


def as_text(value: Value) -> str:
    """Return the text of a value; null for structures."""
    if value.text is not None:
        return value.text
    match value.kind:
        case "text":
            return value.sql
        case "number":
            return number_text(value.sql)
        case "boolean":
            return f"toString({value.sql})"
        case "time":
            return f"toString(fromUnixTimestamp64Milli({value.sql}, 'UTC'))"
        case "json":
            return json_text(value.sql)


def as_number(value: Value) -> str:
    """Return the value as Nullable(Float64); null for text that is no number."""
    if value.number is not None:
        return value.number
    match value.kind:
        case "number":
            return value.sql
        case "boolean" | "time":
            return f"toFloat64({value.sql})"
        case "json":
            return json_number(value.sql)
        case "text":
            return f"toFloat64OrNull(translate({value.sql}, {NO_NUMBER_LETTERS}))"


def as_distinct(value: Value) -> str:
    """Return what is null or distinct exactly where the text of a value is, in the smallest form there is."""
    return value.key or (f"reinterpretAsInt64({value.double})" if value.double else as_text(value))


def as_condition(value: Value) -> str:
    """Return the value as UInt8 that is never null: a number holds unless it is zero."""
    return value.sql if value.kind == "boolean" else f"ifNull({as_number(value)} != 0, 0)"


def as_time(value: Value) -> str:
    """Return the value as Nullable(Int64), milliseconds since the epoch."""
    if value.kind == "time":
        return value.sql
    number = as_number(value)
    # Beyond this the engine cannot print a time.
    return f"accurateCastOrNull(round(if({number} BETWEEN 0 AND 9e12, {number}, NULL)), 'Int64')"


def is_present(value: Value) -> str:
    """Return whether there is a value, as UInt8."""
    if value.kind == "json":
        return f"isNotNull({value.key or (value.numeric and value.number) or value.text or value.sql})"
    return "1" if value.kind == "boolean" else f"isNotNull({value.sql})"


def number_text(number: str) -> str:
    """Return a computed number as text: rounded to four decimals, without zeros at the end."""
    # The engine's own rounding goes to even halves. Adding zero makes -0 positive.
    rounded = f"if(abs({number}) < 1e11, sign({number}) * floor(abs({number}) * 10000 + 0.5) / 10000 + 0, {number})"
    digits = f"toDecimalString(if(abs({number}) < {LONGEST}, {rounded}, 0), 4)"
    plain = rf"replaceRegexpOne({digits}, '\\.?0+$', '')"
    return f"if(abs({number}) < {LONGEST}, {plain}, toString({finite(number)}))"


def finite(number: str) -> str:
    """Return null in place of what is no number or beyond 64 bits."""
    return f"if(isFinite({number}), {number}, NULL)"


def json_text(raw: str, *, double: str = FALSE) -> str:
    """Return the text of a JSON value, null for null and structures; `double` says that 1 was written `1.0`."""
    first = f"substring({raw}, 1, 1)"
    integer = f"match({raw}, '^-?[0-9]+$')"
    return (
        f"multiIf(isNull({raw}) OR {raw} IN ('', 'null') OR {first} IN ('{{', '['), NULL, "
        f"{first} = '\"', JSONExtractString(ifNull({raw}, '')), {raw} = 'true', '1', {raw} = 'false', '0', "
        f"{integer} AND NOT {double}, {raw}, {double_text(f'toFloat64OrZero(ifNull({raw}, {chr(39) * 2}))')})"
    )


def json_number(raw: str) -> str:
    """Return a JSON value as a number: booleans are 1 and 0, text counts when it looks like one."""
    unquoted = f"trim(BOTH '\"' FROM {raw})"
    digits = f"toFloat64OrNull(translate({unquoted}, {NO_NUMBER_LETTERS}))"
    return f"multiIf({raw} = 'true', 1, {raw} = 'false', 0, {digits})"


def double_text(double: str) -> str:
    """Return a number that nothing was computed from as `record_fields.java_double` prints it."""
    plain = f"toString({double})"
    dotted = f"if(position({plain}, '.') > 0, {plain}, concat({plain}, '.0'))"
    power = f"floor(log10(abs({double})))"
    # The engine prints the shortest digits in plain form or with an exponent; only the digits are of use here.
    mantissa = f"replaceRegexpOne({plain}, 'e.*$', '')"
    digits = rf"replaceRegexpAll(replaceRegexpAll({mantissa}, '[-.]', ''), '^0+|0+$', '')"
    rest = f"if(length({digits}) > 1, substring({digits}, 2), '0')"
    sign = f"if({double} < 0, '-', '')"
    scientific = f"concat({sign}, substring({digits}, 1, 1), '.', {rest}, 'E', toString({power}))"
    return f"if({double} = 0 OR (abs({double}) >= 1e-3 AND abs({double}) < 1e7), {dotted}, {scientific})"
