"""Regular expressions of API owners: selection patterns, and the string methods of templates that take one.

The syntax is Java's as far as RE2 shares it, and matching takes time linear in the text. Look-around, back-references
and possessive quantifiers do not exist in RE2; a pattern that uses them is refused.

Linear is not cheap: a counted repetition unfolds into thousands of instructions, each of which RE2 may try at every
character, and a search for all matches may read to the end of the text for each. So patterns and matches have a cost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import re2

from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError

MAX_PATTERN_CHARACTERS = 4096
MAX_INSTRUCTIONS = 50_000
"""Into how many instructions a pattern may unfold; `.{1,1000}` has 9,000."""
MAX_COST = 200_000
"""What one match outside any budget may cost, in steps: a fifth of a second at worst."""
_MAX_MEMORY_BYTES = 4 * 1024 * 1024
"""For a program and its automaton; half of RE2's default, since deployments keep many of them."""
_STEPS_PER_MATCH = 4
_USUAL_MATCH_NS = 20_000
_NS_PER_STEP = 1000
_CHARACTERS_PER_STEP = 64
_FEW_INSTRUCTIONS = 20
"""So few instructions make few enough states for RE2's automaton, which needs a nanosecond a character."""
_TRIES_PER_STEP = 100
"""How many instructions RE2 tries per step, that is in a microsecond, when its automaton gave up."""
_COMPILED_PER_STEP = 4
_LITERAL = re.compile(r"(?:[^\\.\[\]{}()*+?^$|]|\\[^A-Za-z0-9])+")
_ESCAPED_CHARACTER = re.compile(r"\\(.)", re.DOTALL)
_REPLACEMENT_PART = re.compile(r"\\(.)|\$(\d)|\$\{([A-Za-z][A-Za-z0-9]*)\}|([^\\$]+)", re.DOTALL)


class _Match(Protocol):
    """What is used of a match; `re2` has no types of its own."""

    def group(self, number: int, /) -> str | None:
        """Return what a group matched."""

    def span(self) -> tuple[int, int]:
        """Return where the match begins and ends."""


def _said(error: Exception) -> str:
    # RE2 tells its reasons in bytes.
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(error)


class Regex:
    """A compiled pattern.

    Raises:
        MappingError: when the pattern is not one that RE2 can run.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise MappingError(f"regular expression has more than {MAX_PATTERN_CHARACTERS} characters")
        self._literal = _ESCAPED_CHARACTER.sub(r"\1", pattern) if _LITERAL.fullmatch(pattern) else None
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MAX_MEMORY_BYTES
        try:
            self._compiled = re2.compile(pattern, options)
        except (re2.error, UnicodeEncodeError) as error:
            raise MappingError(f"regular expression {pattern!r} cannot be used: {_said(error)}") from error
        self._instructions = int(self._compiled.programsize)
        if self._instructions > MAX_INSTRUCTIONS:
            raise MappingError(f"regular expression {pattern[:80]!r} is too large")
        self.compile_cost = 1 + self._instructions // _COMPILED_PER_STEP
        """The steps of having compiled the pattern."""

    def cost(self, text: str) -> int:
        """Return the steps of reading a text once, at worst."""
        if self._instructions <= _FEW_INSTRUCTIONS:
            return 1 + len(text) // _CHARACTERS_PER_STEP
        return 1 + len(text) * self._instructions // _TRIES_PER_STEP

    def matches(self, text: str, max_cost: int = MAX_COST) -> bool:
        """Tell whether the pattern matches the whole text, as Java's `matches()`.

        Raises:
            TemplateLimitError: when that may cost more than `max_cost`.
        """
        self._check(text, max_cost)
        return self._compiled.fullmatch(text) is not None

    def search(self, text: str, max_cost: int = MAX_COST) -> bool:
        """Tell whether the pattern matches anywhere; raises as `matches`."""
        self._check(text, max_cost)
        return self._compiled.search(text) is not None

    def _check(self, text: str, max_cost: int) -> None:
        if self.cost(text) > max_cost:
            raise TemplateLimitError("a regular expression needs too many steps for a text of this length")

    def replace(self, text: str, replacement: str, charge: Callable[[int], None], *, first_only: bool = False) -> str:
        """Replace matches; in the replacement `$1` is a group and a backslash makes the next character literal.

        `charge` is told of the steps that the search costs.
        """
        parts = _parse_replacement(replacement)
        if self._literal is not None and all(isinstance(part, str) for part in parts):
            plain = "".join(map(str, parts))
            charge(text.count(self._literal))
            return text.replace(self._literal, plain, 1 if first_only else -1)

        pieces: list[str] = []
        last = 0
        for match in self._found(text, charge):
            start, end = match.span()
            pieces += (text[last:start], _expand(parts, match))
            last = end
            if first_only:
                break
        pieces.append(text[last:])
        return "".join(pieces)

    def split(self, text: str, charge: Callable[[int], None]) -> list[str]:
        """Split as Java does: trailing empty strings are dropped, and so is an empty match at the start."""
        pieces: list[str] = []
        last = 0
        for match in self._found(text, charge):
            start, end = match.span()
            if end == 0:
                continue
            pieces.append(text[last:start])
            last = end
        pieces.append(text[last:])
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        return pieces

    def _found(self, text: str, charge: Callable[[int], None]) -> Iterator[_Match]:
        """Yield all matches, each of which is paid."""
        charge(self.cost(text))
        matches = self._compiled.finditer(text)
        while True:
            # How far RE2 had to read for a match cannot be told from outside, only how long that took.
            begin_ns = time.thread_time_ns()
            match = next(matches, None)
            if match is None:
                return
            excess_ns = max(0, time.thread_time_ns() - begin_ns - _USUAL_MATCH_NS)
            charge(_STEPS_PER_MATCH + excess_ns // _NS_PER_STEP)
            yield match


class RegexCache:
    """Keeps the patterns of one template compiled; bounded, since a template can make patterns from data."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._compiled: dict[str, Regex] = {}

    def get(self, pattern: str, charge: Callable[[int], None]) -> Regex:
        """Return the compiled pattern; `charge` is told of the steps of compiling it."""
        found = self._compiled.get(pattern)
        if found is None:
            if len(self._compiled) >= self._capacity:
                self._compiled.clear()
            found = self._compiled[pattern] = Regex(pattern)
            charge(found.compile_cost)
        return found


def _parse_replacement(replacement: str) -> list[str | int]:
    parts: list[str | int] = []
    position = 0
    while position < len(replacement):
        match = _REPLACEMENT_PART.match(replacement, position)
        if match is None or match.group(3):
            raise MappingError(f"replacement {replacement!r} cannot be used")
        literal = match.group(1) or match.group(4)
        parts.append(int(match.group(2)) if match.group(2) else literal)
        position = match.end()
    return parts


def _expand(parts: list[str | int], match: _Match) -> str:
    return "".join([part if isinstance(part, str) else _group(match, part) for part in parts])


def _group(match: _Match, number: int) -> str:
    try:
        return match.group(number) or ""
    except (IndexError, re2.error) as error:
        raise MappingError(f"replacement refers to group {number}, which the pattern has not") from error
