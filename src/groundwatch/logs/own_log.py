"""The server's own events as log events: a group and stream that appear when they are first written to."""

from __future__ import annotations

import asyncio
import operator
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogCatalog, LogGroup, LogStream, Tenant
from groundwatch.logs.events import size_bytes
from groundwatch.logs.intake import MAX_BATCH_BYTES, Intake

MAX_BATCH_EVENTS = 10_000

Event = tuple[int, str]
"""Milliseconds since the epoch, and message."""


class OwnLog:
    """Appends to groups of one tenant without asking anyone's policies; for the server itself, never for a client."""

    def __init__(self, catalog: LogCatalog, intake: Intake, tenant: Tenant, clock_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._intake = intake
        self._tenant = tenant
        self._clock_ms = clock_ms

    async def append(self, group: str, stream: str, events: Sequence[Event]) -> None:
        """Store (milliseconds since the epoch, message) pairs; they are on disk when this returns.

        Events of the same millisecond stay in the order in which they are given.
        """
        log_group = await self._group(group)
        log_stream = await self._stream(log_group, stream)
        ordered = sorted(events, key=operator.itemgetter(0))
        # What is put at one time goes into one insert; events of one millisecond are in the order of their inserts.
        for together in _apart(_batches(ordered)):
            await asyncio.gather(*(self._put(log_group, log_stream, batch) for batch in together))

    async def _put(self, group: LogGroup, stream: LogStream, batch: Sequence[Event]) -> None:
        timestamps, messages = [at for at, _ in batch], [message for _, message in batch]
        await self._intake.put(group, stream, timestamps, messages, self._clock_ms())

    async def _group(self, name: str) -> LogGroup:
        try:
            return await self._catalog.group(self._tenant, name)
        except ServiceError:
            await _made_once(self._catalog.create_group(self._tenant, name))
        return await self._catalog.group(self._tenant, name)

    async def _stream(self, group: LogGroup, name: str) -> LogStream:
        try:
            return await self._catalog.stream(group, name)
        except ServiceError:
            await _made_once(self._catalog.create_stream(group, name))
        return await self._catalog.stream(group, name)


async def _made_once(creation: Awaitable[None]) -> None:
    try:
        await creation
    except ServiceError as error:
        # Several writers, or nodes, begin at one time: whoever comes second finds what it needs.
        if error.code != "ResourceAlreadyExistsException":
            raise


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Cut events in order of time to the size of puts: between two milliseconds, unless one fills a put by itself."""
    batch: list[Event] = []
    batch_bytes = 0
    for event in events:
        event_bytes = size_bytes(event[1])
        if batch and (batch_bytes + event_bytes > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_EVENTS):
            end = bisect_left(batch, event[0], key=operator.itemgetter(0)) or len(batch)
            yield batch[:end]
            batch = batch[end:]
            batch_bytes = sum(size_bytes(message) for _, message in batch)
            if batch_bytes + event_bytes > MAX_BATCH_BYTES:
                yield batch
                batch, batch_bytes = [], 0
        batch.append(event)
        batch_bytes += event_bytes
    if batch:
        yield batch


def _apart(batches: Iterable[list[Event]]) -> Iterator[list[list[Event]]]:
    """Put batches together that share no millisecond."""
    together: list[list[Event]] = []
    for batch in batches:
        if together and together[-1][-1][0] == batch[0][0]:
            yield together
            together = []
        together.append(batch)
    if together:
        yield together
