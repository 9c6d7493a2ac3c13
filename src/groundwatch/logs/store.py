"""Reading events: pages of a stream, searches over a group, statistics; from recent memory where it can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from groundwatch.logs.events import MAX_PAGE_BYTES, Event, EventKey, FoundEvent, RenderedEvent, how_many_fit, render
from groundwatch.logs.patterns.sql import Condition
from groundwatch.logs.recent import Range, RecentEvents
from groundwatch.logs.statements import ASCENDING, DESCENDING, WITHIN, StreamPlace, bounds
from groundwatch.logs.walks import NOTHING, Page, Walks
from groundwatch.storage.clickhouse import Client, EventDatabase, Purpose, portions

BULK_EVENTS = 10_000
PAGE = f"""
    SELECT timestamp, ingested, batch, seq, message FROM events
    WHERE group_id = {{group:UInt64}} AND stream_id = {{stream:UInt64}} AND {WITHIN}
"""  # noqa: S608
SEARCH = f"""
    SELECT stream_id, timestamp, ingested, batch, seq, message FROM events
    WHERE group_id = {{group:UInt64}} AND {WITHIN}
"""  # noqa: S608
# Messages are read for the rows of the page alone, not for all that are sorted: 283 → 42 ms for 10,000 of two million.
SEARCH_SETTINGS = {"query_plan_max_limit_for_lazy_materialization": "20000"}
ONE = """
    SELECT message FROM events
    WHERE group_id = {group:UInt64} AND stream_id = {stream:UInt64} AND timestamp = {timestamp:Int64}
    AND ingested = {ingested:Int64} AND batch = {batch:UInt64} AND seq = {seq:UInt16} LIMIT 1
"""
SIZES = f"""
    SELECT timestamp, ingested, batch, seq, length(message) FROM events
    WHERE group_id = {{group:UInt64}} AND stream_id = {{stream:UInt64}} AND {WITHIN} {ASCENDING} LIMIT {{limit:UInt32}}
"""  # noqa: S608
STREAMS = """
    SELECT stream_id, min(timestamp), max(timestamp), max(ingested) FROM events
    WHERE group_id = {group:UInt64} GROUP BY group_id, stream_id
"""
CHOSEN_STREAMS = """
    SELECT stream_id, min(timestamp), max(timestamp), max(ingested) FROM events
    WHERE group_id = {group:UInt64} AND has({streams:Array(UInt64)}, stream_id) GROUP BY group_id, stream_id
"""
_size_bytes = itemgetter(1)
STORED = """
    SELECT group_id, sum(length(message)) FROM events WHERE has({groups:Array(UInt64)}, group_id) GROUP BY group_id
"""


class StreamStatistics(msgspec.Struct, frozen=True):
    """What DescribeLogStreams tells of a stream's events; times in milliseconds since the epoch."""

    first_event_ms: int
    last_event_ms: int
    last_ingestion_ms: int


class EventStore:
    """Reads of the events table. Every read sees all that was acknowledged before it began."""

    def __init__(self, database: EventDatabase, recent: RecentEvents, walks: Walks) -> None:
        self._database = database
        self._recent = recent
        self._walks = walks

    async def page(self, place: StreamPlace, wanted: Range, limit: int, *, newest: bool) -> Page:
        """Return up to `limit` events, at most 1 MiB, from the newest or oldest end of the range, oldest first."""
        events = self._recent.find(place.stream_id, wanted, limit, newest=newest)
        if events is None and newest:
            # The end that is read again and again is worth remembering; a walk from the beginning passes by once.
            await self._recent.load(place.stream_id, lambda count: self._load(place, count))
            events = self._recent.find(place.stream_id, wanted, limit, newest=newest)
        if events is None and not newest:
            return await self._walks.page(place, wanted, limit)
        if events is None:
            events = list(map(render, await self._query(place, wanted, limit, newest=newest)))
        fitting = _fitting(events, newest=newest)
        return Page([event.json for event in fitting], fitting[0].key, fitting[-1].key) if fitting else NOTHING

    async def search(
        self,
        group_id: int,
        stream_ids: Sequence[int] | None,
        condition: Condition,
        wanted: Range,
        limit: int,
        *,
        newest: bool,
    ) -> list[FoundEvent]:
        """Return up to `limit` events of the group that satisfy `condition`, in event order (newest first if asked)."""
        if stream_ids is None:
            return await self._search(group_id, None, condition, wanted, limit, newest=newest)
        found: list[FoundEvent] = []
        for portion in portions(stream_ids):
            found += await self._search(group_id, portion, condition, wanted, limit, newest=newest)
            found = sorted(found, key=attrgetter("key"), reverse=newest)[:limit]
            if len(found) == limit:
                # What lies behind a full page need not be looked for in the other streams.
                end = found[-1].key
                wanted = Range(end, wanted.before) if newest else Range(wanted.after, end)
        return found

    async def _search(
        self,
        group_id: int,
        stream_ids: Sequence[int] | None,
        condition: Condition,
        wanted: Range,
        limit: int,
        *,
        newest: bool,
    ) -> list[FoundEvent]:
        chosen = "" if stream_ids is None else "AND has({streams:Array(UInt64)}, stream_id)"
        sql = f"{SEARCH} {chosen} AND {condition.sql} {DESCENDING if newest else ASCENDING} LIMIT {{limit:UInt32}}"
        parameters: dict[str, Any] = {"group": group_id, "limit": limit, **bounds(wanted), **condition.parameters}
        if stream_ids is not None:
            parameters["streams"] = list(stream_ids)
        rows = await self._rows("search", sql, parameters, SEARCH_SETTINGS)
        return [FoundEvent(row[0], EventKey(*row[1:5]), row[5]) for row in rows]

    async def bulk_page(self, place: StreamPlace, wanted: Range, max_bytes: int) -> list[Event]:
        """Return the oldest events of the range, with at most `max_bytes` of messages unless one alone has more.

        For who reads whole streams: memory stays bounded however long the messages are, and neither reads nor searches
        wait for it.
        """
        parameters = {"group": place.group_id, "stream": place.stream_id, "limit": BULK_EVENTS, **bounds(wanted)}
        # Sizes first: ten thousand messages of a megabyte would be ten gigabytes before anything could be cut.
        sizes = [row[4] for row in await self._rows("upkeep", SIZES, parameters)]
        if not sizes:
            return []
        parameters["limit"] = how_many_fit(sizes, max_bytes)
        rows = await self._rows("upkeep", f"{PAGE} {ASCENDING} LIMIT {{limit:UInt32}}", parameters)
        return [Event(EventKey(*row[:4]), row[4]) for row in rows]

    async def event_at(self, place: StreamPlace, key: EventKey) -> Event | None:
        """Return the event with exactly this key, None when the stream has none."""
        parameters = {"group": place.group_id, "stream": place.stream_id, **key._asdict()}
        rows = await self._rows("read", ONE, parameters)
        return Event(key, rows[0][0]) if rows else None

    async def stream_statistics(
        self, group_id: int, stream_ids: Sequence[int] | None = None
    ) -> Mapping[int, StreamStatistics]:
        """Return the statistics of the group's streams that hold events, of all or of a page, from the projection."""
        chosen = {} if stream_ids is None else {"streams": list(stream_ids)}
        rows = await self._rows("read", CHOSEN_STREAMS if chosen else STREAMS, {"group": group_id, **chosen})
        return {stream: StreamStatistics(first, last, ingested) for stream, first, last, ingested in rows}

    async def stored_bytes(self, group_ids: Sequence[int]) -> Mapping[int, int]:
        """Return the bytes of messages that each of the groups holds."""
        rows = await self._rows("read", STORED, {"groups": list(group_ids)})
        return dict(map(tuple, rows))

    async def _load(self, place: StreamPlace, count: int) -> list[Event]:
        everything = Range(EventKey(0, 0, 0, 0)._replace(timestamp=-1), EventKey(2**62, 0, 0, 0))
        return await self._query(place, everything, count, newest=True)

    async def _query(self, place: StreamPlace, wanted: Range, limit: int, *, newest: bool) -> list[Event]:
        sql = f"{PAGE} {DESCENDING if newest else ASCENDING} LIMIT {{limit:UInt32}}"
        parameters = {"group": place.group_id, "stream": place.stream_id, "limit": limit, **bounds(wanted)}
        rows = await self._rows("read", sql, parameters)
        events = [Event(EventKey(*row[:4]), row[4]) for row in rows]
        return events[::-1] if newest else events

    async def _rows(
        self, purpose: Purpose, sql: str, parameters: dict[str, Any], settings: dict[str, str] | None = None
    ) -> Sequence[Sequence[Any]]:
        def query(client: Client) -> Sequence[Sequence[Any]]:
            return client.query(sql, parameters=parameters, settings=settings).result_rows

        return await self._database.run(purpose, query)


def _fitting(events: list[RenderedEvent], *, newest: bool) -> list[RenderedEvent]:
    """Cut a page to 1 MiB at the far end from where it starts; one event always fits."""
    sizes = map(_size_bytes, reversed(events) if newest else events)
    count = how_many_fit(sizes, MAX_PAGE_BYTES)
    return events[-count:] if newest else events[:count]
