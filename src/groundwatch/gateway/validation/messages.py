"""What is wrong with a body, in the words of the service, which uses the Java library json-schema-validator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from jsonschema.exceptions import ValidationError

MAX_SHOWN_CHARACTERS = 200
"""Of one value; the library shows it whole, but a body may have megabytes."""

_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def message_of(error: ValidationError) -> str:
    """Return the line for one error."""
    write = _MESSAGES.get(str(error.validator))
    return error.message if write is None else write(error.validator_value, error.instance, error.schema)


def shown(value: object) -> str:
    """Return a value as JSON, shortened."""
    text = msgspec.json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def _type(wanted: Any, instance: Any, _schema: Any) -> str:  # noqa: ANN401 -- members of a schema
    allowed = sorted([wanted] if isinstance(wanted, str) else wanted)
    return (
        f"instance type ({_KINDS.get(type(instance), 'object')}) does not match any allowed primitive type "
        f"(allowed: {shown(allowed)})"
    )


def _minimum(limit: Any, instance: Any, schema: Any) -> str:  # noqa: ANN401 -- members of a schema
    if schema.get("exclusiveMinimum") and instance == limit:
        return f"numeric instance is not strictly greater than the required minimum {shown(limit)}"
    return f"numeric instance is lower than the required minimum (minimum: {shown(limit)}, found: {shown(instance)})"


def _maximum(limit: Any, instance: Any, schema: Any) -> str:  # noqa: ANN401 -- members of a schema
    if schema.get("exclusiveMaximum") and instance == limit:
        return f"numeric instance is not strictly lower than the required maximum {shown(limit)}"
    return f"numeric instance is greater than the required maximum (maximum: {shown(limit)}, found: {shown(instance)})"


_Writer = Callable[[Any, Any, Any], str]
_MESSAGES: Mapping[str, _Writer] = {
    "type": _type,
    "minimum": _minimum,
    "maximum": _maximum,
    "enum": lambda values, found, _: (
        f"instance value ({shown(found)}) not found in enum (possible values: {shown(values)})"
    ),
    "multipleOf": lambda factor, found, _: f"remainder of division is not zero ({shown(found)} / {shown(factor)})",
    "minLength": lambda limit, found, _: (
        f"string {shown(found)} is too short (length: {len(found)}, required minimum: {limit})"
    ),
    "maxLength": lambda limit, found, _: (
        f"string {shown(found)} is too long (length: {len(found)}, maximum allowed: {limit})"
    ),
    "pattern": lambda pattern, found, _: f"ECMA 262 regex {shown(pattern)} does not match input string {shown(found)}",
    "format": lambda name, found, _: f"string {shown(found)} is invalid against requested format {shown(name)}",
    "minItems": lambda limit, found, _: (
        f"array is too short: must have at least {limit} elements but instance has {len(found)} elements"
    ),
    "maxItems": lambda limit, found, _: (
        f"array is too long: must have at most {limit} elements but instance has {len(found)} elements"
    ),
    "additionalItems": lambda _limit, found, schema: (
        f"array only allows {len(schema.get('items', ()))} elements but instance has {len(found)}"
    ),
    "minProperties": lambda limit, found, _: (
        f"object has too few properties (found {len(found)} but schema requires at least {limit})"
    ),
    "maxProperties": lambda limit, found, _: (
        f"object has too many properties (found {len(found)} but schema requires at most {limit})"
    ),
    "anyOf": lambda schemas, *_: f"instance failed to match at least one required schema among {len(schemas)}",
    "not": lambda *_: "instance matched a schema which it should not have",
}
