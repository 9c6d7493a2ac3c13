"""Regular expressions of API owners: selection patterns, and the string methods of templates that take one.

The syntax is Java's as far as RE2 shares it, and matching takes time linear in the text. Look-around, back-references
and possessive quantifiers do not exist in RE2; a pattern that uses them is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

import re2

from groundwatch.gateway.mapping.errors import MappingError

MAX_PATTERN_CHARACTERS = 4096
_STEPS_PER_MATCH = 4
_LITERAL = re.compile(r"(?:[^\\.\[\]{}()*+?^$|]|\\[^A-Za-z0-9])+")
_ESCAPED_CHARACTER = re.compile(r"\\(.)", re.DOTALL)
_REPLACEMENT_PART = re.compile(r"\\(.)|\$(\d)|\$\{([A-Za-z][A-Za-z0-9]*)\}|([^\\$]+)", re.DOTALL)


class _Match(Protocol):
    """What is used of a match; `re2` has no types of its own."""

    def group(self, number: int, /) -> str | None:
        """Return what a group matched."""


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
        try:
            self._compiled = re2.compile(pattern, options)
        except (re2.error, UnicodeEncodeError) as error:
            raise MappingError(f"regular expression {pattern!r} cannot be used: {error}") from error

    def matches(self, text: str) -> bool:
        """Tell whether the pattern matches the whole text, as Java's `matches()`."""
        return self._compiled.fullmatch(text) is not None

    def search(self, text: str) -> bool:
        """Tell whether the pattern matches anywhere."""
        return self._compiled.search(text) is not None

    def replace(self, text: str, replacement: str, charge: Callable[[int], None], *, first_only: bool = False) -> str:
        """Replace matches; in the replacement `$1` is a group and a backslash makes the next character literal.

        `charge` is told of the steps that each match costs.
        """
        parts = _parse_replacement(replacement)
        if self._literal is not None and all(isinstance(part, str) for part in parts):
            plain = "".join(map(str, parts))
            charge(text.count(self._literal))
            return text.replace(self._literal, plain, 1 if first_only else -1)

        def expand(match: _Match) -> str:
            charge(_STEPS_PER_MATCH)
            return _expand(parts, match)

        return str(self._compiled.sub(expand, text, count=1 if first_only else 0))

    def split(self, text: str, charge: Callable[[int], None]) -> list[str]:
        """Split as Java does: trailing empty strings are dropped, and so is an empty match at the start."""
        pieces: list[str] = []
        last = 0
        for match in self._compiled.finditer(text):
            charge(_STEPS_PER_MATCH)
            start, end = match.span()
            if end == 0:
                continue
            pieces.append(text[last:start])
            last = end
        pieces.append(text[last:])
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        return pieces


class RegexCache:
    """Keeps the patterns of one template compiled; bounded, since a template can make patterns from data."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._compiled: dict[str, Regex] = {}

    def get(self, pattern: str) -> Regex:
        """Return the compiled pattern."""
        found = self._compiled.get(pattern)
        if found is None:
            if len(self._compiled) >= self._capacity:
                self._compiled.clear()
            found = self._compiled[pattern] = Regex(pattern)
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
