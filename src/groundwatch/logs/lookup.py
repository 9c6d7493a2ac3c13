"""A bounded memory of answers, dropped when they change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lookup(Generic[K, V]):
    """Remembers up to `capacity` values, least recently used out first, each for `life_ms` (None: until dropped)."""

    def __init__(self, capacity: int, life_ms: int | None, clock_ms: Callable[[], int]) -> None:
        self._capacity = capacity
        self._life_ms = life_ms
        self._clock_ms = clock_ms
        self._values: OrderedDict[K, tuple[int, V]] = OrderedDict()
        self.generation = 0
        """Grows whenever something is dropped: whoever looks an answer up elsewhere notes it before, for `put`."""

    def get(self, key: K) -> V | None:
        """Return the remembered value, or None."""
        entry = self._values.get(key)
        if entry is None:
            return None
        if self._life_ms is not None and self._clock_ms() - entry[0] > self._life_ms:
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V, generation: int) -> V:
        """Return `value`, and remember it unless something was dropped since `generation`: it may be outdated."""
        # An answer that was looked up before a change would stay for ever, since nothing drops it again.
        if generation != self.generation:
            return value
        self._values[key] = (self._clock_ms(), value)
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        """Forget one answer."""
        self.generation += 1
        self._values.pop(key, None)

    def drop_where(self, changed: Callable[[K], bool]) -> None:
        """Forget every answer whose key satisfies `changed`."""
        self.generation += 1
        for key in [key for key in self._values if changed(key)]:
            del self._values[key]
