"""The condition keys of one request, as conditions and variables look them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

MULTI_VALUED = frozenset({"aws:tagkeys", "sts:transitivetagkeys", "logs:loggeneratingresourcearns", "aws:calledvia"})
"""Keys that hold a set by definition, even when the set has one member."""


class RequestKeys(Protocol):
    """Answers lookups of condition keys; names are case-insensitive and arrive in lower case."""

    def find(self, name: str) -> Sequence[str] | None:
        """Return the key's values, or None (or nothing) when the request has no such key."""


class KeyTable:
    """Condition keys that are all known beforehand."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str | Sequence[str]]) -> None:
        self._values = {
            name.lower(): (value,) if isinstance(value, str) else tuple(value) for name, value in values.items()
        }

    def find(self, name: str) -> Sequence[str] | None:
        """Return the values given for `name` (lower case)."""
        return self._values.get(name)
