"""The syntax tree of a filter pattern: frozen values that say what must hold, not how to test it."""

from __future__ import annotations

import msgspec


class MatchAll(msgspec.Struct, frozen=True):
    """The empty pattern: every event."""


class Terms(msgspec.Struct, frozen=True):
    """Substrings of the message, compared case-sensitively.

    `optional` counts only while the other two are empty: the User Guide says that `?` terms are ignored beside others.
    """

    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


Pattern = MatchAll | Terms
