"""The fields of a JSON message as Insights discovers them: flattened, as text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

MAX_FIELDS = 200
"""How many fields are discovered in one event (User Guide, supported logs and discovered fields)."""
PLAIN_FROM, PLAIN_TO = 1e-3, 1e7


def discovered_fields(message: str) -> dict[str, str]:
    """Return the fields of a message that is a JSON object, none of any other message.

    Members are joined by dots and elements named by position: `items.0.id`. A name that starts with `@` gets a second
    one. Null, objects and arrays are no fields themselves; of a repeated name the last counts.
    """
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    fields: dict[str, str] = {}
    for name, value in _leaves(document):
        fields[f"@{name}" if name.startswith("@") else name] = _text(value)
        if len(fields) == MAX_FIELDS:
            break
    return fields


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
