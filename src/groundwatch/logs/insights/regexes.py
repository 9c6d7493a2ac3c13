"""Regular expressions of a query, judged by the engine that the store searches with."""

from __future__ import annotations

import itertools
import re
from typing import Any

import re2

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.nodes import Regex

MAX_PROGRAM_BYTES = 8 << 20
LOOKS_BEHIND = re.compile(r"(?<!\[)\^|\\[bBA]")
MAX_PREFIX_BYTES = 64
PIECES = re.compile(
    r"(?P<kept>\\[^QECbBA]|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?:|[^\\\[.(]|\((?!\?))"
    r"|(?P<named>\(\?P?<\w+>)|(?P<dot>\.)",
    re.DOTALL,
)
ONE_LINE = "(?-s)"
"""In the engine a dot matches a line end unless told otherwise."""
MOST_ALONE = 8
TRIES = re.compile(r"[*+?}]\?|\[\^\\n\][*+{]")
"""Of an expression for the engine: where it has to try how much of the text belongs to what it repeats."""
LEAST_PREFIX = 3
"""Shorter texts are found everywhere, and looking for them first saves nothing."""


def compiled(regex: Regex) -> Any:  # noqa: ANN401 - re2 is untyped
    """Return the compiled expression; `MalformedQueryException` at its place when RE2 refuses it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PROGRAM_BYTES
    try:
        return re2.compile(regex.expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise malformed(f"the regular expression is refused: {reason}", regex.span) from error


def for_engine(expression: str) -> str:
    """Return an expression as the engine reads it, in which a dot matches no line end.

    The engine knows what text an expression needs, also to ask its indexes, only where it has neither flags nor names.
    """
    pieces = list(PIECES.finditer(expression))
    if sum(len(piece[0]) for piece in pieces) < len(expression):
        return ONE_LINE + expression
    plain = {"kept": None, "named": "(", "dot": r"[^\n]"}
    return "".join(plain[str(piece.lastgroup)] or piece[0] for piece in pieces)


def groups_alone(expression: str, count: int) -> list[str]:
    """Return for each of the groups of an expression for the engine the expression with this group alone.

    Empty where finding all groups at once is the faster way: several groups take an array for each row, and more time
    within RE2, but an expression that has no fixed beginning, or tries how far its parts reach, is slow each time.
    """
    if count == 1:
        return [expression]
    pieces = [piece[0] for piece in PIECES.finditer(expression)]
    groups = [place for place, piece in enumerate(pieces) if piece == "("]
    is_read = len(groups) == count and "".join(pieces) == expression
    begins = expression.startswith("^") or match_prefix(expression)
    if not (is_read and begins) or count > MOST_ALONE or TRIES.search(expression):
        return []
    other = ["(?:" if piece == "(" else piece for piece in pieces]
    return ["".join([*other[:place], "(", *other[place + 1 :]]) for place in groups]


def match_prefix(expression: str) -> str:
    """Return the text that every match begins with and that is all that need be known of what stands before a match.

    Searching from its first occurrence on finds the same matches. Empty if there is none worth looking for. With flags
    the engine takes longer for less.
    """
    if expression.startswith(ONE_LINE) or LOOKS_BEHIND.search(expression):
        return ""
    try:
        lowest, highest = re2.compile(expression).possiblematchrange(MAX_PREFIX_BYTES)
    except re2.error:
        # It has no range: a match may begin with anything.
        return ""
    # What lies between two texts that begin alike begins so too.
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(lowest, highest, strict=False))
    prefix = bytes(one for one, _ in alike).decode("utf-8", "ignore")
    return prefix if len(prefix) >= LEAST_PREFIX else ""
