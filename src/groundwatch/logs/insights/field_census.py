"""Which fields the events of a group have, and how many of them have each: for GetLogGroupFields."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec

from groundwatch.logs.record_fields import discovered_fields
from groundwatch.storage.clickhouse import Client, EventDatabase

MAX_EVENTS = 10_000
MAX_BYTES = 32 << 20
"""What is read of a range at most; of more events every n-th is, chosen by their keys."""
MAX_FIELDS = 1_000
"""Discovered fields of a group (CloudWatch Logs quotas)."""
SYSTEM_FIELDS = ("@ingestionTime", "@log", "@logStream", "@message", "@timestamp")
EVENTS = """
    FROM events WHERE group_id = {group:UInt64} AND timestamp BETWEEN {start:Int64} AND {end:Int64}
    AND NOT has({deleted:Array(UInt64)}, stream_id)
"""
SIZE = f"SELECT count(), sum(length(message)) {EVENTS}"
SAMPLE = f"""
    SELECT message {EVENTS} AND cityHash64(stream_id, timestamp, ingested, batch, seq) % {{every:UInt64}} = 0
    LIMIT {{most:UInt64}}
"""


class EventRange(msgspec.Struct, frozen=True):
    """Events of a group from one time to another, both included, but those of deleted streams."""

    group: int
    start: int
    end: int
    deleted: Sequence[int] = ()


class FieldCensus:
    """Looks at samples of events."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database

    async def percentages(self, events: EventRange) -> list[tuple[str, int]]:
        """Return the fields of events with the percent of them that have it, the most frequent first.

        Fields that fewer than one in two hundred have are there with 0. Nothing when there are no events.
        """
        messages = await self._database.run("search", lambda client: _sample(client, events))
        return await asyncio.to_thread(_counted, messages)


def _sample(client: Client, events: EventRange) -> Sequence[str]:
    parameters = msgspec.structs.asdict(events) | {"deleted": list(events.deleted)}
    count, size_bytes = client.query(SIZE, parameters=parameters).result_rows[0]
    every = max(count // MAX_EVENTS, size_bytes // MAX_BYTES, 1)
    chosen = parameters | {"every": every, "most": 2 * MAX_EVENTS}
    return [row[0] for row in client.query(SAMPLE, parameters=chosen).result_rows]


def _counted(messages: Sequence[str]) -> list[tuple[str, int]]:
    if not messages:
        return []
    counts = Counter(dict.fromkeys(SYSTEM_FIELDS, len(messages)))
    for message in messages:
        counts.update(discovered_fields(message).keys())
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_FIELDS]
    return [(name, round(100 * count / len(messages))) for name, count in most]
