"""Scalars as text: form fields, path labels, query strings, headers and XML all carry them alike."""

from __future__ import annotations

import base64
import math

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.json_values import decode_base64, double_text, serialization_error
from groundwatch.aws.shapes import INTEGER_RANGES, Member, Value
from groundwatch.aws.timestamps import format_timestamp, parse_timestamp

_MAX_DIGITS = 32
_BOOLEANS = {"true": True, "false": False}


def from_text(member: Member, text: str) -> Value:
    """Return the Python value of a scalar's text; raises `SerializationException` when it is not of its type."""
    kind = member.shape.kind
    if kind == "string":
        return text
    if kind == "blob":
        return decode_base64(text)
    if kind == "boolean" and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    try:
        if kind in INTEGER_RANGES:
            return _integer(kind, text)
        if kind == "double":
            return _double(text)
        if kind == "timestamp":
            return parse_timestamp(text, member.timestamp_format)
    except ValueError as error:
        raise _cannot_convert(kind, text) from error
    raise _cannot_convert(kind, text)


def to_text(member: Member, value: Value, timestamp_format: str) -> str:
    """Return the text of a scalar; `timestamp_format` is the place's default, which the model may override."""
    kind = member.shape.kind
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "double":
        return double_text(value) if isinstance(value, float) else str(value)
    if kind == "timestamp":
        return str(format_timestamp(value, member.timestamp_format or timestamp_format))
    if kind == "blob":
        return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()
    return str(value)


def _integer(kind: str, text: str) -> int:
    # int() also takes underscores and other scripts' digits, which no AWS service does.
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= _MAX_DIGITS):
        raise ValueError(text)
    value = int(text)
    low, high = INTEGER_RANGES[kind]
    if not low <= value <= high:
        raise ValueError(text)
    return value


def _double(text: str) -> float:
    if not text.isascii() or "_" in text or text.strip() != text:
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value) and text not in {"NaN", "Infinity", "-Infinity"}:
        raise ValueError(text)
    return value


def _cannot_convert(kind: str, text: str) -> ServiceError:
    return serialization_error(f"'{text[:64]}' can not be converted to a value of type {kind}")
