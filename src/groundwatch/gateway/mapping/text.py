"""How values are written: in a template's output, and as JSON."""

from __future__ import annotations

import math
import re

import msgspec

from groundwatch.gateway.mapping.budget import MAX_TEXT_CHARACTERS, Budget
from groundwatch.gateway.mapping.errors import PayloadError
from groundwatch.gateway.mapping.values import (
    ContextMap,
    Entry,
    ScientificDouble,
    VtlList,
    VtlValue,
    is_plain_double,
    java_double,
)

MAX_VALUES = 2_000_000
"""Of one payload; some 150 MB of memory."""
_VALUES_PER_STEP = 4
_JSON_START = re.compile(r'\s*[{\["]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_ESCAPED_WITH_SLASH = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
# What the fast encoder leaves as it is, and how it writes controls: with lower-case digits.
_UNESCAPED = re.compile(r"[\x7f-\x9f\u2000-\u20ff]")
_CONTROL = re.compile(r"(?<!\\)((?:\\\\)*\\u00[01])([a-f])")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("Number out of range")
    return number if is_plain_double(number) else ScientificDouble(number)


def _java_number(number: object) -> msgspec.Raw:
    if not isinstance(number, ScientificDouble):
        raise TypeError(f"{type(number).__name__} has no JSON form")
    return msgspec.Raw(java_double(number).encode())


# The service's notation of numbers costs nothing where there are none that Java writes differently.
_DECODER = msgspec.json.Decoder(float_hook=_number)
_ENCODER = msgspec.json.Encoder(enc_hook=_java_number)


def render(value: VtlValue, budget: Budget) -> str:
    """Write a value as a template does; null is nothing."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, ContextMap):
        return "{}" if "requestId" in value else ""
    return _nested(value, budget)


def _nested(value: VtlValue, budget: Budget) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return java_double(value)
    return _container(value, budget)


def _container(value: VtlValue, budget: Budget) -> str:
    budget.charge(1)
    if isinstance(value, dict):
        text = "{" + ", ".join([f"{_nested(k, budget)}={_nested(v, budget)}" for k, v in value.items()]) + "}"
    elif isinstance(value, VtlList):
        text = "[" + ", ".join([_nested(item, budget) for item in value]) + "]"
    elif isinstance(value, list):
        text = _exact_json(value, budget, _ESCAPED_WITH_SLASH)
    elif isinstance(value, Entry):
        text = f"{_nested(value.key, budget)}={_nested(value.value, budget)}"
    else:
        text = ""
    budget.charge_text(len(text))
    return text


def to_json(value: VtlValue, budget: Budget) -> str:
    """Write a value as compact JSON in the notation of json-smart: member order kept, `/` and non-ASCII as they are.

    C1 controls and U+2000 to U+20FF are escaped, decimals are written as Java does.
    """
    if value is None:
        return "null"
    if budget.mutated:
        return _exact_json(value, budget, _ESCAPED)
    fast = _fast_json(value, budget)
    budget.charge_text(len(fast))
    return _as_json_smart(fast)


def member_to_json(member: object, budget: Budget) -> str:
    """Return a member of a service's answer as `to_json` writes its value; two quotes for one that lacks."""
    if member is None:
        return '""'
    if type(member) is msgspec.Raw:
        # Written as `Service` says: no need to search for controls, which takes longer than all the rest of a page.
        text = str(memoryview(member), "utf-8")
        budget.charge_text(len(text))
        return _without_unescaped(text)
    text = _ENCODER.encode(member).decode()
    budget.charge_text(len(text))
    return _as_json_smart(text)


def _as_json_smart(text: str) -> str:
    # Most texts need none of this, and a search by pattern would cost more than the encoding.
    if "\\u00" in text:
        text = _CONTROL.sub(lambda match: match[1] + match[2].upper(), text)
    return _without_unescaped(text)


def _without_unescaped(text: str) -> str:
    return text if text.isascii() and "\x7f" not in text else _UNESCAPED.sub(_escape, text)


def _fast_json(value: VtlValue, budget: Budget) -> str:
    if not isinstance(value, list):
        return _ENCODER.encode(value).decode()
    pieces: list[bytes] = []
    length = 0
    for item in value:
        pieces.append(_ENCODER.encode(item))
        length += len(pieces[-1])
        # What a search finds may contain one another: a payload of megabytes then stands for gigabytes.
        if length > MAX_TEXT_CHARACTERS:
            budget.charge_text(length)
    return f"[{b','.join(pieces).decode()}]"


def _exact_json(value: VtlValue, budget: Budget, escaped: re.Pattern[str]) -> str:
    if isinstance(value, str):
        budget.charge_text(len(value))
        return f'"{escaped.sub(_escape, value)}"'
    if isinstance(value, dict):
        budget.charge(1)
        members = [f'"{escaped.sub(_escape, str(k))}":{_exact_json(v, budget, escaped)}' for k, v in value.items()]
        return _checked("{" + ",".join(members) + "}", budget)
    if isinstance(value, list):
        budget.charge(1)
        return _checked("[" + ",".join([_exact_json(item, budget, escaped) for item in value]) + "]", budget)
    if value is None or isinstance(value, bool | int | float):
        return _nested(value, budget)
    return f'"{escaped.sub(_escape, _nested(value, budget))}"'


def _checked(text: str, budget: Budget) -> str:
    budget.charge_text(len(text))
    return text


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character == "/":
        return "\\/"
    return _ESCAPES.get(character) or f"\\u{ord(character):04X}"


def reading_steps(text: str) -> int:
    """Return the steps of reading JSON text: a list of millions of empty maps takes far more memory than its text.

    Raises:
        PayloadError: when the text has more values than are read.
    """
    values = text.count(",") + text.count("[") + text.count("{") if _looks_like_json(text) else 0
    if values > MAX_VALUES:
        raise PayloadError(f"more than {MAX_VALUES} values")
    return values // _VALUES_PER_STEP


def _looks_like_json(text: str) -> bool:
    return _JSON_START.match(text) is not None


def parse_payload(text: str) -> VtlValue:
    """Read a payload: JSON when it starts like JSON, an empty object when it is empty, else the text itself.

    Raises:
        PayloadError: for text that starts like JSON and is none.
    """
    if not _looks_like_json(text):
        return text if text.strip() else {}
    reading_steps(text)
    return parse_json(text)


def parse_json(text: str) -> VtlValue:
    """Read JSON text.

    Raises:
        PayloadError: for what is not JSON or nests too deeply.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise PayloadError(str(error)) from error
