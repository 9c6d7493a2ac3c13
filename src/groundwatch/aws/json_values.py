"""JSON documents to operation inputs and outputs to JSON documents, by walking the shape.

This is the thorough way, for every shape and with the services' own error texts; `json_types` is the fast one.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.shapes import INTEGER_RANGES, Member, Shape, Value
from groundwatch.aws.timestamps import format_timestamp, parse_timestamp

MAX_VALUES = 200_000
"""How many values a document may hold that is walked here; the largest that a service takes, a batch of events, holds
a tenth of it. Each becomes a Python object many times its size in the body."""
_FEW_VALUES_BYTES = MAX_VALUES
# Possessive, and content with a missing end: linear in whatever is sent.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# An even number of backslashes before it, else it is text about an escape.
_CONTROL = re.compile(rb"(?<!\\)((?:\\\\)*\\u00[01])([a-f])")
_NOT_A_NUMBER = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TARGETS = {"integer": "Integer", "long": "Long", "double": "Double", "boolean": "Boolean", "string": "String"}


class WrongTypeError(ServiceError):
    """A JSON scalar of the wrong type; AWS JSON names the token, REST services the Java class that came of it."""

    def __init__(self, raw: object, target: str) -> None:
        if isinstance(raw, bool):
            token, java_class = ("TRUE_VALUE" if raw else "FALSE_VALUE"), "Boolean"
        elif isinstance(raw, str):
            token, java_class = "STRING_VALUE", "String"
        else:
            token, java_class = "NUMBER_VALUE", "Integer" if isinstance(raw, int) else "Double"
        article = "an" if target[0] in "AEIO" else "a"
        super().__init__("SerializationException", f"{token} can not be converted to {article} {target}")
        self.java_message = f"class java.lang.{java_class} can not be converted to an {target}"


def serialization_error(message: str | None = None) -> ServiceError:
    """Return the error for a body whose form is wrong: not JSON, or JSON of the wrong type."""
    return ServiceError("SerializationException", message)


def with_capital_digits(json: bytes) -> bytes:
    """Return JSON as Java's writers have it: the hexadecimal digits of escaped control characters are capitals."""
    return _CONTROL.sub(lambda match: match[1] + match[2].upper(), json) if b"\\u00" in json else json


def decode_document(body: bytes) -> Value:
    """Return the JSON value of a request body; an empty one stands for `{}`.

    Raises `SerializationException`, and RequestEntityTooLarge for a document of more than `MAX_VALUES` values.
    """
    if not body:
        return {}
    if len(body) > _FEW_VALUES_BYTES and _count_values(body) > MAX_VALUES:
        raise ServiceError(
            "RequestEntityTooLarge", f"The request body holds more than {MAX_VALUES} values.", status=413
        )
    check_utf8(body)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise serialization_error("The request body is not valid JSON.") from error


def check_utf8(body: bytes) -> None:
    """Return when the bytes are UTF-8, which decoders do not check in what they skip; else `SerializationException`."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise serialization_error("The request body is not valid JSON.") from error


def _count_values(body: bytes) -> int:
    return 1 + _STRING.sub(b"", body).count(b",")


def from_json(member: Member, raw: Value) -> Value:
    """Return the Python value of a decoded JSON value: model member names, absent for null, unknown members dropped.

    Raises `SerializationException` when a value has the wrong type for its shape.
    """
    shape = member.shape
    if shape.is_document:
        return raw
    if shape.kind == "structure":
        return structure_from_json(shape, raw)
    if shape.kind == "list":
        return _list_from_json(shape, raw)
    if shape.kind == "map":
        return _map_from_json(shape, raw)
    if isinstance(raw, (dict, list)):
        raise serialization_error(
            "Start of list found where not expected"
            if isinstance(raw, list)
            else "Start of structure or map found where not expected."
        )
    return _scalar_from_json(member, raw)


def structure_from_json(shape: Shape, raw: Value) -> dict[str, Any]:
    """Return the members of a structure that are present and not null."""
    if not isinstance(raw, dict):
        raise serialization_error("Unexpected value type in payload")
    return {
        name: from_json(member, inner)
        for name, member in shape.members.items()
        if member.location is None and (inner := raw.get(member.wire_name)) is not None
    }


def _list_from_json(shape: Shape, raw: Value) -> list[Any]:
    element = shape.element
    if not isinstance(raw, list) or element is None:
        raise serialization_error("Expected list or null")
    if None in raw:
        raise serialization_error("Null elements are not allowed in a list")
    return [from_json(element, inner) for inner in raw]


def _map_from_json(shape: Shape, raw: Value) -> dict[str, Any]:
    value = shape.value
    if not isinstance(raw, dict) or value is None:
        raise serialization_error("Expected map or null")
    return {name: from_json(value, inner) for name, inner in raw.items() if inner is not None}


def _scalar_from_json(member: Member, raw: Value) -> Value:
    kind = member.shape.kind
    if kind == "string" and isinstance(raw, str):
        return raw
    if kind in INTEGER_RANGES:
        return _integer(kind, raw)
    if kind == "double":
        return _double(raw)
    if kind == "boolean" and isinstance(raw, bool):
        return raw
    if kind == "blob" and isinstance(raw, str):
        return decode_base64(raw)
    if kind == "timestamp":
        return _timestamp(member, raw)
    raise _cannot_convert(raw, kind)


def _integer(kind: str, raw: Value) -> int:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or raw != raw // 1:
        raise _cannot_convert(raw, kind)
    low, high = INTEGER_RANGES[kind]
    if not low <= raw <= high:
        raise _cannot_convert(raw, kind)
    return int(raw)


def _double(raw: Value) -> float:
    if isinstance(raw, str) and raw in _NOT_A_NUMBER:
        return _NOT_A_NUMBER[raw]
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise _cannot_convert(raw, "double")
    try:
        return float(raw)
    except OverflowError as error:
        # JSON's integers have no bounds.
        raise _cannot_convert(raw, "double") from error


def _timestamp(member: Member, raw: Value) -> datetime:
    try:
        return parse_timestamp(raw, member.timestamp_format)
    except ValueError as error:
        raise _cannot_convert(raw, "timestamp") from error


def decode_base64(text: str) -> bytes:
    """Return the bytes of a blob; raises `SerializationException` when it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise serialization_error("A blob is not valid base64.") from error


def _cannot_convert(raw: Value, kind: str) -> WrongTypeError:
    return WrongTypeError(raw, _TARGETS.get(kind, kind.capitalize()))


def members_of(value: object) -> Mapping[str, Any]:
    """Return the members of an operation's output value: a mapping as it is, a msgspec Struct by its encoded names."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {wire: inner for wire, name in names if (inner := getattr(value, name)) is not msgspec.UNSET}
    raise TypeError(f"a structure is answered with a mapping or a Struct, not {type(value).__name__}")


def to_json(member: Member, value: Value) -> Value:
    """Return the JSON value of an operation's output value; None-valued members are left out."""
    if value is None or member.shape.is_document or isinstance(value, msgspec.Raw):
        return value
    convert = _TO_JSON.get(member.shape.kind)
    return value if convert is None else convert(member, value)


def _structure(member: Member, value: Value) -> Value:
    return structure_to_json(member.shape, value)


def _list(member: Member, value: Value) -> Value:
    element = member.shape.element
    return value if element is None else [to_json(element, inner) for inner in value]


def _map(member: Member, value: Value) -> Value:
    inner = member.shape.value
    if inner is None:
        return value
    return {name: to_json(inner, entry) for name, entry in value.items() if entry is not None}


def _blob(_member: Member, value: Value) -> Value:
    return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()


def _moment(member: Member, value: Value) -> Value:
    return format_timestamp(value, member.timestamp_format or "unixTimestamp")


def _number(_member: Member, value: Value) -> Value:
    return value if math.isfinite(value) else double_text(value)


_TO_JSON: dict[str, Callable[[Member, Value], Value]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "blob": _blob,
    "timestamp": _moment,
    "double": _number,
}


def structure_to_json(shape: Shape, value: object) -> dict[str, Any]:
    """Return the body members of a structure under their wire names."""
    given = members_of(value)
    return {
        member.wire_name: to_json(member, inner)
        for name, member in shape.members.items()
        if member.location is None and (inner := given.get(name)) is not None
    }


def double_text(value: float) -> str:
    """Return the text of a number that JSON has no literal for, or of any other in its shortest form."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
