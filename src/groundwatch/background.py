"""Work beside the requests: rounds on the clock, jobs that are claimed, counts that are written down now and then.

A room subclasses one of these and says what is to be done; here is how it is begun, woken and ended, and that it goes
on whatever fails. Everything is for one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from groundwatch.begun import in_task

T = TypeVar("T")
log = logging.getLogger(__name__)


class BackgroundWork(ABC):
    """Makes round after round, as its rounds ask for it and whenever it is woken."""

    def __init__(self, name: str, *, retry_s: float) -> None:
        self._name = name
        # The log of the room, whose name tells more than this module's would.
        self._logger = logging.getLogger(type(self).__module__)
        self._retry_s = retry_s
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with a round, which takes up what an earlier process left."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Make a round at once, or another one after the one that runs."""
        self._woken.set()

    async def stop(self) -> None:
        """End, within a round as well; what is left goes on at the next start."""
        if self._task is not None:
            await cancel([self._task])

    @abstractmethod
    async def _round(self) -> float:
        """Do what is due and return after how many seconds the next round is; raise to have it after `retry_s`."""

    async def _run(self) -> None:
        while True:
            # Cleared before the round looks: what comes in meanwhile is for the next one.
            self._woken.clear()
            try:
                pause_s = await self._round()
            except Exception:
                # A store may be away for a while, and nobody would begin a task anew that has died of it.
                self._logger.exception("%s: a round failed; the next one begins in %g s", self._name, self._retry_s)
                pause_s = self._retry_s
            await happens(self._woken, pause_s)


class ClaimedWork(BackgroundWork, Generic[T]):
    """Claims jobs and does them, a few at once; each is in a table, under a lease, so no other node does it too."""

    def __init__(self, name: str, *, at_once: int, poll_s: float) -> None:
        super().__init__(name, retry_s=poll_s)
        self._at_once = at_once
        self._poll_s = poll_s
        self._running: set[asyncio.Task[None]] = set()
        self._is_released = False

    @property
    def is_full(self) -> bool:
        """Whether as many jobs run as may."""
        return len(self._running) >= self._at_once

    async def stop(self) -> None:
        """Leave the jobs that run to the next start, or to another node."""
        # First what begins jobs.
        await super().stop()
        await cancel(self._running)

    async def run_waiting(self) -> int:
        """Do the jobs that wait now, one after another, and return how many that were."""
        count = 0
        while (job := await self._claim()) is not None:
            await self._do(job)
            count += 1
        return count

    @abstractmethod
    async def _release_all(self) -> None:
        """Free the jobs of a process that is gone, where only that one can have held any."""

    @abstractmethod
    async def _claim(self) -> T | None:
        """Return a job that is this process's now, or None when none waits."""

    @abstractmethod
    async def _do(self, job: T) -> None:
        """Bring a job to its end, whatever that is; cancelled by a stop, release it."""

    @abstractmethod
    def _label(self, job: T) -> str:
        """Return what a job is called in the log."""

    async def _pause_s(self) -> float:
        return self._poll_s

    async def _round(self) -> float:
        if not self._is_released:
            await self._release_all()
            self._is_released = True
        while not self.is_full and (job := await self._claim()) is not None:
            running = asyncio.create_task(self._do(job), name=f"{self._name}: {self._label(job)}")
            self._running.add(running)
            running.add_done_callback(self._ended)
        return await self._pause_s()

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self.wake()
        if not running.cancelled() and (error := running.exception()) is not None:
            # The database did not take the end of the job, whose lease will run out.
            self._logger.error("%s is left to a later run", running.get_name(), exc_info=error)


class WriteBehind(ABC):
    """Writes down every few seconds what is counted in memory, and what is left when it stops.

    A process that is killed loses the counts of one interval.
    """

    def __init__(self, name: str, *, interval_s: float) -> None:
        self._name = name
        self._logger = logging.getLogger(type(self).__module__)
        self._interval_s = interval_s
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write in the background."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End the background work and write down what is left."""
        self._stopping.set()
        if self._task is not None:
            # Not cancelled: what a flush has taken out of memory and not written yet would be lost.
            await self._task
        await self._try_flush()

    @abstractmethod
    async def flush(self) -> None:
        """Write down what was counted; when it raises, all of it is kept for the next time."""

    def _wait_s(self) -> float:
        """Return how long to count until the next flush."""
        return self._interval_s

    async def _run(self) -> None:
        while not await happens(self._stopping, self._wait_s()):
            await self._try_flush()

    async def _try_flush(self) -> None:
        try:
            await self.flush()
        except SQLAlchemyError as error:
            # The next round tries again; whoever counts must not fail for it.
            self._logger.warning("%s cannot be written down: %s", self._name, error)
        except Exception:
            self._logger.exception("%s cannot be written down", self._name)


async def happens(event: asyncio.Event, within_s: float | None) -> bool:
    """Return whether an event is set within so many seconds (None: however long that takes)."""
    await in_task()
    # Not wait_for, which loses a cancellation that comes together with what it waits for (CPython 3.11).
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await event.wait()
    return False


async def stop_all(stops: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Stop one after another; one that fails at it is logged, and the others are stopped all the same."""
    for stop in stops:
        try:
            await stop()
        except Exception:
            # Behind it may stand whoever has something to store.
            log.exception("a part of the server did not stop as it should")


async def cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks and wait until they have ended, however they do."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)
