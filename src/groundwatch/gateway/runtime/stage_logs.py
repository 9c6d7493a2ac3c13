"""Access logs and execution logs on their way into log groups or Firehose streams of the API's own account.

Lines wait in a bounded queue, from which a background task hands them over; no request ever waits for a log. What the
queue or the service behind it does not take is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from groundwatch.background import happens

_log = logging.getLogger(__name__)
INTERVAL_S = 0.5
MAX_QUEUED_BYTES = 16 * 1024 * 1024
MAX_EVENT_BYTES = 1024
"""What the service keeps of a line of an execution log."""
LINE_OVERHEAD_BYTES = 64
STOP_TIMEOUT_S = 5.0
TRUNCATED = " [TRUNCATED]"
CONCURRENCY = 8
FIRST_WAIT_S, MAX_WAIT_S = 1.0, 60.0
"""How long a destination that asked for time is left alone; doubled each time."""
WAITING_SHARE = 4
"""The lines that wait for one destination may take this part of the queue."""


Event = tuple[int, str]
"""Time in milliseconds since the epoch, and line."""
D = TypeVar("D", bound=Hashable)
D_contra = TypeVar("D_contra", contravariant=True)


class TryLaterError(Exception):
    """A destination did not take lines now, and may take `left` of them later."""

    def __init__(self, left: Sequence[Event], reason: str) -> None:
        super().__init__(reason)
        self.left = left


class LogSink(Protocol[D_contra]):
    """Where lines go in the end."""

    async def append(self, destination: D_contra, stream: str, events: Sequence[Event]) -> None:
        """Store events in this order; make what lacks for it.

        Raises:
            TryLaterError: for those that shall be offered again. Any other exception loses all of them.
        """


class StageLogs(Generic[D]):
    """Collects lines, and hands them over in batches about twice a second; for one event loop.

    `clock_s` only grows.
    """

    def __init__(
        self,
        *,
        stream: str | None = None,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or hashlib.sha256(socket.gethostname().encode()).hexdigest()[:32]
        self._max_queued_bytes = max_queued_bytes
        self._clock_s = clock_s
        self._queued: dict[D, list[Event]] = {}
        self._queued_bytes = 0
        self._waits: dict[D, _Wait] = {}
        self._sink: LogSink[D] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._reported = 0
        self.lost = 0
        """Lines that were dropped since the queue was full, or were refused."""

    def add(self, destination: D, time_ms: int, lines: Sequence[str]) -> None:
        """Take lines that belong together; returns at once."""
        size = sum(map(len, lines)) + LINE_OVERHEAD_BYTES * len(lines)
        if self._queued_bytes + size > self._max_queued_bytes:
            self.lost += len(lines)
            return
        self._queued_bytes += size
        self._queued.setdefault(destination, []).extend((time_ms, line) for line in lines)

    def start(self, sink: LogSink[D]) -> None:
        """Begin to hand over in the background."""
        self._sink = sink
        self._task = asyncio.create_task(self._run(), name="stage-logs")

    async def flush(self, *, all_destinations: bool = True) -> None:
        """Hand over what was taken so far; to those that asked for time only with `all_destinations`."""
        now_s = self._clock_s()
        due = [
            destination
            for destination in self._queued
            if all_destinations or destination not in self._waits or self._waits[destination].until_s <= now_s
        ]
        batches = {destination: self._queued.pop(destination) for destination in due}
        self._queued_bytes -= sum(map(_size, batches.values()))
        if self._sink is None:
            return
        if self.lost > self._reported:
            _log.warning("%d lines of stages are lost: more came than could be stored", self.lost - self._reported)
            self._reported = self.lost
        # A destination that is slow to answer holds up few others.
        room = asyncio.Semaphore(CONCURRENCY)
        await asyncio.gather(
            *(self._append(self._sink, destination, events, room) for destination, events in batches.items())
        )

    async def _append(self, sink: LogSink[D], destination: D, events: Sequence[Event], room: asyncio.Semaphore) -> None:
        async with room:
            try:
                await sink.append(destination, self._stream, events)
            except TryLaterError as error:
                self._put_back(destination, error)
            except Exception as error:  # noqa: BLE001 - whatever the service raises, the gateway goes on
                self._waits.pop(destination, None)
                self.lost += len(events)
                self._reported += len(events)
                _log.warning("%d lines for %s are lost: %s: %s", len(events), destination, type(error).__name__, error)
            else:
                self._waits.pop(destination, None)

    def _put_back(self, destination: D, error: TryLaterError) -> None:
        known = self._waits.get(destination)
        delay_s = FIRST_WAIT_S if known is None else min(2 * known.delay_s, MAX_WAIT_S)
        self._waits[destination] = _Wait(self._clock_s() + delay_s, delay_s)
        kept = [*error.left, *self._queued.pop(destination, [])]
        # What waits must not take the room of everybody else for ever: the oldest goes first.
        dropped = 0
        while dropped < len(kept) and _size(kept[dropped:]) > self._max_queued_bytes // WAITING_SHARE:
            dropped += 1 + (len(kept) - dropped) // 8
        dropped = min(dropped, len(kept))
        self.lost += dropped
        if kept[dropped:]:
            self._queued[destination] = kept[dropped:]
        self._queued_bytes += _size(error.left) - _size(kept[:dropped])
        _log.warning("%d lines wait for %s: %s", len(kept) - dropped, destination, error)

    async def stop(self) -> None:
        """Hand over what is left, for at most `STOP_TIMEOUT_S`."""
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                # Not cancelled: lines that are being appended would be lost.
                if self._task is not None:
                    await self._task
                await self.flush()
        except TimeoutError:
            _log.warning("cannot store the logs of stages: no answer in time")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await happens(self._stopping, INTERVAL_S)
            await self.flush(all_destinations=False)


class _Wait(NamedTuple):
    until_s: float
    delay_s: float


def _size(events: Sequence[Event]) -> int:
    return sum(len(line) for _, line in events) + LINE_OVERHEAD_BYTES * len(events)


def truncated(line: str) -> str:
    """Return a line of an execution log as the service keeps it."""
    encoded = line.encode("utf-8", "replace")
    if len(encoded) <= MAX_EVENT_BYTES:
        return line
    return encoded[: MAX_EVENT_BYTES - len(TRUNCATED)].decode("utf-8", "ignore") + TRUNCATED
