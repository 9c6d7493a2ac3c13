"""Calls that share one run: whoever asks for what is being asked already waits for that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class _Flight(Generic[V]):
    def __init__(self, task: asyncio.Task[V]) -> None:
        self.task = task
        self.waiting = 0


class SingleFlight(Generic[V]):
    """One run at a time for each key; for one event loop. Nothing is kept of a run that has ended."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[V]] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return what `work` returns, or what a run for the same key that is under way will return.

        Failures are shared as well. A run ends when the last of those who wait for it has gone, not with the first.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work()))
            flight.task.add_done_callback(lambda _: self._end(key, flight))
            # Retrieved also when nobody waits any more, so that the loop does not complain.
            flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # At once, so that nobody joins a run that is about to be cancelled.
                self._end(key, flight)
                flight.task.cancel()

    def forget(self, wanted: Callable[[Hashable], bool]) -> None:
        """Let the next who ask for these keys begin a run of their own."""
        for key in [key for key in self._flights if wanted(key)]:
            del self._flights[key]

    def _end(self, key: Hashable, flight: _Flight[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
