"""Reading events: pages of a stream, searches over a group, statistics; from recent memory where it can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec

from groundwatch.logs.events import MAX_PAGE_BYTES, Event, EventKey, FoundEvent, RenderedEvent, how_many_fit, render
from groundwatch.logs.patterns.sql import Condition
from groundwatch.logs.recent import BEGINNING, LOADED_BYTES, Loaded, Range, RecentEvents
from groundwatch.logs.statements import ASCENDING, BOUNDED, DESCENDING, SIZE, StreamPlace, bounds, within
from groundwatch.logs.walks import NOTHING, Page, Walks
from groundwatch.storage.clickhouse import Client, EventDatabase, Purpose, portions
from groundwatch.storage.errors import StoreMemoryError

BULK_EVENTS = 10_000
OF_STREAM = "stream_id = {stream:UInt64}"
OF_STREAMS = "has({streams:Array(UInt64)}, stream_id)"
# Messages are read for the rows of the page alone, not for all that are sorted: 283 → 42 ms for 10,000 of two million.
SEARCH_SETTINGS = {"query_plan_max_limit_for_lazy_materialization": "20000"}
ONE = """
    SELECT message FROM events
    WHERE group_id = {group:UInt64} AND stream_id = {stream:UInt64} AND timestamp = {timestamp:Int64}
    AND ingested = {ingested:Int64} AND batch = {batch:UInt64} AND seq = {seq:UInt16} LIMIT 1
"""
STREAMS = """
    SELECT stream_id, min(timestamp), max(timestamp), max(ingested) FROM events
    WHERE group_id = {group:UInt64} GROUP BY group_id, stream_id
"""
CHOSEN_STREAMS = """
    SELECT stream_id, min(timestamp), max(timestamp), max(ingested) FROM events
    WHERE group_id = {group:UInt64} AND has({streams:Array(UInt64)}, stream_id) GROUP BY group_id, stream_id
"""
STORED = """
    SELECT group_id, sum(length(message)) FROM events WHERE has({groups:Array(UInt64)}, group_id) GROUP BY group_id
"""


_size_bytes = itemgetter(1)


class _Wish(NamedTuple):
    """Which events of a group are asked for, beside the range."""

    purpose: Purpose
    condition: str
    parameters: Mapping[str, Any]
    limit: int
    newest: bool
    max_bytes: int = MAX_PAGE_BYTES
    """How much is enough, where messages are too large to read as many as `limit` says."""


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
        conditions = [condition.sql] if stream_ids is None else [OF_STREAMS, condition.sql]
        parameters: dict[str, Any] = {"group": group_id, **condition.parameters}
        if stream_ids is not None:
            parameters["streams"] = list(stream_ids)
        wish = _Wish("search", " AND ".join(conditions), parameters, limit, newest)
        return await self._find(wish, wanted)

    async def bulk_page(self, place: StreamPlace, wanted: Range, max_bytes: int) -> list[Event]:
        """Return the oldest events of the range, with at most `max_bytes` of messages unless one alone has more.

        For who reads whole streams: memory stays bounded however long the messages are, and neither reads nor searches
        wait for it.
        """
        wish = _of_stream(place, BULK_EVENTS, newest=False)._replace(purpose="upkeep", max_bytes=max_bytes)
        return _events(await self._find_fitting(wish, wanted))

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

    async def _load(self, place: StreamPlace, count: int) -> Loaded:
        everything = Range(BEGINNING, EventKey(2**62, 0, 0, 0))
        wish = _of_stream(place, count, newest=True)._replace(max_bytes=LOADED_BYTES)
        try:
            found, is_cut = await self._find_all(wish, everything), False
        except StoreMemoryError:
            found, is_cut = await self._find_fitting(wish, everything), True
        return Loaded(_events(found[::-1]), reaches_beginning=not found or (not is_cut and len(found) < count))

    async def _query(self, place: StreamPlace, wanted: Range, limit: int, *, newest: bool) -> list[Event]:
        events = _events(await self._find(_of_stream(place, limit, newest=newest), wanted))
        return events[::-1] if newest else events

    async def _find(self, wish: _Wish, wanted: Range) -> list[FoundEvent]:
        """Return the events from the end of the range where the wish begins, in its order.

        Fewer than `limit`, but with more than `max_bytes`, where these alone would take too much memory.
        """
        try:
            return await self._find_all(wish, wanted)
        except StoreMemoryError:
            # The one more tells that there are more.
            return await self._find_fitting(wish, wanted, further=1)

    async def _find_all(self, wish: _Wish, wanted: Range) -> list[FoundEvent]:
        rows = await self._select("message", wish, wanted, {**SEARCH_SETTINGS, **BOUNDED})
        return [FoundEvent(row[0], EventKey(*row[1:5]), row[5]) for row in rows]

    async def _find_fitting(self, wish: _Wish, wanted: Range, further: int = 0) -> list[FoundEvent]:
        """Ask for sizes first, and only then for the messages that have `max_bytes` together, and `further` ones."""
        sizes = [row[5] for row in await self._select(SIZE, wish, wanted, {})]
        if not sizes:
            return []
        count = min(how_many_fit(sizes, wish.max_bytes) + further, wish.limit)
        rows = await self._select("message", wish._replace(limit=count), wanted, {})
        return [FoundEvent(row[0], EventKey(*row[1:5]), row[5]) for row in rows]

    async def _select(
        self, content: str, wish: _Wish, wanted: Range, settings: Mapping[str, str]
    ) -> Sequence[Sequence[Any]]:
        order = DESCENDING if wish.newest else ASCENDING
        sql = (
            f"SELECT stream_id, timestamp, ingested, batch, seq, {content} FROM events "  # noqa: S608 - constants
            f"WHERE group_id = {{group:UInt64}} AND {within(wanted)} AND {wish.condition} "
            f"{order} LIMIT {{limit:UInt32}}"
        )
        parameters = {**wish.parameters, **bounds(wanted), "limit": wish.limit}
        return await self._rows(wish.purpose, sql, parameters, dict(settings))

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


def _of_stream(place: StreamPlace, limit: int, *, newest: bool) -> _Wish:
    return _Wish("read", OF_STREAM, {"group": place.group_id, "stream": place.stream_id}, limit, newest)


def _events(found: Sequence[FoundEvent]) -> list[Event]:
    return [Event(each.key, each.message) for each in found]
