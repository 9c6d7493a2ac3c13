"""Access logs and execution logs on their way into log groups of the API's own account.

Lines wait in a bounded queue, from which a background task appends them; no request ever waits for a log. What the
queue or the log service does not take is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
from collections.abc import Sequence
from typing import NamedTuple, Protocol

_log = logging.getLogger(__name__)
INTERVAL_S = 0.5
MAX_QUEUED_BYTES = 16 * 1024 * 1024
MAX_EVENT_BYTES = 1024
"""What the service keeps of a line of an execution log."""
LINE_OVERHEAD_BYTES = 64
STOP_TIMEOUT_S = 5.0
TRUNCATED = " [TRUNCATED]"


class Destination(NamedTuple):
    """A log group of a tenant."""

    account_id: str
    region: str
    group: str


class LogSink(Protocol):
    """Where lines go in the end; implemented over the log service."""

    async def append(self, destination: Destination, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store `(timestamp in ms, message)` events in this order; make the group and the stream when they lack."""


class StageLogs:
    """Collects lines, and appends them in batches about twice a second; for one event loop."""

    def __init__(self, *, stream: str | None = None, max_queued_bytes: int = MAX_QUEUED_BYTES) -> None:
        self._stream = stream or hashlib.sha256(socket.gethostname().encode()).hexdigest()[:32]
        self._max_queued_bytes = max_queued_bytes
        self._queued: dict[Destination, list[tuple[int, str]]] = {}
        self._queued_bytes = 0
        self._sink: LogSink | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._reported = 0
        self.lost = 0
        """Lines that were dropped since the queue was full or the log service refused them."""

    def add(self, destination: Destination, time_ms: int, lines: Sequence[str]) -> None:
        """Take lines that belong together; returns at once."""
        size = sum(map(len, lines)) + LINE_OVERHEAD_BYTES * len(lines)
        if self._queued_bytes + size > self._max_queued_bytes:
            self.lost += len(lines)
            return
        self._queued_bytes += size
        self._queued.setdefault(destination, []).extend((time_ms, line) for line in lines)

    def start(self, sink: LogSink) -> None:
        """Begin to append in the background."""
        self._sink = sink
        self._task = asyncio.create_task(self._run(), name="stage-logs")

    async def flush(self) -> None:
        """Append what was taken so far."""
        queued, self._queued = self._queued, {}
        self._queued_bytes = 0
        if self._sink is None:
            return
        if self.lost > self._reported:
            _log.warning("%d lines of stages are lost: more came than could be stored", self.lost - self._reported)
            self._reported = self.lost
        for destination, events in queued.items():
            try:
                await self._sink.append(destination, self._stream, events)
            except Exception as error:  # noqa: BLE001 - whatever the log service raises, the gateway goes on
                self.lost += len(events)
                self._reported += len(events)
                _log.warning("%d lines for %s are lost: %s: %s", len(events), destination, type(error).__name__, error)

    async def stop(self) -> None:
        """Append what is left, for at most `STOP_TIMEOUT_S`."""
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                # Not cancelled: lines that are being appended would be lost.
                if self._task is not None:
                    await self._task
                await self.flush()
        except TimeoutError:
            _log.warning("cannot store the logs of stages: the log service does not answer")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), INTERVAL_S)
            await self.flush()


def truncated(line: str) -> str:
    """Return a line of an execution log as the service keeps it."""
    encoded = line.encode("utf-8", "replace")
    if len(encoded) <= MAX_EVENT_BYTES:
        return line
    return encoded[: MAX_EVENT_BYTES - len(TRUNCATED)].decode("utf-8", "ignore") + TRUNCATED
