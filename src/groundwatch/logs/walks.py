"""Pages of a stream from its older end on, straight from the engine: the messages leave it as the JSON of the answer.

Who reads a whole stream asks for page after page, each right behind the last. From the second page on a *block* of some
megabytes is read at once and kept until it is used up: a statement costs milliseconds before it reads its first row.
A block is dropped as soon as an event is committed that belongs into it, so that what it answers equals the store.

Used from the event loop only. Blocks are right only while this process is the store's one writer (the embedded engine).
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from groundwatch.logs.events import EVENT_OVERHEAD_BYTES, MAX_PAGE_BYTES, EventKey, how_many_fit
from groundwatch.logs.recent import Range
from groundwatch.logs.statements import ASCENDING, BOUNDED, SIZE, StreamPlace, bounds, within
from groundwatch.logs.writer import Batch
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError, StoreMemoryError

log = logging.getLogger(__name__)

BLOCK_BYTES = 8 * MAX_PAGE_BYTES
MAX_BLOCKS = 8
"""Walks at a time that have a block of their own; the one that rested longest loses it first."""
MAX_BLOCK_ROWS = 40_000
SPARE_ROWS = 64
REMEMBERED_ENDS = 1_000
# As GetLogEvents answers an event. The engine writes it while the interpreter does something else.
RENDERED = """concat('{"timestamp":', toString(timestamp), ',"message":', toJSONString(message),
    ',"ingestionTime":', toString(ingested), '}')"""
BLOCK = f"timestamp, ingested, batch, seq, length(message) + {EVENT_OVERHEAD_BYTES}, {RENDERED}"
PACE = """
    SELECT intDiv(sum(length(message)), count()), (max(timestamp) - min(timestamp)) / count() FROM events
    WHERE group_id = {group:UInt64} AND stream_id = {stream:UInt64} GROUP BY group_id, stream_id
"""
REACH = 1.5
"""How much further in time than the pace says a statement looks: parts that begin later need not be opened."""
FEW_EVENTS = 1_000
"""For so few it is not worth asking how large they are."""
SETTINGS = {"output_format_json_escape_forward_slashes": "0"}
AS_BYTES = {"String": "bytes"}


class Page(NamedTuple):
    """Some events of a stream, in order, as GetLogEvents answers them."""

    json: Sequence[bytes]
    first: EventKey | None
    """None for an empty page."""
    last: EventKey | None


NOTHING = Page((), None, None)


class Block(msgspec.Struct, frozen=True):
    """Every event of a stream from its first to its last, column by column."""

    keys: Sequence[EventKey]
    sizes: Sequence[int]
    json: Sequence[bytes]
    since: EventKey
    """Exclusive: the block holds everything after it."""
    complete_to: EventKey
    """Exclusive: the block holds everything before it."""

    def covers(self, wanted: Range) -> bool:
        """Return whether a page from the older end of the range can be cut from what is here."""
        return self.since <= wanted.after and wanted.after < self.complete_to

    def page(self, wanted: Range, limit: int) -> tuple[Page, bool]:
        """Return the page, and whether it is whole: full, or all that the range has."""
        low = bisect_right(self.keys, wanted.after)
        high = bisect_left(self.keys, wanted.before, low)
        end = _cut(self.sizes, low, min(high, low + limit))
        full = end < high or end - low == limit
        page = Page(self.json[low:end], self.keys[low], self.keys[end - 1]) if end > low else NOTHING
        return page, full or wanted.before <= self.complete_to

    def is_running_out(self, rest: Range) -> bool:
        """Return whether less than half is left to show of what may go on behind the block."""
        shown = bisect_right(self.keys, rest.after)
        return self.complete_to < rest.before and shown * 2 > len(self.keys)

    def joined(self, shown: EventKey, more: Block) -> Block:
        """Return a block of what has not been shown of this one and what follows it."""
        low = bisect_right(self.keys, shown)
        return Block(
            [*self.keys[low:], *more.keys],
            [*self.sizes[low:], *more.sizes],
            [*self.json[low:], *more.json],
            max(self.since, shown),
            more.complete_to,
        )


class Pace(NamedTuple):
    """How large the events of a stream are, and how far apart."""

    event_bytes: int
    interval_ms: float

    def ahead(self, wanted: Range, rows: int) -> Range:
        """Return the beginning of the range in which about so many rows are expected, all of it at most."""
        # A read from the stream's beginning does not say when that is.
        if wanted.after.timestamp < 0 or self is UNKNOWN:
            return wanted
        end_ms = wanted.after.timestamp + int(rows * self.interval_ms * REACH) + 1
        if end_ms >= wanted.before.timestamp:
            return wanted
        return Range(wanted.after, EventKey(end_ms, 0, 0, 0))


UNKNOWN = Pace(0, 0)


class _Columns(NamedTuple):
    """What has been read so far."""

    keys: list[EventKey]
    sizes: list[int]
    json: list[bytes]

    def pace(self, count: int) -> Pace:
        """Return the pace of the last `count` events."""
        span_ms = self.keys[-1].timestamp - self.keys[-count].timestamp
        return Pace(sum(self.sizes[-count:]) // count - EVENT_OVERHEAD_BYTES, span_ms / count)

    def block(self, since: EventKey, complete_to: EventKey) -> Block:
        """Return what was read as one block."""
        return Block(self.keys, self.sizes, self.json, since, complete_to)


class Walks:
    """Reads pages from the older end. `reads_ahead` only where every commit is told to `committed`."""

    def __init__(self, database: EventDatabase, *, reads_ahead: bool) -> None:
        self._database = database
        self._max_blocks = MAX_BLOCKS if reads_ahead else 0
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._ends: OrderedDict[int, EventKey] = OrderedDict()
        """Where the last page of a stream ended: whoever goes on from there walks."""
        self._paces: OrderedDict[int, Pace] = OrderedDict()
        self._ahead: dict[int, asyncio.Task[None]] = {}
        self._loading: dict[int, int] = {}
        self._disturbed: set[int] = set()

    def committed(self, batches: Sequence[Batch]) -> None:
        """Drop the blocks that events belong into; called before their writers are answered."""
        for batch in batches:
            if batch.stream_id in self._loading:
                self._disturbed.add(batch.stream_id)
            block = self._blocks.get(batch.stream_id)
            if block is not None and batch.timestamps[0] <= block.complete_to.timestamp:
                del self._blocks[batch.stream_id]

    async def page(self, place: StreamPlace, wanted: Range, limit: int) -> Page:
        """Return the oldest events of the range: up to `limit`, at most 1 MiB unless one alone has more."""
        walks = self._max_blocks > 0 and self._ends.get(place.stream_id) == wanted.after
        page = self._from_block(place, wanted, limit)
        if page is None and walks and place.stream_id in self._ahead:
            await asyncio.wait([self._ahead[place.stream_id]])
            page = self._from_block(place, wanted, limit)
        if page is None:
            block, is_lasting = await self._load(place, wanted, None if walks else limit)
            page = block.page(wanted, limit)[0]
            if walks and is_lasting:
                self._keep(place.stream_id, block)
        if page.last is not None:
            _remember(self._ends, place.stream_id, page.last)
        if walks:
            self._read_on(place, Range(page.last or wanted.after, wanted.before))
        return page

    async def stop(self) -> None:
        """Return when nothing is being read ahead."""
        if self._ahead:
            await asyncio.wait(self._ahead.values())

    def _from_block(self, place: StreamPlace, wanted: Range, limit: int) -> Page | None:
        block = self._blocks.get(place.stream_id)
        if block is None or not block.covers(wanted):
            return None
        self._blocks.move_to_end(place.stream_id)
        page, whole = block.page(wanted, limit)
        return page if whole else None

    def _read_on(self, place: StreamPlace, rest: Range) -> None:
        """Begin to read what follows the stream's block once half of it has been shown."""
        block = self._blocks.get(place.stream_id)
        if block is None or place.stream_id in self._ahead or not block.is_running_out(rest):
            return
        task = asyncio.create_task(self._follow(place, block, rest), name=f"walk-{place.stream_id}")
        self._ahead[place.stream_id] = task

    async def _follow(self, place: StreamPlace, block: Block, rest: Range) -> None:
        stream_id, following = place.stream_id, Range(_before(block.complete_to), rest.before)
        try:
            more, is_lasting = await self._load(place, following, None)
        except StorageError as error:
            # Whoever reads on is told by a read of its own.
            log.warning("cannot read ahead: %s", error)
            return
        finally:
            del self._ahead[stream_id]
        # Another block in its place means that something was committed that belongs into this one.
        if is_lasting and more.keys and self._blocks.get(stream_id) is block:
            self._keep(stream_id, block.joined(rest.after, more))

    async def _load(self, place: StreamPlace, wanted: Range, limit: int | None) -> tuple[Block, bool]:
        """Read at least a page, without a limit as much as a block holds, and say whether it may be kept.

        What was committed meanwhile may be missing in it: that is right for this answer, not for the next.
        """
        stream_id = place.stream_id
        self._loading[stream_id] = self._loading.get(stream_id, 0) + 1
        try:
            block = await self._read(place, wanted, limit)
        finally:
            is_lasting = stream_id not in self._disturbed
            self._loading[stream_id] -= 1
            if not self._loading[stream_id]:
                del self._loading[stream_id]
                self._disturbed.discard(stream_id)
        return block, is_lasting

    def _keep(self, stream_id: int, block: Block) -> None:
        self._blocks[stream_id] = block
        while len(self._blocks) > self._max_blocks:
            self._blocks.popitem(last=False)

    async def _read(self, place: StreamPlace, wanted: Range, limit: int | None) -> Block:
        """Read until a page is there, with as many rows a statement as the stream's pace lets expect."""
        found = _Columns([], [], [])
        rest, is_first = wanted, True
        max_bytes = BLOCK_BYTES if limit is None else MAX_PAGE_BYTES
        while True:
            pace = await self._pace(place, limit)
            rows = min(max_bytes // (pace.event_bytes + EVENT_OVERHEAD_BYTES) + SPARE_ROWS, MAX_BLOCK_ROWS)
            rows = rows if limit is None else min(rows, limit - len(found.keys))
            # Where the pace was no good guess, all the rest is looked at.
            portion = pace.ahead(rest, rows) if is_first else rest
            count, is_all = await self._portion(place, portion, rows, found)
            if count:
                self._learn(place.stream_id, found.pace(count))
            if is_all and portion.before >= wanted.before:
                return found.block(wanted.after, wanted.before)
            if len(found.keys) == limit or sum(found.sizes) >= MAX_PAGE_BYTES:
                return found.block(wanted.after, portion.before if is_all else _after(found.keys[-1]))
            rest = Range(_before(portion.before) if is_all else found.keys[-1], wanted.before)
            is_first = False

    async def _portion(self, place: StreamPlace, wanted: Range, rows: int, found: _Columns) -> tuple[int, bool]:
        """Read up to `rows` events of the range; return how many came and whether there are no more of them in it."""
        try:
            columns = await self._columns(place, wanted, rows, SETTINGS | BOUNDED)
        except StoreMemoryError:
            # The pace was no good guess: after many small messages come large ones.
            rows = await self._fitting_rows(place, wanted, rows)
            columns = await self._columns(place, wanted, rows, SETTINGS)
        found.keys.extend(EventKey(*key) for key in zip(*columns[:4], strict=True))
        found.sizes.extend(columns[4])
        found.json.extend(columns[5])
        return len(columns[4]), len(columns[4]) < rows

    async def _fitting_rows(self, place: StreamPlace, wanted: Range, rows: int) -> int:
        """Return how many of the first `rows` events of the range have a block's size together."""
        parameters = {"group": place.group_id, "stream": place.stream_id, "limit": rows, **bounds(wanted)}
        sql = _select(SIZE, wanted)
        sizes = await self._database.run("read", lambda client: client.query(sql, parameters=parameters).result_rows)
        return how_many_fit([size for (size,) in sizes], BLOCK_BYTES)

    async def _columns(
        self, place: StreamPlace, wanted: Range, rows: int, settings: dict[str, str]
    ) -> Sequence[Sequence[Any]]:
        parameters = {"group": place.group_id, "stream": place.stream_id, "limit": rows, **bounds(wanted)}
        sql = _select(BLOCK, wanted)

        def query(client: Client) -> Sequence[Sequence[Any]]:
            found = client.query(sql, parameters=parameters, settings=settings, query_formats=AS_BYTES)
            return found.result_columns or [[] for _ in range(6)]

        return await self._database.run("read", query)

    async def _pace(self, place: StreamPlace, limit: int | None) -> Pace:
        """Return the stream's pace, from the statistics where no read has told it."""
        known = self._paces.get(place.stream_id)
        if known is not None:
            return known
        if limit is not None and limit <= FEW_EVENTS:
            return UNKNOWN
        parameters = {"group": place.group_id, "stream": place.stream_id}
        rows = await self._database.run("read", lambda client: client.query(PACE, parameters=parameters).result_rows)
        pace = Pace(*rows[0]) if rows else Pace(0, 0)
        self._learn(place.stream_id, pace)
        return pace

    def _learn(self, stream_id: int, pace: Pace) -> None:
        _remember(self._paces, stream_id, pace)


def _select(columns: str, wanted: Range) -> str:
    return (
        f"SELECT {columns} FROM events "  # noqa: S608 - constants of this package
        f"WHERE group_id = {{group:UInt64}} AND stream_id = {{stream:UInt64}} AND {within(wanted)} "
        f"{ASCENDING} LIMIT {{limit:UInt32}}"
    )


def _remember(memory: OrderedDict[int, Any], stream_id: int, value: object) -> None:
    memory[stream_id] = value
    memory.move_to_end(stream_id)
    if len(memory) > REMEMBERED_ENDS:
        memory.popitem(last=False)


def _after(key: EventKey) -> EventKey:
    return key._replace(seq=key.seq + 1)


def _before(key: EventKey) -> EventKey:
    """Return the last key before `key`: what comes after it begins with `key`."""
    if key.seq:
        return key._replace(seq=key.seq - 1)
    return EventKey(key.timestamp - 1, 2**63 - 1, 2**64 - 1, 2**16 - 1)


def _cut(sizes: Sequence[int], low: int, high: int) -> int:
    """Return where a page from `low` on ends: before `high`, after 1 MiB; one event always fits."""
    return min(low + how_many_fit(sizes[low:high], MAX_PAGE_BYTES), high)
