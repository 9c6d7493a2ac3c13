"""The writer of events: batches that arrive while an insert runs go into the next one.

A caller of `append` is answered after the engine has its events on disk (`fsync_after_insert`). There is no log of our
own and no window of loss: an append that was not answered may or may not be there, one that was answered is.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from struct import pack
from typing import NamedTuple

import msgspec
import pyarrow as pa

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError, StoreBusyError
from groundwatch.storage.group_commit import GroupCommit, GroupLimits

SCHEMA = pa.schema(
    {
        "group_id": pa.uint64(),
        "stream_id": pa.uint64(),
        "timestamp": pa.int64(),
        "ingested": pa.int64(),
        "batch": pa.uint64(),
        "seq": pa.uint16(),
        "message": pa.string(),
    }
)
POSITIONS = array("H", range(65_536)).tobytes()
INSERT_SETTINGS = {
    # Skip indexes are built when parts merge: building them here would halve the speed of acknowledgement.
    "materialize_skip_indexes_on_insert": "0",
    # Columns of fields are left out, and none has a default of its own: looking for them costs a small insert 0.6 ms.
    "input_format_defaults_for_omitted_fields": "0",
    # The rows come in one stream: a second thread would only be handed the work, and hand it back.
    "max_threads": "1",
}
MAX_INSERT_BYTES = 32 * 1024 * 1024
MAX_WAITING_BYTES = 256 * 1024 * 1024
READY_BYTES = 2 * MAX_INSERT_BYTES
"""While no more than this waits and is being stored, columns are made of batches as they come."""
MANY_EVENTS = 100
"""Batches smaller than this share their columns: each stretch of columns costs the engine some time."""

log = logging.getLogger(__name__)


class Batch(msgspec.Struct, frozen=True):
    """The events of one PutLogEvents call, in order, ready to be stored."""

    group_id: int
    stream_id: int
    ingested_ms: int
    number: int
    """Random, shared by the events of the call; part of their ids."""
    timestamps: Sequence[int]
    messages: Sequence[str]
    size_bytes: int
    """What the batch counts against limits: UTF-8 bytes and 26 an event."""
    stream_name: str = ""
    """For listeners that show or choose by it; the store knows the number alone."""


class _Waiting(NamedTuple):
    batch: Batch
    columns: pa.Table | None
    """None where they are not made yet."""


Committed = Callable[[Sequence[Batch]], None]
"""Called on the event loop with batches that are on disk, before their callers are answered."""


def tell_each(*listeners: Committed) -> Committed:
    """Return one listener that calls these in order; one that fails keeps the batches from none of the others."""

    def committed(batches: Sequence[Batch]) -> None:
        for listener in listeners:
            try:
                listener(batches)
            except Exception:
                # What follows from a put is not its caller's failure: the events are stored, and the caller is told so.
                log.exception("a listener failed on %d batches", len(batches))

    return committed


class EventWriter:
    """Stores batches in groups (`GroupCommit`) and tells who follows them.

    `append` may be called from any task of the event loop. `on_commit` hears of batches that are on disk, `on_failure`
    of batches of which nobody knows: an insert that failed may have stored some of its rows. `on_begin` hears of either
    before the engine does.
    """

    def __init__(
        self,
        database: EventDatabase,
        on_commit: Committed,
        on_failure: Committed | None = None,
        on_begin: Committed | None = None,
    ) -> None:
        self._database = database
        self._on_begin = tell_each(on_begin) if on_begin is not None else tell_each()
        self._on_commit = tell_each(on_commit)
        self._on_failure = tell_each(on_failure) if on_failure is not None else tell_each()
        self._group = GroupCommit("log events", self._store, GroupLimits(MAX_WAITING_BYTES, MAX_INSERT_BYTES))

    async def append(self, batch: Batch) -> None:
        """Return when the events are on disk.

        Raises `ThrottlingException` when too much waits already, `ServiceUnavailableException` when the store fails.
        """
        # While an insert runs: made between two inserts they would hold up everyone who waits for the second.
        ready = len(batch.timestamps) >= MANY_EVENTS and self._group.size <= READY_BYTES
        columns = event_table([batch]) if ready else None
        try:
            await self._group.append(_Waiting(batch, columns), batch.size_bytes)
        except StoreBusyError as error:
            raise ServiceError("ThrottlingException", "Rate exceeded") from error
        except StorageError as error:
            text = "The service cannot complete the request."
            raise ServiceError("ServiceUnavailableException", text, status=500) from error

    async def flush(self) -> None:
        """Return when everything that was appended before the call is stored or refused."""
        await self._group.flush()

    async def _store(self, waiting: Sequence[_Waiting]) -> None:
        batches = [each.batch for each in waiting]
        self._on_begin(batches)
        try:
            await self._database.run("write", lambda client: _insert(client, waiting))
        except Exception:
            self._on_failure(batches)
            raise
        # Before the callers are answered: a read that follows an answer must find the events.
        self._on_commit(batches)


def _insert(client: Client, waiting: Sequence[_Waiting]) -> None:
    """Store the batches with one INSERT; runs in the writer's thread."""
    tables = [each.columns for each in waiting if each.columns is not None]
    rest = [each.batch for each in waiting if each.columns is None]
    if rest:
        tables.append(event_table(rest))
    # One table of many stretches, of which the engine makes one part all the same.
    client.insert_arrow("events", pa.concat_tables(tables), settings=INSERT_SETTINGS)


def event_table(batches: Sequence[Batch]) -> pa.Table:
    """Return the rows of the batches: numbers as memory that is copied, no object for any but the messages."""
    counts = [len(batch.timestamps) for batch in batches]

    def repeated(code: str, values: Iterable[int]) -> bytes:
        return b"".join([pack(code, value) * count for value, count in zip(values, counts, strict=True)])

    columns = (
        repeated("Q", (batch.group_id for batch in batches)),
        repeated("Q", (batch.stream_id for batch in batches)),
        b"".join([array("q", batch.timestamps).tobytes() for batch in batches]),
        repeated("q", (batch.ingested_ms for batch in batches)),
        repeated("Q", (batch.number for batch in batches)),
        b"".join([POSITIONS[: 2 * count] for count in counts]),
    )
    rows = sum(counts)
    numbers = [
        pa.Array.from_buffers(field.type, rows, [None, pa.py_buffer(column)])
        for field, column in zip(SCHEMA, columns, strict=False)
    ]
    messages = list(chain.from_iterable([batch.messages for batch in batches]))
    return pa.table([*numbers, pa.array(messages, pa.string())], SCHEMA)
