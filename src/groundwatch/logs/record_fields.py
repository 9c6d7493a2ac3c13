"""The fields of a message as Insights discovers them, as text: of JSON, flattened; of Lambda's lines; of flow logs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import re2

from groundwatch.logs.insights.formats import LAMBDA_NUMBERS, LAMBDA_TEXTS, LINES, lambda_pattern

LAMBDA_STARTS = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
MAX_FIELDS = 200
"""How many fields are discovered in one event (User Guide, supported logs and discovered fields)."""
PLAIN_FROM, PLAIN_TO = 1e-3, 1e7


def discovered_fields(message: str) -> dict[str, str]:
    """Return the fields of a message that is a JSON object, or a line of Lambda, of VPC flow logs or of DNS queries.

    Members are joined by dots and elements named by position: `items.0.id`. A name that starts with `@` gets a second
    one. Null, objects and arrays are no fields themselves; of a repeated name the last counts.
    """
    if message.startswith(LAMBDA_STARTS):
        return _lambda_fields(message)
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return _line_fields(message)
    if not isinstance(document, dict):
        return {}
    fields: dict[str, str] = {}
    for name, value in _leaves(document):
        fields[f"@{name}" if name.startswith("@") else name] = _text(value)
        if len(fields) == MAX_FIELDS:
            break
    return fields


def _lambda_fields(message: str) -> dict[str, str]:
    fields = {}
    for name in (*LAMBDA_TEXTS, *LAMBDA_NUMBERS):
        found = re2.search(lambda_pattern(name), message)
        if found is not None:
            number = LAMBDA_NUMBERS.get(name)
            fields[name] = found[1] if number is None else java_double(float(found[1]) * number[1])
    return fields


def _line_fields(message: str) -> dict[str, str]:
    for fields, pattern in LINES:
        if re2.search(pattern, message) is not None:
            values = zip(fields, message.split(" "), strict=True)
            return {name: value for name, value in values if value != "-"}
    return {}


def _leaves(document: object) -> Iterator[tuple[str, object]]:
    # A stack of its own: messages may be nested as deeply as the interpreter's.
    stack: list[tuple[str, object]] = [("", document)]
    while stack:
        name, value = stack.pop()
        match value:
            case dict():
                children = [(f"{name}.{key}" if name else str(key), child) for key, child in value.items()]
            case list():
                children = [(f"{name}.{index}", child) for index, child in enumerate(value)]
            case None:
                continue
            case _:
                yield name, value
                continue
        stack += reversed(children)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return java_double(value) if isinstance(value, float) else str(value)


def java_double(number: float) -> str:
    """Return a number as the service prints one that nothing was computed from: `1394.6`, `1395.0`, `1.28E8`."""
    if number == 0 or PLAIN_FROM <= abs(number) < PLAIN_TO:
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(rest)
    return f"{'-' * sign}{first}.{''.join(rest) or '0'}E{power}"
