"""Clients that leave before they are answered: their requests are given up, backends included."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from groundwatch.begun import in_task


class Departure:
    """Around the making of an answer: cancels it when the client leaves, and ends quietly with `happened` set.

    `left` returns when the client has left. Watching begins after `after_s`, so that fast answers, which are most, do
    not pay for a task.
    """

    def __init__(self, left: Callable[[], Awaitable[None]], after_s: float) -> None:
        self._left = left
        self._after_s = after_s
        self._answering: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self.happened = False

    async def __aenter__(self) -> Self:
        await in_task()
        self._answering = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._after_s, self._begin)
        return self

    def _begin(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await self._left()
        if self._answering is not None:
            self.happened = True
            self._answering.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        answering, self._answering = self._answering, None
        if not self.happened or answering is None or kind is not asyncio.CancelledError:
            return False
        # Somebody else may want the task to end, too: a server that stops.
        return answering.uncancel() == 0
