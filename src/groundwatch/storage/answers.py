"""Answers of the database that are kept in memory, for what every request asks again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
CAPACITY = 10_000


class Answers(Generic[K, V]):
    """Keeps up to `capacity` answers, each for `life_ms` (None: until it is dropped); for one event loop.

    An answer never outlives a change that is made known by dropping it, even if it was read before the change and comes
    after it. Absent values are not kept: unknown names cost a look-up, not memory.
    """

    def __init__(self, clock_ms: Callable[[], int], *, life_ms: int | None, capacity: int = CAPACITY) -> None:
        self._clock_ms = clock_ms
        self._life_ms = life_ms
        self._capacity = capacity
        self._kept: OrderedDict[K, tuple[int, V]] = OrderedDict()
        # Grows whenever something is dropped. An answer that was asked for before may be outdated when it comes; kept,
        # it could stay for ever, since nothing would drop it again.
        self._generation = 0

    async def get(self, key: K, load: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return the kept answer, or what `load` finds."""
        kept = self.peek(key)
        if kept is not None:
            return kept
        generation, asked_ms = self._generation, self._clock_ms()
        value = await load()
        if value is not None and generation == self._generation:
            self._keep(asked_ms, {key: value})
        return value

    async def get_all(self, keys: Iterable[K], load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> dict[K, V]:
        """Return the kept answers, and what `load` finds of all others at once."""
        found, unknown = {}, []
        for key in keys:
            kept = self.peek(key)
            if kept is None:
                unknown.append(key)
            else:
                found[key] = kept
        if unknown:
            generation, asked_ms = self._generation, self._clock_ms()
            loaded = await load(unknown)
            if generation == self._generation:
                self._keep(asked_ms, loaded)
            found.update(loaded)
        return found

    def peek(self, key: K) -> V | None:
        """Return the kept answer, or None when there is none that is young enough."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        # A clock that was set back must not keep answers for longer than their life.
        if self._life_ms is not None and not 0 <= self._clock_ms() - entry[0] < self._life_ms:
            del self._kept[key]
            return None
        # The least recently used goes first.
        self._kept.move_to_end(key)
        return entry[1]

    def _keep(self, asked_ms: int, answers: Mapping[K, V]) -> None:
        for key, value in answers.items():
            self._kept[key] = (asked_ms, value)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget one answer, and whatever is being asked for now."""
        self._generation += 1
        self._kept.pop(key, None)

    def drop_where(self, changed: Callable[[K], bool]) -> None:
        """Forget every answer whose key satisfies `changed`."""
        self._generation += 1
        for key in [key for key in self._kept if changed(key)]:
            del self._kept[key]

    def clear(self) -> None:
        """Forget everything."""
        self._generation += 1
        self._kept.clear()
