"""Work that mostly ends without waiting, and what it takes to wait only where it does wait.

An answer from memory is there at the first step. Timers and watchers around it would cost a tenth of it, for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar, cast

R = TypeVar("R")


async def in_task() -> None:
    """Return within a task: what is begun outside of any is in one from its first wait on.

    To be awaited before what a task is needed for, such as `asyncio.timeout`.
    """
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


class Begun(Generic[R]):
    """A coroutine that has run up to its first wait; awaiting it goes on from there, once.

    Raises what the coroutine raises, at construction or when it is awaited.
    """

    __slots__ = ("_waiting_for", "_work", "is_done", "result")

    result: R
    """What came of the work, once it is done; not there before."""

    def __init__(self, work: Coroutine[Any, Any, R]) -> None:
        self._work = work
        self.is_done = False
        """Whether there is nothing to wait for: awaiting then returns at once."""
        try:
            self._waiting_for: object = work.send(None)
        except StopIteration as end:
            self.result = end.value
            self.is_done = True

    def __await__(self) -> Generator[Any, Any, R]:
        """Go on, for as long as it takes."""
        if self.is_done:
            return self.result
        waiting_for = self._waiting_for
        # `yield from`, but for its first step, which has been taken.
        while True:
            try:
                sent = yield waiting_for
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
                step = partial(self._work.throw, error)
            else:
                step = partial(self._work.send, sent)
            try:
                waiting_for = step()
            except StopIteration as end:
                return cast(R, end.value)


async def uninterrupted(work: Coroutine[Any, Any, R]) -> R:
    """Return what comes of work that goes on to its end, also when whoever awaits it is cancelled meanwhile.

    For changes of several steps: what is to follow a commit must not be missing because a client has left. Nobody hears
    of what such work raises after that.
    """
    # Whatever wakes the task up holds it: nothing else has to.
    return await asyncio.shield(asyncio.create_task(work))
