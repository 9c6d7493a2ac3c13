"""Wildcard matching in time linear in the text, whatever the pattern: patterns come from users.

`*` is any run of characters, `?` exactly one. A regular expression made of a hostile pattern can backtrack for hours,
so a glob is cut at its `*` into runs that are searched from left to right, each at its first place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

WILDCARD_CHARACTERS = "*?"


class Wild(Enum):
    """The two wildcards, apart from literal text so that a literal `*` stays one."""

    MANY = "*"
    ONE = "?"


Token = str | Wild


class Run:
    """A stretch between two `*`: literal pieces at fixed distances, with single-character holes between them."""

    __slots__ = ("_accept", "_holes", "_masks", "_pieces", "length", "literal")

    def __init__(self, tokens: Sequence[Token]) -> None:
        pieces: list[tuple[int, str]] = []
        offset = 0
        for token in tokens:
            if isinstance(token, Wild):
                offset += 1
            else:
                pieces.append((offset, token))
                offset += len(token)
        self.length = offset
        self._pieces = tuple(pieces)
        self.literal = "".join(text for _, text in pieces) if Wild.ONE not in tokens else None
        self._prepare_search()

    def at(self, text: str, start: int) -> bool:
        """Tell whether the run stands in `text` at `start`; the caller has checked that it fits."""
        return all(text.startswith(piece, start + offset) for offset, piece in self._pieces)

    def find(self, text: str, start: int, end: int) -> int:
        """Return the first place of the run within `text[start:end]`, or -1."""
        if self.literal is not None:
            return text.find(self.literal, start, end)
        state = 0
        for position in range(start, end):
            state = (state << 1 | 1) & self._masks.get(text[position], self._holes)
            if state & self._accept:
                return position - self.length + 1
        return -1

    def _prepare_search(self) -> None:
        # Shift-and: one bit a position of the run, so a step costs the same for any number of holes.
        everything = (1 << self.length) - 1
        self._accept = 1 << self.length >> 1
        literal_bits = 0
        masks: dict[str, int] = {}
        if self.literal is None:
            for offset, piece in self._pieces:
                for index, character in enumerate(piece, offset):
                    literal_bits |= 1 << index
                    masks[character] = masks.get(character, 0) | 1 << index
        self._holes = everything & ~literal_bits
        self._masks = {character: bits | self._holes for character, bits in masks.items()}


class Glob:
    """A compiled pattern; immutable and safe to share."""

    __slots__ = ("_begins", "_exact", "_literal", "_middle", "_prefix", "_shortest", "_suffix")

    def __init__(self, tokens: Iterable[Token]) -> None:
        runs = _split_at_stars(tokens)
        self._exact = runs[0] if len(runs) == 1 else None
        self._prefix, self._suffix = runs[0], runs[-1]
        self._middle = tuple(run for run in runs[1:-1] if run.length)
        self._shortest = sum(run.length for run in runs)
        # Nearly all patterns are a text, or a text and a star: for these Python's own comparison will do.
        self._literal = runs[0].literal if len(runs) == 1 else None
        self._begins = runs[0].literal if len(runs) == 2 and runs[1].length == 0 else None

    def matches(self, text: str) -> bool:
        """Tell whether the whole of `text` fits the pattern, case-sensitively."""
        if self._begins is not None:
            return text.startswith(self._begins)
        if self._literal is not None:
            return text == self._literal
        return self._fits(text)

    def _fits(self, text: str) -> bool:
        size = len(text)
        if self._exact is not None:
            return size == self._shortest and self._exact.at(text, 0)
        if size < self._shortest:
            return False
        position, end = self._prefix.length, size - self._suffix.length
        if not (self._prefix.at(text, 0) and self._suffix.at(text, end)):
            return False
        # The first place of each run leaves most room for the rest, so there is nothing to try again.
        for run in self._middle:
            found = run.find(text, position, end)
            if found < 0:
                return False
            position = found + run.length
        return True


def tokenize(text: str) -> tuple[Token, ...]:
    """Split `text` into literal pieces and wildcards."""
    tokens: list[Token] = []
    start = 0
    for index, character in enumerate(text):
        if character in WILDCARD_CHARACTERS:
            if index > start:
                tokens.append(text[start:index])
            tokens.append(Wild(character))
            start = index + 1
    if start < len(text):
        tokens.append(text[start:])
    return tuple(tokens)


def compile_glob(text: str) -> Glob:
    """Return the glob written as `text`."""
    return Glob(tokenize(text))


def _split_at_stars(tokens: Iterable[Token]) -> list[Run]:
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.MANY:
            runs.append([])
        else:
            runs[-1].append(token)
    return [Run(run) for run in runs]
