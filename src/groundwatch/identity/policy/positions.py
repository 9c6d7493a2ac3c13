"""Where in the text of a policy each of its statements stands."""

from __future__ import annotations

import json
import re

import msgspec

BLANKS = re.compile(r"[ \t\r\n]*")


class Span(msgspec.Struct, frozen=True):
    """The place of a statement: offsets of its first character and of the one after its last."""

    start: int
    end: int


def statement_spans(text: str) -> tuple[Span, ...]:
    """Return where the statements of a policy stand, in their order.

    The text must be one that `parse_policy` reads: an object with a member `Statement`.
    """
    decode = json.JSONDecoder().raw_decode
    position = _past_blanks(text, _past_blanks(text, 0) + 1)
    while text[position] != "}":
        name, position = decode(text, position)
        position = _past_blanks(text, _past_blanks(text, position) + 1)
        if name == "Statement":
            return _spans_of(text, position)
        _, position = decode(text, position)
        position = _past_blanks(text, position)
        if text[position] == ",":
            position = _past_blanks(text, position + 1)
    return ()


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the place of a character, both counted from one."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


def _spans_of(text: str, position: int) -> tuple[Span, ...]:
    decode = json.JSONDecoder().raw_decode
    if text[position] != "[":
        return (Span(position, decode(text, position)[1]),)
    spans: list[Span] = []
    while text[position] in "[,":
        start = _past_blanks(text, position + 1)
        _, end = decode(text, start)
        spans.append(Span(start, end))
        position = _past_blanks(text, end)
    return tuple(spans)


def _past_blanks(text: str, position: int) -> int:
    found = BLANKS.match(text, position)
    return found.end() if found else position
