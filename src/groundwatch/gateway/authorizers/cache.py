"""Results of authorizers for as long as they are good, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ResultCache(Generic[V]):
    """Keeps values until their time is over, and forgets those that were used least recently when they get too many."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[int, int, V]] = OrderedDict()

    def get(self, key: Hashable, now_ms: int) -> V | None:
        """Return the value, or None when there is none that is still good."""
        found = self._kept.get(key)
        if found is None:
            return None
        until_ms, _, value = found
        if now_ms >= until_ms:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    def put(self, key: Hashable, value: V, *, until_ms: int, size_bytes: int) -> None:
        """Keep a value until a time, counted with its size."""
        self._drop(key)
        self._kept[key] = (until_ms, size_bytes, value)
        self._bytes += size_bytes
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def forget(self, wanted: Callable[[Hashable], bool]) -> None:
        """Drop the values whose keys are wanted so."""
        for key in [key for key in self._kept if wanted(key)]:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped[1]
