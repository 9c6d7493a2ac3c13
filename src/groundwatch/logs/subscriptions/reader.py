"""Reading batches back from the event store: what an entry of the queue refers to, and what a crash kept out of it."""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.logs.events import EVENT_OVERHEAD_BYTES
from groundwatch.logs.intake import TOO_OLD_MS
from groundwatch.logs.subscriptions.payload import Part
from groundwatch.logs.subscriptions.queue import Arrival
from groundwatch.storage.clickhouse import EventDatabase

BATCH = """
    SELECT timestamp, seq, message FROM events
    WHERE group_id = {group:UInt64} AND stream_id = {stream:UInt64}
    AND timestamp >= {first:Int64} AND timestamp <= {last:Int64}
    AND ingested = {ingested:Int64} AND batch = {batch:UInt64}
    ORDER BY seq
"""
# No event is older than 14 days when it is accepted, so the bound on `timestamp` only spares partitions.
ARRIVALS = """
    SELECT group_id, stream_id, batch, ingested, min(timestamp), max(timestamp), count(), sum(length(message))
    FROM events
    WHERE has({groups:Array(UInt64)}, group_id) AND timestamp >= {oldest:Int64} AND ingested >= {since:Int64}
    GROUP BY group_id, stream_id, batch, ingested
    ORDER BY ingested, batch
"""


class BatchReader:
    """Reads of the event store by batch. Raises `StorageError` when the store fails."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database

    async def part(self, arrival: Arrival) -> Part:
        """Return the events of a batch in order; without those that were deleted meanwhile."""
        parameters = {
            "group": arrival.group_id,
            "stream": arrival.stream_id,
            "first": arrival.first_ms,
            "last": arrival.last_ms,
            "ingested": arrival.ingested_ms,
            "batch": arrival.batch,
        }

        rows = await self._database.run("search", lambda client: client.query(BATCH, parameters=parameters).result_rows)
        timestamps, positions, messages = zip(*rows, strict=True) if rows else ((), (), ())
        return Part(arrival.ingested_ms, arrival.batch, positions, timestamps, messages)

    async def arrivals(self, group_ids: Sequence[int], since_ms: int) -> list[Arrival]:
        """Return the batches of these groups that were accepted at `since_ms` or later, in that order."""
        parameters = {"groups": list(group_ids), "since": since_ms, "oldest": since_ms - TOO_OLD_MS}
        rows = await self._database.run(
            "search", lambda client: client.query(ARRIVALS, parameters=parameters).result_rows
        )
        return [
            Arrival(
                group_id=group,
                stream_id=stream,
                batch=batch,
                ingested_ms=ingested,
                first_ms=first,
                last_ms=last,
                events=events,
                size_bytes=text_bytes + EVENT_OVERHEAD_BYTES * events,
            )
            for group, stream, batch, ingested, first, last, events, text_bytes in rows
        ]
