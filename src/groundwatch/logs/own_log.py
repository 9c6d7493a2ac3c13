"""The server's own events as log events: a group and stream that appear when they are first written to."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Iterator, Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogCatalog, LogGroup, LogStream, Tenant
from groundwatch.logs.events import size_bytes
from groundwatch.logs.intake import MAX_BATCH_BYTES, Intake

MAX_BATCH_EVENTS = 10_000


class OwnLog:
    """Appends to groups of one tenant without asking anyone's policies; for the server itself, never for a client."""

    def __init__(self, catalog: LogCatalog, intake: Intake, tenant: Tenant, clock_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._intake = intake
        self._tenant = tenant
        self._clock_ms = clock_ms

    async def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store (milliseconds since the epoch, message) pairs; they are on disk when this returns.

        Events of the same millisecond stay in the order in which they are given.
        """
        log_group = await self._group(group)
        log_stream = await self._stream(log_group, stream)
        for batch in _batches(sorted(events, key=operator.itemgetter(0))):
            timestamps, messages = [at for at, _ in batch], [message for _, message in batch]
            await self._intake.put(log_group, log_stream, timestamps, messages, self._clock_ms())

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


def _batches(events: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    batch_bytes = 0
    for event in events:
        event_bytes = size_bytes(event[1])
        if batch and (batch_bytes + event_bytes > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_EVENTS):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(event)
        batch_bytes += event_bytes
    if batch:
        yield batch
