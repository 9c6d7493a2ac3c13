"""Group commit: what arrives while something is being stored is stored together, next.

A caller of `append` is answered when its item is on disk. An insert costs milliseconds however few rows it has, so one
at a time with all that waits is both the quickest answer and the most throughput (docs/decisions/0003-group-commit.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from groundwatch.storage.errors import StorageError, StoreBusyError

Item = TypeVar("Item")
log = logging.getLogger(__name__)


class GroupLimits(NamedTuple):
    """How much may wait, and how much is stored at once at most; in whatever unit items are counted."""

    waiting: int
    at_once: int


class _Waiting(NamedTuple, Generic[Item]):
    item: Item
    size: int
    done: asyncio.Future[None]


class GroupCommit(Generic[Item]):
    """Calls `store` with the items that wait, never twice at a time. Used from one event loop.

    `what` names the items in the log: "log events".
    """

    def __init__(self, what: str, store: Callable[[Sequence[Item]], Awaitable[None]], limits: GroupLimits) -> None:
        self._what = what
        self._store = store
        self._limits = limits
        self._waiting: list[_Waiting[Item]] = []
        self._size = 0
        """Of what waits and of what is being stored."""
        self._task: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """How much waits and is being stored."""
        return self._size

    async def append(self, item: Item, size: int) -> None:
        """Return when the item is stored.

        Raises StoreBusyError when too much waits already, StorageError when storing failed: then nobody knows whether
        the item is there.
        """
        if self._size > self._limits.waiting:
            raise StoreBusyError(f"too many {self._what} wait to be stored")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, size, done))
        self._size += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name=f"store {self._what}")
        await done

    async def flush(self) -> None:
        """Return when everything that was appended before the call is stored or refused."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        while self._waiting:
            taken = self._take()
            failed = False
            try:
                await self._store([each.item for each in taken])
            except Exception:
                # Whatever it was: a loop that dies would leave every later caller waiting for ever.
                log.exception("an insert of %s failed; its callers were told to try again", self._what)
                failed = True
            self._size -= sum(each.size for each in taken)
            self._answer(taken, failed=failed)

    def _take(self) -> list[_Waiting[Item]]:
        count = size = 0
        while count < len(self._waiting) and size < self._limits.at_once:
            size += self._waiting[count].size
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _answer(self, taken: Sequence[_Waiting[Item]], *, failed: bool) -> None:
        for each in taken:
            # A caller that went away has cancelled its future; its item is stored all the same.
            if each.done.done():
                continue
            if failed:
                each.done.set_exception(StorageError(f"{self._what} could not be stored"))
            else:
                each.done.set_result(None)
