"""A small cache in front of the database, for what every request asks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
CAPACITY = 10_000
LIFETIME_MS = 2_000


class ReadCache(Generic[K, V]):
    """Remembers loaded values until `clear` is called or their lifetime is over.

    For one event loop. What a load read before a `clear` is returned to its caller but not kept, so a value never
    outlives the change that replaced it. Absent values are not kept: unknown names cost a look-up, not memory.
    """

    def __init__(
        self, clock_ms: Callable[[], int], *, lifetime_ms: int = LIFETIME_MS, capacity: int = CAPACITY
    ) -> None:
        self._clock_ms = clock_ms
        self._lifetime_ms = lifetime_ms
        self._capacity = capacity
        self._entries: dict[K, tuple[int, V]] = {}
        self._generation = 0

    async def get(self, key: K, load: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return the kept value, or what `load` finds."""
        now_ms = self._clock_ms()
        kept = self.peek(key, now_ms)
        if kept is not None:
            return kept
        generation = self._generation
        value = await load()
        if generation == self._generation:
            self._keep(key, now_ms, value)
        return value

    def peek(self, key: K, now_ms: int | None = None) -> V | None:
        """Return the kept value, or None when there is none that is young enough."""
        entry = self._entries.get(key)
        if entry is not None and 0 <= (now_ms or self._clock_ms()) - entry[0] < self._lifetime_ms:
            return entry[1]
        return None

    def clear(self) -> None:
        """Forget everything, loads under way included."""
        self._generation += 1
        self._entries.clear()

    def _keep(self, key: K, now_ms: int, value: V | None) -> None:
        self._entries.pop(key, None)
        if value is None:
            return
        # The oldest goes first, which is close enough to the least used within two seconds.
        if len(self._entries) >= self._capacity:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (now_ms, value)
