"""The name patterns of ListLogGroups: alternatives joined by `|`, each a substring or, after `^`, a prefix."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class NamePattern(msgspec.Struct, frozen=True):
    """Names that contain one of `parts` or begin with one of `prefixes`; case counts."""

    parts: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


EVERY_NAME = NamePattern()


def parse_name_pattern(text: str) -> NamePattern:
    """Return the alternatives of a pattern, whose form and lengths the service model has checked.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html, logGroupNamePattern
    """
    alternatives = text.split("|")
    return NamePattern(
        parts=tuple(alternative for alternative in alternatives if not alternative.startswith("^")),
        prefixes=tuple(alternative[1:] for alternative in alternatives if alternative.startswith("^")),
    )


class TagFilter(msgspec.Struct, frozen=True):
    """Groups whose tag `key` has one of `values` (any value when there are none)."""

    key: str
    values: tuple[str, ...]


def matches_tags(tags: dict[str, str], filters: Sequence[TagFilter]) -> bool:
    """Return whether every filter holds: values are alternatives, `*` is a wildcard, a leading `!` excludes.

    Letters count alike in either case, as documented for `logGroupTags`.
    """
    return all(_holds(tags, wanted) for wanted in filters)


def _holds(tags: dict[str, str], wanted: TagFilter) -> bool:
    value = tags.get(wanted.key)
    included = [pattern for pattern in wanted.values if not pattern.startswith("!")]
    excluded = [pattern[1:] for pattern in wanted.values if pattern.startswith("!")]
    if any(value is not None and _like(value, pattern) for pattern in excluded):
        return False
    # A group without the tag has none of the excluded values.
    if not included:
        return value is not None or bool(excluded)
    return value is not None and any(_like(value, pattern) for pattern in included)


def _like(value: str, pattern: str) -> bool:
    """Match with `*` for any run of characters, in linear time: each literal piece is taken at its first place."""
    text, pieces = value.lower(), pattern.lower().split("*")
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    # Beginning and end may not share characters: `a*a` is not `a`.
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True
