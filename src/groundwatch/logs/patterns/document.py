"""JSON messages as Python values, exactly as the engine's parser (simdjson) takes them.

Where readers of JSON differ, this one does as the engine does, since a pattern must mean the same in both:
of repeated keys the first counts; a byte order mark may lead; nothing but white space may follow; more than 1,023
levels, half a surrogate pair, and a number beyond the range of doubles make a message unusable.

Most messages go through msgspec, which agrees in all but rare cases; those go through the standard library's reader.
"""

from __future__ import annotations

import json
import math
import re
from json.decoder import scanstring  # type: ignore[attr-defined] # the C or the Python one
from typing import NoReturn

import msgspec

MAX_DEPTH = 1023
CONVERTED_DIGITS = 4000
# Strings and empty arrays and objects, which are no level to the engine, are taken whole and count for nothing.
STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"|\[[ \t\n\r]*\]|\{[ \t\n\r]*\}|[\[\]{}]', re.DOTALL)
OPENING = frozenset("[{")
CLOSING = frozenset("]}")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
SPACE = re.compile(r"[ \t\n\r]*")
SCALAR = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null")
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class LongInteger(msgspec.Struct, frozen=True):
    """An integer with more digits than the interpreter converts, as its text."""

    text: str


JsonValue = str | bool | int | float | LongInteger | list["JsonValue"] | dict[str, "JsonValue"] | None


class RepeatedKeys(dict[str, JsonValue]):
    """An object that names a key twice: a mapping of the first values, which remembers all."""

    def __init__(self, pairs: list[tuple[str, JsonValue]]) -> None:
        # Reversed, so that the first of repeated keys is the one that stays.
        super().__init__(reversed(pairs))
        self.pairs = pairs


def read_object(message: str) -> dict[str, JsonValue] | None:
    """Return the message as a JSON object, None when it is none."""
    text = message.removeprefix("\ufeff")
    if _too_deep(text):
        return None
    try:
        document = _parse(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and _pairs_surrogates(text) else None


def read_without_repeats(message: str) -> dict[str, JsonValue] | None:
    """Return what `read_object` returns, some five times faster, but of repeated keys the last value."""
    document = _read_fast(message)
    return document if isinstance(document, dict) else None


def _read_fast(message: str) -> JsonValue:
    if _too_deep(message):
        return None
    try:
        return FAST_DECODER.decode(message)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return read_object(message)


def _too_deep(text: str) -> bool:
    """Tell whether the message nests beyond the limit; short ones cannot."""
    # Counting brackets is one pass in C; most messages have fewer than the limit, whatever they nest.
    if len(text) <= MAX_DEPTH or text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    return _depth(text) > MAX_DEPTH


def _parse(text: str) -> JsonValue:
    try:
        return DECODER.decode(text)  # type: ignore[no-any-return]
    except RecursionError:
        return _parse_deep(text)


def _integer(text: str) -> int | LongInteger:
    # The interpreter refuses to convert many more, since that takes quadratic time (sys.set_int_max_str_digits).
    return int(text) if len(text) <= CONVERTED_DIGITS else LongInteger(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


FAST_DECODER = msgspec.json.Decoder()


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_refuse, strict=True
)


def _depth(text: str) -> int:
    """Return how deeply arrays and objects nest."""
    depth = deepest = 0
    for found in STRUCTURE.finditer(text):
        character = found.group()
        if character in OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif character in CLOSING:
            depth -= 1
    return deepest


def _pairs_surrogates(text: str) -> bool:
    """Tell whether every escaped surrogate has its other half right beside it."""
    # Most messages escape nothing, which one search tells.
    if "\\u" not in text:
        return True
    expected_at = -1
    for found in ESCAPE.finditer(text):
        code = int(found.group(1) or "0", 16)
        if 0xDC00 <= code < 0xE000:
            if found.start() != expected_at:
                return False
            expected_at = -1
        elif expected_at >= 0:
            return False
        elif 0xD800 <= code < 0xDC00:
            expected_at = found.end()
    return expected_at < 0


def _parse_deep(text: str) -> JsonValue:
    """Parse without recursion what nests more deeply than the interpreter lets the decoder go. Raises ValueError."""
    reader = _DeepReader(text)
    while not reader.finished:
        reader.step()
    return reader.result


class _DeepReader:
    """A JSON parser that keeps the open arrays and objects in a list of its own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[list[JsonValue] | list[tuple[str, JsonValue]]] = []
        self._keys: list[str | None] = []
        self.finished = False
        self.result: JsonValue = None

    def step(self) -> None:
        """Read one value up to the comma after it, or the opening of an array or object."""
        character = self._peek()
        if character not in {"{", "["}:
            self._complete(self._scalar(character))
            return
        self._at += 1
        self._open.append([])
        self._keys.append(None)
        if self._peek() == ("}" if character == "{" else "]"):
            self._complete(self._close())
        elif character == "{":
            self._key()

    def _peek(self) -> str:
        found = SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> None:
        if self._peek() != character:
            raise ValueError(f"no {character}")
        self._at += 1

    def _key(self) -> None:
        self._take('"')
        self._keys[-1], self._at = scanstring(self._text, self._at, True)  # noqa: FBT003 - strict, by position only
        self._take(":")

    def _scalar(self, character: str) -> JsonValue:
        if character == '"':
            text: str
            text, self._at = scanstring(self._text, self._at + 1, True)  # noqa: FBT003 - as above
            return text
        found = SCALAR.match(self._text, self._at)
        if found is None:
            raise ValueError("no value")
        self._at = found.end()
        if found.group(1) is None:
            return WORDS[found.group()]
        return _float(found.group()) if found.group(2) or found.group(3) else _integer(found.group())

    def _complete(self, value: JsonValue) -> None:
        """Add a value to what is open, and close what it ends."""
        while self._open:
            key = self._keys[-1]
            self._open[-1].append(value if key is None else (key, value))  # type: ignore[arg-type]
            if self._peek() == ",":
                self._at += 1
                if key is not None:
                    self._key()
                return
            if self._peek() != ("]" if key is None else "}"):
                raise ValueError("no comma")
            value = self._close()
        if self._peek():
            raise ValueError("text after the value")
        self.finished, self.result = True, value

    def _close(self) -> JsonValue:
        closes_object = self._text[self._at] == "}"
        self._at += 1
        found = self._open.pop()
        self._keys.pop()
        return _object(found) if closes_object else found  # type: ignore[arg-type,return-value]
