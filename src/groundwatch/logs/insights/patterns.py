"""What the commands `pattern` and `diff` ask of the one who finds the patterns of texts."""

from __future__ import annotations

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """A text, and how many events it stands for: events that differ from it in digits alone are counted with it."""

    text: str
    count: int = 1
    earlier: int = 0
    """How many events of the period that `diff` compares with; 0 for `pattern`."""


class Token(msgspec.Struct, frozen=True):
    """A place of a pattern where the texts differ."""

    position: int
    """From 1, in the order of the pattern."""
    kind: str
    """What the values look like: `Time`, `IP`, `Number`, …; `Token` where nothing is known of them."""
    values: dict[str, int]
    """The most frequent values, at most ten, with the number of their events."""


class Pattern(msgspec.Struct, frozen=True):
    """Texts that are alike."""

    template: str
    """The common text, with `<Kind-N>` in place of the token at position N."""
    regex: str
    """A regular expression that finds the texts."""
    count: int
    earlier: int
    samples: tuple[str, ...]
    """A few of the texts."""
    tokens: tuple[Token, ...] = ()
