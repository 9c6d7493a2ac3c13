"""One subscription's way through the queue: in order, again and again until its events are taken or given up."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from groundwatch.logs.events import how_many_fit
from groundwatch.logs.metric_filters.records import MetricSink
from groundwatch.logs.subscriptions.outbox import Outbox
from groundwatch.logs.subscriptions.parts import Part, StreamEvents
from groundwatch.logs.subscriptions.permission import DeliveryPermission
from groundwatch.logs.subscriptions.queue import DeliveryQueue, Entry, Waiting
from groundwatch.logs.subscriptions.reader import BatchReader
from groundwatch.logs.subscriptions.records import Subscription
from groundwatch.logs.writer import Batch
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)
CHUNK_BATCHES = 64
GIVEN_UP_AT_ONCE = 512
CHUNK_BYTES = 8 * 1024 * 1024
REST_S = 1.0
"""How long a subscription gathers after a delivery: a call costs the same for one event as for a thousand."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 60.0
MAX_AGE_MS = 24 * 3_600_000
"""How long a target may fail before its oldest events are given up, as with the real service."""

StreamNames = Callable[[Sequence[int]], Awaitable[dict[int, str]]]


class Tools(msgspec.Struct, frozen=True):
    """What every worker works with."""

    queue: DeliveryQueue
    reader: BatchReader
    outbox: Outbox
    permission: DeliveryPermission
    metrics: MetricSink
    stream_names: StreamNames
    clock_ms: Callable[[], int]
    max_waiting_bytes: int
    """What one subscription may leave waiting; beyond it the oldest is given up."""
    rest_s: float = REST_S
    """0 for none."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class PatienceError(Exception):
    """The oldest entries have to go, for the reason given."""


class Worker(ABC):
    """Hands over what arrives for one subscription; a subclass says to whom. A failing one delays nobody else.

    `subscription` may be replaced while the worker runs; `position` is the last entry that is done with.
    """

    def __init__(self, subscription: Subscription, position: int, tools: Tools) -> None:
        self.subscription = subscription
        self.position = position
        self.delivered_events = 0
        self.lost_events: Counter[str] = Counter()
        """Events that were given up, by reason."""
        self._tools = tools
        self._wake = asyncio.Event()
        self._failures = 0
        self._at_start = Waiting()
        self._added_before = Waiting()
        self._done_batches = self._done_bytes = 0

    @property
    def waiting(self) -> Waiting:
        """How much is stored and not yet delivered."""
        added = self._tools.queue.added(self.subscription.group.number)
        return Waiting(
            self._at_start.batches + added.batches - self._added_before.batches - self._done_batches,
            self._at_start.size_bytes + added.size_bytes - self._added_before.size_bytes - self._done_bytes,
        )

    def wake(self) -> None:
        """Say that something arrived."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        counted = False
        while True:
            try:
                if not counted:
                    await self._count_waiting()
                    counted = True
                await self._step()
            except StorageError as error:
                await self._pause(f"the events cannot be read: {error}")
            except Exception:
                # A worker that dies would leave its subscription waiting for ever.
                log.exception("a delivery of subscription %s failed", self.subscription.key)
                await self._pause("internal error")

    async def _count_waiting(self) -> None:
        group = self.subscription.group.number
        self._added_before = self._tools.queue.added(group)
        self._at_start = await self._tools.queue.waiting(group, self.position)

    async def _step(self) -> None:
        self._wake.clear()
        entries = await self._tools.queue.after(self.subscription.group.number, self.position, CHUNK_BATCHES)
        if not entries:
            await self._idle()
            return
        chunk = entries[: how_many_fit((entry.arrival.size_bytes for entry in entries), CHUNK_BYTES)]
        try:
            await self._deliver(chunk)
        except PatienceError as error:
            await self._give_up_oldest(str(error))
        else:
            self._pass(chunk)
            if self._tools.rest_s and len(entries) < CHUNK_BATCHES:
                await self._tools.sleep(self._tools.rest_s)

    async def _deliver(self, chunk: Sequence[Entry]) -> None:
        wanted = [entry for entry in chunk if entry.arrival.ingested_ms >= self.subscription.since_ms]
        streams = await self._streams(wanted)
        if not streams:
            return
        await self._hand_over(streams, wanted[0].arrival.ingested_ms)

    @abstractmethod
    async def _hand_over(self, streams: Sequence[StreamEvents], accepted_ms: int) -> None:
        """Return when the events are where they belong or are given up; the oldest was accepted at `accepted_ms`."""

    async def _idle(self) -> None:
        """Return when something may have arrived."""
        await self._wake.wait()

    async def _streams(self, entries: Sequence[Entry]) -> list[StreamEvents]:
        """Return the events of the entries by stream, each stream's in order of storage."""
        batches = [self._tools.queue.content(entry) for entry in entries]
        names = await self._names(entries, batches)
        gone = [entry.arrival for entry, batch in zip(entries, batches, strict=True) if batch is None]
        read = await self._tools.reader.parts(gone) if gone else {}
        streams: dict[str, list[Part]] = {}
        for entry, batch in zip(entries, batches, strict=True):
            name = names.get(entry.arrival.stream_id)
            place = (entry.arrival.stream_id, entry.arrival.batch)
            part = read.get(place) if batch is None else _part(batch)
            if name is None or part is None:
                self._lose("deleted", entry.arrival.events)
            else:
                streams.setdefault(name, []).append(part)
        return [StreamEvents(name, parts) for name, parts in streams.items()]

    async def _names(self, entries: Sequence[Entry], batches: Sequence[Batch | None]) -> Mapping[int, str]:
        known = {batch.stream_id: batch.stream_name for batch in batches if batch is not None and batch.stream_name}
        unknown = sorted({entry.arrival.stream_id for entry in entries} - known.keys())
        return known | await self._tools.stream_names(unknown) if unknown else known

    def _is_expired(self, accepted_ms: int) -> bool:
        return self._tools.clock_ms() - accepted_ms > MAX_AGE_MS

    async def _give_up_oldest(self, reason: str) -> None:
        """Pass over the oldest entries: those that have expired, and more until a tenth of the room is free."""
        wanted_bytes = self._tools.max_waiting_bytes * 9 // 10
        while entries := await self._tools.queue.after(self.subscription.group.number, self.position, GIVEN_UP_AT_ONCE):
            for entry in entries:
                is_crowded = reason == "queue full" and self.waiting.size_bytes > wanted_bytes
                if not is_crowded and not self._is_expired(entry.arrival.ingested_ms):
                    return
                self._lose(reason, entry.arrival.events)
                self._pass([entry])

    def _pass(self, entries: Sequence[Entry]) -> None:
        self._done_batches += len(entries)
        self._done_bytes += sum(entry.arrival.size_bytes for entry in entries)
        self.position = entries[-1].position

    async def _pause(self, reason: str) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("subscription %s of %s: %s; trying again", self._name, self._group, reason)
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 16))
        # Full jitter, so that subscriptions that failed together do not come back together.
        await self._tools.sleep(random.uniform(longest / 10, longest))  # noqa: S311 - not a secret

    def _note_success(self) -> None:
        if self._failures:
            log.info("subscription %s of %s: delivering again", self._name, self._group)
        self._failures = 0

    def _lose(self, reason: str, events: int) -> None:
        if events:
            self.lost_events[reason] += events

    @property
    def _name(self) -> str:
        return self.subscription.name

    @property
    def _group(self) -> str:
        return self.subscription.group.name


def _part(batch: Batch) -> Part:
    return Part(batch.ingested_ms, batch.number, range(len(batch.messages)), batch.timestamps, batch.messages)
