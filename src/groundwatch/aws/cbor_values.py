"""CBOR documents (RFC 8949) to operation inputs and outputs to CBOR documents, as RPC-v2-CBOR has them.

Of CBOR's tags the protocol uses one, for timestamps. All others are refused: among them are such that make an array
contain itself, compile a regular expression or build a number of a million digits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import cbor2

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.json_values import members_of
from groundwatch.aws.shapes import INTEGER_RANGES, Member, Shape, Value
from groundwatch.aws.timestamps import format_timestamp, parse_timestamp

MAX_DEPTH = 64
"""How deep documents may nest; no service's input needs a quarter of it."""
TIMESTAMP_TAG = 1
_OTHER_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)
"""The tags that the library would make something of by itself."""
_SCALARS: dict[str, type] = {"string": str, "boolean": bool, "blob": bytes}


def _malformed(message: str) -> ServiceError:
    return ServiceError("SerializationException", message)


def _refuse_tag(*_: object) -> NoReturn:
    raise _malformed("The request body has a CBOR tag that the protocol does not use.")


_REFUSED_TAGS = dict.fromkeys(_OTHER_TAGS, _refuse_tag)


def decode_cbor(body: bytes) -> Value:
    """Return the value of a request body; an empty one stands for an empty map.

    Raises `SerializationException` for what is not one well-formed CBOR item.
    """
    if not body:
        return {}
    try:
        return cbor2.loads(
            body,
            tag_hook=_refuse_tag,
            semantic_decoders=_REFUSED_TAGS,
            max_depth=MAX_DEPTH,
            strict_hashable_types=True,
        )
    except cbor2.CBORDecodeError as error:
        # The library wraps what a tag decoder raises.
        if isinstance(error.__cause__, ServiceError):
            raise error.__cause__ from error
        raise _malformed("The request body is not valid CBOR.") from error


def encode_cbor(value: Value) -> bytes:
    """Return the CBOR of a value that `to_cbor` made."""
    return cbor2.dumps(value)


def structure_from_cbor(shape: Shape, raw: Value) -> dict[str, Any]:
    """Return the members of a structure that are present and not null; unknown members are dropped.

    Raises `SerializationException` when a value has the wrong type for its shape.
    """
    if not isinstance(raw, dict):
        raise _malformed("Unexpected value type in payload")
    return {
        name: _from_cbor(member, inner)
        for name, member in shape.members.items()
        if not _is_null(inner := raw.get(member.wire_name))
    }


def _from_cbor(member: Member, raw: Value) -> Value:
    shape = member.shape
    read = _FROM_CBOR.get(shape.kind)
    if read is not None:
        return read(shape, raw)
    if shape.kind in INTEGER_RANGES:
        return _integer(shape.kind, raw)
    if isinstance(raw, _SCALARS[shape.kind]):
        return raw
    raise _cannot_convert(raw, shape.kind)


def _list(shape: Shape, raw: Value) -> list[Any]:
    element = shape.element
    if not isinstance(raw, list) or element is None:
        raise _malformed("Expected list or null")
    if any(map(_is_null, raw)):
        raise _malformed("Null elements are not allowed in a list")
    return [_from_cbor(element, inner) for inner in raw]


def _map(shape: Shape, raw: Value) -> dict[str, Any]:
    value = shape.value
    if not isinstance(raw, dict) or value is None or not all(isinstance(name, str) for name in raw):
        raise _malformed("Expected map or null")
    return {name: _from_cbor(value, inner) for name, inner in raw.items() if not _is_null(inner)}


def _double(_shape: Shape, raw: Value) -> float:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return float(raw)
    raise _cannot_convert(raw, "double")


def _timestamp(_shape: Shape, raw: Value) -> datetime:
    # Tag 1 has been read already; a bare number is what some clients send.
    if isinstance(raw, datetime):
        return raw
    try:
        return parse_timestamp(raw, "unixTimestamp")
    except ValueError as error:
        raise _cannot_convert(raw, "timestamp") from error


def _integer(kind: str, raw: Value) -> int:
    low, high = INTEGER_RANGES[kind]
    if isinstance(raw, int) and not isinstance(raw, bool) and low <= raw <= high:
        return raw
    raise _cannot_convert(raw, kind)


_FROM_CBOR: dict[str, Callable[[Shape, Value], Value]] = {
    "structure": structure_from_cbor,
    "list": _list,
    "map": _map,
    "double": _double,
    "timestamp": _timestamp,
}


def _is_null(raw: Value) -> bool:
    return raw is None or raw is cbor2.undefined


def _cannot_convert(raw: Value, kind: str) -> ServiceError:
    return _malformed(f"A value of CBOR type {type(raw).__name__} can not be converted to a value of type {kind}")


def structure_to_cbor(shape: Shape, value: object) -> dict[str, Any]:
    """Return the members of an output structure under their wire names; None-valued ones are left out."""
    given = members_of(value)
    return {
        member.wire_name: _to_cbor(member, inner)
        for name, member in shape.members.items()
        if (inner := given.get(name)) is not None
    }


def _to_cbor(member: Member, value: Value) -> Value:
    write = _TO_CBOR.get(member.shape.kind)
    return value if write is None else write(member.shape, value)


def _list_to_cbor(shape: Shape, value: Value) -> Value:
    element = shape.element
    return list(value) if element is None else [_to_cbor(element, inner) for inner in value if inner is not None]


def _map_to_cbor(shape: Shape, value: Value) -> Value:
    inner = shape.value
    if inner is None:
        return value
    return {name: _to_cbor(inner, entry) for name, entry in value.items() if entry is not None}


def _timestamp_to_cbor(_shape: Shape, value: Value) -> cbor2.CBORTag:
    # Answers hold these by the hundred thousand.
    seconds = value if isinstance(value, (int, float)) else format_timestamp(value, "unixTimestamp")
    return cbor2.CBORTag(TIMESTAMP_TAG, seconds)


def _blob_to_cbor(_shape: Shape, value: Value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


_TO_CBOR: dict[str, Callable[[Shape, Value], Value]] = {
    "structure": structure_to_cbor,
    "list": _list_to_cbor,
    "map": _map_to_cbor,
    "timestamp": _timestamp_to_cbor,
    "blob": _blob_to_cbor,
}
