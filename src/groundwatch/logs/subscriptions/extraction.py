"""The fields that a space-delimited pattern names in a message, as deliveries carry them beside it.

A field's key is its slot's name, or its position among all fields, counted from one, where the slot has no name or the
pattern's `...` stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from groundwatch.logs.patterns.nodes import Fields, Pattern
from groundwatch.logs.patterns.splitting import TOKENS, fields, stripped

Extract = Callable[[str], Mapping[str, str] | None]


def field_extractor(pattern: Pattern) -> Extract | None:
    """Return the function that gives a matching message's fields; None for patterns of other kinds."""
    if not isinstance(pattern, Fields):
        return None
    return _around_ellipsis(pattern) if pattern.ellipsis else _one_by_one(pattern)


def _one_by_one(pattern: Fields) -> Extract:
    names = [slot.name or str(position) for position, slot in enumerate(pattern.before, 1)]

    def extract(message: str) -> Mapping[str, str] | None:
        values = fields(message, len(names), 0, ellipsis=False)
        return None if values is None else dict(zip(names, values, strict=True))

    return extract


def _around_ellipsis(pattern: Fields) -> Extract:
    before = {number: slot.name for number, slot in enumerate(pattern.before)}
    # Counted from the end, as lists do it.
    after = {number - len(pattern.after): slot.name for number, slot in enumerate(pattern.after)}

    def extract(message: str) -> Mapping[str, str] | None:
        values = [stripped(token) for token in TOKENS.findall(message)]
        count = len(values)
        names = (before.get(number) or after.get(number - count) or str(number + 1) for number in range(count))
        return dict(zip(names, values, strict=True))

    return extract
