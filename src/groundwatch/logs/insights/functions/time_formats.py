"""Formats of times, of Java and of strftime, checked before the engine sees them: it would fail at what it lacks."""

from __future__ import annotations

import re

from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.nodes import Text

LONGEST = 200
"""Characters of a format."""
STRFTIME = {
    **{code: code for code in "YmdHSyjFTDaIpbefC"},
    "M": "i",
    "B": "M",
    "A": "W",
    "h": "b",
    "R": "R",
    "u": "u",
    "w": "w",
    "%": "%",
    "V": "V",
}
"""strftime's letters and what the engine calls the same."""
JAVA = frozenset("aCdDeEGhHkKmMsSwxyY")
"""The letters that the engine prints and reads. It prints names of zones (`zzzz`) besides, and reads offsets (`Z`)."""
JAVA_RUN = re.compile(r"'(?:[^']|'')*'?|([A-Za-z])\1*")
ZONE_NAME = "zzzz"
MOST_FRACTION_DIGITS = 6
LONGEST_RUN = 20
"""Of one letter."""


def engine_strftime(function: str, node: Text) -> str:
    """Return the engine's form of a strftime format; `MalformedQueryException` names the letter that there is not."""
    _check_length(function, node)

    def code(found: re.Match[str]) -> str:
        known = STRFTIME.get(found[1])
        if known is None:
            raise _refused(function, node, found)
        return f"%{known}"

    return re.sub(r"%(.?)", code, node.value, flags=re.DOTALL)


def java_to_print(function: str, node: Text) -> str:
    """Return a pattern of Java by which the engine can print times; raises as `engine_strftime` does."""
    return _java(function, node, reads=False)


def java_to_read(function: str, node: Text) -> str:
    """Return a pattern of Java by which the engine can read times; raises as `engine_strftime` does."""
    return _java(function, node, reads=True)


def _java(function: str, node: Text, *, reads: bool) -> str:
    _check_length(function, node)
    if not node.value:
        raise malformed(f"{function} needs a pattern", node.span)
    for found in JAVA_RUN.finditer(node.value):
        run, letter = found.group(), found[1]
        if letter is None:
            if run.count("'") % 2:
                raise malformed(f"{function}: the quoted text in the pattern has no end", _place(node, found))
        elif not _is_known(run, letter, reads=reads):
            raise _refused(function, node, found)
    return node.value


def _is_known(run: str, letter: str, *, reads: bool) -> bool:
    if len(run) > (MOST_FRACTION_DIGITS if reads and letter == "S" else LONGEST_RUN):
        return False
    # Reading names of zones fails in the engine at texts that are none.
    return letter in JAVA or (letter == "Z" if reads else run.startswith(ZONE_NAME))


def _refused(function: str, node: Text, found: re.Match[str]) -> Exception:
    said = f"{function} does not support {found.group()}, at character {found.start() + 1} of the format"
    return malformed(said, _place(node, found))


def _check_length(function: str, node: Text) -> None:
    if len(node.value) > LONGEST:
        raise malformed(f"a format of {function} has at most {LONGEST} characters", node.span)


def _place(node: Text, found: re.Match[str]) -> Span:
    start, end = node.span
    if end - start != len(node.value) + 2:
        # With escapes in the string, places in its value are not those in the query.
        return node.span
    return (start + 1 + found.start(), start + 1 + found.end())
