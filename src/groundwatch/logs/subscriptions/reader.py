"""Reading batches back from the event store: what an entry of the queue refers to, and what a crash kept out of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from groundwatch.logs.events import EVENT_OVERHEAD_BYTES
from groundwatch.logs.subscriptions.parts import Part
from groundwatch.logs.subscriptions.queue import Arrival
from groundwatch.storage.clickhouse import EventDatabase, portions

BATCHES = """
    SELECT stream_id, batch, timestamp, seq, message FROM events
    WHERE group_id = {group:UInt64} AND has({streams:Array(UInt64)}, stream_id)
    AND timestamp >= {first:Int64} AND timestamp <= {last:Int64} AND has({batches:Array(UInt64)}, batch)
    ORDER BY stream_id, batch, seq
"""
# No event is older than `max_age_ms` when it is accepted, so the bound on `timestamp` only spares partitions.
ARRIVALS = """
    SELECT group_id, stream_id, batch, ingested, min(timestamp), max(timestamp), count(), sum(length(message))
    FROM events
    WHERE has({groups:Array(UInt64)}, group_id) AND timestamp >= {oldest:Int64} AND ingested >= {since:Int64}
    GROUP BY group_id, stream_id, batch, ingested
"""


class BatchReader:
    """Reads of the event store by batch. Raises `StorageError` when the store fails.

    `max_age_ms` is how old events may be when they are accepted.
    """

    def __init__(self, database: EventDatabase, max_age_ms: int) -> None:
        self._database = database
        self._max_age_ms = max_age_ms

    async def parts(self, arrivals: Sequence[Arrival]) -> dict[tuple[int, int], Part]:
        """Return the events of some batches of one group, by stream and batch; without those deleted meanwhile."""
        parameters = {
            "group": arrivals[0].group_id,
            "streams": sorted({arrival.stream_id for arrival in arrivals}),
            "first": min(arrival.first_ms for arrival in arrivals),
            "last": max(arrival.last_ms for arrival in arrivals),
            "batches": sorted({arrival.batch for arrival in arrivals}),
        }
        rows = await self._database.run(
            "search", lambda client: client.query(BATCHES, parameters=parameters).result_rows
        )
        ingested_ms = {(arrival.stream_id, arrival.batch): arrival.ingested_ms for arrival in arrivals}
        found = {}
        for place, of_batch in groupby(rows, key=lambda row: (row[0], row[1])):
            timestamps, positions, messages = zip(*(row[2:] for row in of_batch), strict=True)
            found[place] = Part(ingested_ms[place], place[1], positions, timestamps, messages)
        return found

    async def arrivals(self, group_ids: Sequence[int], since_ms: int) -> list[Arrival]:
        """Return the batches of these groups that were accepted at `since_ms` or later, in that order."""
        found: list[Arrival] = []
        for portion in portions(group_ids):
            found += await self._arrivals(portion, since_ms)
        return sorted(found, key=attrgetter("ingested_ms", "batch"))

    async def _arrivals(self, group_ids: Sequence[int], since_ms: int) -> list[Arrival]:
        parameters = {"groups": list(group_ids), "since": since_ms, "oldest": since_ms - self._max_age_ms}
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
