"""One run of one query: from its statement to its rows, and what can be shown of it meanwhile.

Before the whole range of a large query is read, its newest part is: the rows of that are shown while the query runs.
The parts grow, and together stay a small share of the whole.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.logs.catalog import LogCatalog, LogGroup
from groundwatch.logs.insights.commands.lookup import Lookup, rows_for
from groundwatch.logs.insights.compile import Compiled, Group, Source, compile_query
from groundwatch.logs.insights.discovery import WAITING_CODE, StoredFields
from groundwatch.logs.insights.engine import QueryEngine
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.languages import parse_in
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.insights.mined import Mined
from groundwatch.logs.insights.mining import mine
from groundwatch.logs.insights.nodes import found_in
from groundwatch.logs.insights.patterns import Sample
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.insights.queries import StoredQuery
from groundwatch.logs.insights.references import Reference
from groundwatch.logs.insights.results import FEW_ROWS, ResultRow, portions, result_rows
from groundwatch.logs.insights.rows import DEFAULT_ROWS
from groundwatch.logs.insights.selection import Selection
from groundwatch.logs.insights.side_tables import SideTables
from groundwatch.logs.insights.stream_sums import MOST_STREAMS, Counted, StreamSum, StreamSums
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.lookup_tables import LookupTableStore
from groundwatch.logs.shredding.columns import FieldColumn
from groundwatch.storage.clickhouse import EventDatabase, Rows
from groundwatch.storage.errors import StorageError, engine_code

LAST_MS = 2**53
STREAM_SUMS = f"""
    SELECT group_id, stream_id, count(), sum(length(message)), min(timestamp), max(timestamp) FROM events
    WHERE group_id IN ({{groups}}) GROUP BY group_id, stream_id LIMIT {MOST_STREAMS + 1} BY group_id
"""  # noqa: S608 - every value is bound
STREAM_NUMBERS = 1_000
MAX_LISTED = 2_000
"""Streams that are named in a statement; more are put into a table beside the events."""
FIRST_PART_EVENTS = 200_000
PART_GROWTH = 8
PART_SHARE = 64
"""A part is read ahead if it is at most one of so many of the range's events; smaller ranges take about a second."""
PROGRESS_MS = 200
"""How often the engine is asked how far a query is."""


class QueryWish(msgspec.Struct, frozen=True):
    """A query that has been judged, and what it reads."""

    stored: StoredQuery
    groups: Sequence[LogGroup]
    max_rows: int = DEFAULT_ROWS
    chosen: Mapping[Selection, Sequence[LogGroup]] = {}
    """What its subqueries read."""
    tables: Mapping[str, Sequence[str]] = {}
    """The lookup tables that it names, with their columns."""

    def all_groups(self) -> list[LogGroup]:
        """Return all groups that the query and its subqueries read, each once."""
        inner = [group for groups in self.chosen.values() for group in groups]
        return list({group.number: group for group in [*self.groups, *inner]}.values())


class Shown(msgspec.Struct, frozen=True):
    """What there is of a query that runs."""

    rows: Sequence[ResultRow]
    statistics: Mapping[str, float]


class Beside(msgspec.Struct, frozen=True):
    """What queries read beside events."""

    stored_fields: Callable[[], Sequence[FieldColumn]] = tuple
    """The columns of fields that there are by now."""
    lookups: LookupTableStore | None = None
    sums: StreamSums | None = None
    """None where others write, too."""


NOTHING_BESIDE = Beside()


class Tools(msgspec.Struct, frozen=True):
    """What every run works with."""

    database: EventDatabase
    catalog: LogCatalog
    engine: QueryEngine
    limits: QueryLimits
    clock_ms: Callable[[], int]
    beside: Beside = NOTHING_BESIDE


class QueryRun:
    """Runs a query once; `shown` may be asked meanwhile."""

    def __init__(self, wish: QueryWish, tools: Tools) -> None:
        self._wish = wish
        self._tools = tools
        self._query = parse_in(wish.stored.language, wish.stored.query)
        self._tables = SideTables(tools.database, wish.stored.id)
        self._rows: Sequence[ResultRow] = ()
        self._matched = 0
        self._events, self._bytes = 0, 0
        self._span_ms = (0, 0)
        self._reading = False
        # Most queries end before anybody could see them grow.
        self._asked_ms = tools.clock_ms()
        self._progress = 0.0

    async def answer(self) -> tuple[Sequence[ResultRow], dict[str, float]]:
        """Return the rows of the result and the statistics. Raises StorageError, also beyond a limit."""
        try:
            return await self._answer()
        finally:
            await self._tables.drop()

    async def shown(self) -> Shown:
        """Return the rows and the statistics so far."""
        # Many may watch one query: the engine is asked a few times a second, however many they are.
        if self._reading and self._tools.clock_ms() - self._asked_ms > PROGRESS_MS:
            self._asked_ms = self._tools.clock_ms()
            self._progress = max(self._progress, await self._tools.engine.progress(self._wish.stored.id))
        return Shown(self._rows, self._statistics(self._matched, len(self._rows), self._progress))

    async def _answer(self) -> tuple[Sequence[ResultRow], dict[str, float]]:
        source = await self._sourced()
        compiled = self._compile(source)
        if compiled.needs_streams:
            source = await self._with_names(source)
            compiled = self._compile(source)
        # Counting what is read takes its time beside the statement, not before it.
        counting = asyncio.create_task(self._streams(compiled))
        scanning = asyncio.create_task(self._scan(compiled, counting))
        try:
            if await self._may_read_ahead(counting):
                await scanning
            return await self._shredded_or_not(source, compiled, scanning)
        finally:
            # Tables of the query are dropped next.
            await scanning

    async def _shredded_or_not(
        self, source: Source, compiled: Compiled, scanning: asyncio.Task[None]
    ) -> tuple[Sequence[ResultRow], dict[str, float]]:
        sums, counted = self._tools.beside.sums, compiled.counted
        try:
            if sums is None or counted is None:
                return await self._answer_from(source, compiled, scanning)
            known = _with_known(source, sums, counted)
            if known is not None:
                with sums.reading(counted) as still_known:
                    answer = await self._answer_from(known, self._compile(known), scanning)
                # The engine may have read what came in meanwhile, outside of the range or without its fields.
                if still_known():
                    return answer
            with sums.reading(counted):
                return await self._answer_from(source, compiled, scanning)
        except StorageError as error:
            if engine_code(error) != WAITING_CODE:
                raise
        stored = msgspec.structs.replace(source.stored, complete=False)
        source = msgspec.structs.replace(source, stored=stored)
        return await self._answer_from(source, self._compile(source), scanning)

    async def _may_read_ahead(self, counting: asyncio.Task[Sequence[Sequence[Any]]]) -> bool:
        """Return whether a part of the range may have to be read ahead, by what its streams hold, known soon."""
        least = FIRST_PART_EVENTS * PART_SHARE
        if await self._tools.engine.events_stored() < least:
            return False
        return bool(sum(row[1] for row in await counting) >= least)

    async def _streams(self, compiled: Compiled) -> Sequence[Sequence[Any]]:
        sums, counted = self._tools.beside.sums, compiled.counted
        known = None if sums is None or counted is None else await sums.of_groups(counted.groups, self._sums)
        if counted is not None and known is not None:
            return counted.rows(known)
        # A row or so of each stream: a second thread would cost more than it does, and the statement beside has it.
        return (await self._run(compiled.scanned_sql, compiled.parameters, threads=1)).result_rows

    async def _sums(self, groups: Sequence[int]) -> Sequence[StreamSum]:
        parameters: dict[str, object] = {f"group_{place}": group for place, group in enumerate(groups)}
        listed = ", ".join(f"{{{name}:UInt64}}" for name in parameters)
        found = await self._run(STREAM_SUMS.format(groups=listed), parameters, threads=1)
        return [StreamSum(*row) for row in found.result_rows]

    async def _scan(self, compiled: Compiled, counting: asyncio.Task[Sequence[Sequence[Any]]]) -> None:
        """Find out how much is read, and the times of its first event and its last."""
        streams = await counting
        rows = [row for row in streams if row[0]]
        if len(rows) < len(streams):
            rows += (await self._run(compiled.cut_sql, compiled.parameters)).result_rows
        self._events, self._bytes = sum(row[1] for row in rows), sum(row[2] for row in rows)
        self._span_ms = min((row[3] for row in rows), default=0), max((row[4] for row in rows), default=0)

    async def _answer_from(
        self, source: Source, compiled: Compiled, scanning: asyncio.Task[None]
    ) -> tuple[Sequence[ResultRow], dict[str, float]]:
        if compiled.samples_sql is not None:
            source = await self._mined(source, compiled, compiled.samples_sql)
            compiled = self._compile(source)
        # Patterns are found in all events or in none.
        for count in part_sizes(self._events) if compiled.samples_sql is None else ():
            first_ms, last_ms = self._span_ms
            since_ms = last_ms - (last_ms - first_ms) * count // self._events
            await self._read_ahead(msgspec.structs.replace(source, since_ms=since_ms), count)
        self._reading = True
        rows = (await self._run(compiled.sql, compiled.parameters)).result_rows
        await scanning
        self._progress, self._reading = 1.0, False
        matched = await self._count_matched(compiled, rows)
        return await self._result(compiled, rows), self._statistics(matched, len(rows), 1.0)

    async def _count_matched(self, compiled: Compiled, rows: Sequence[Sequence[Any]]) -> int:
        """Return how many events passed the filters; what is known already is not read again."""
        if compiled.counts_itself and len(rows) < compiled.full_rows:
            return len(rows)
        if compiled.matches_all:
            return self._events
        if compiled.counts_along and rows:
            # Rows that were filled in between others have zero.
            return max(row[len(compiled.columns)] or 0 for row in rows)
        return int((await self._run(compiled.matched_sql, compiled.parameters)).result_rows[0][0])

    async def _mined(self, source: Source, compiled: Compiled, sql: str) -> Source:
        """Return a source with the patterns of the query's texts."""
        self._reading = True
        rows = (await self._run(sql, compiled.parameters)).result_rows
        samples = [Sample(text, count, earlier) for text, count, earlier, _ in rows]
        patterns = await asyncio.to_thread(mine, samples)
        return msgspec.structs.replace(source, mined=Mined(patterns, rows[0][3] if rows else 0))

    async def _read_ahead(self, source: Source, count: int) -> None:
        compiled = self._compile(source)
        # Where events are not spread evenly, the newest part of the time holds more of them than was meant.
        rows = (await self._run(compiled.sql, compiled.parameters, max_read_rows=4 * count)).result_rows
        self._rows = await self._result(compiled, rows)
        self._matched = len(rows) if compiled.counts_itself else 0
        self._progress = count / self._events

    async def _result(self, compiled: Compiled, rows: Sequence[Sequence[Any]]) -> list[ResultRow]:
        named = await self._pointers(compiled, rows)
        if len(rows) <= FEW_ROWS:
            return result_rows(compiled, rows, named)
        return await asyncio.to_thread(result_rows, compiled, rows, named)

    def _compile(self, source: Source) -> Compiled:
        most_rows = self._tools.limits.rows
        return compile_query(self._query, source, max_rows=min(self._wish.max_rows, most_rows), most_rows=most_rows)

    async def _run(
        self,
        sql: str,
        parameters: dict[str, object],
        *,
        max_read_rows: int | None = None,
        threads: int | None = None,
    ) -> Rows:
        stored = self._wish.stored
        return await self._tools.engine.run(
            stored.id,
            sql,
            parameters,
            deadline_ms=stored.created_ms + self._tools.limits.time_s * 1_000,
            max_read_rows=max_read_rows,
            threads=threads,
        )

    def _statistics(self, matched: int, results: int, progress: float) -> dict[str, float]:
        return {
            "recordsMatched": float(matched),
            "recordsScanned": float(round(self._events * progress)),
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": float(round(self._bytes * progress)),
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": float(len(self._wish.all_groups())),
            "resultCount": float(results),
        }

    async def _sourced(self) -> Source:
        deleted = await self._tools.catalog.deleted_streams({group.number for group in self._wish.all_groups()})
        stored = StoredFields(self._tools.beside.stored_fields(), complete=True)
        source = msgspec.structs.replace(source_of(self._wish), stored=stored, references=await self._references())
        if len(deleted) > MAX_LISTED:
            return msgspec.structs.replace(source, deleted_table=await self._tables.numbers(deleted))
        return msgspec.structs.replace(source, deleted_streams=deleted)

    async def _references(self) -> Mapping[Span, Reference]:
        """Return what the engine reads for each `lookup`: tables made of the lookup tables as they are now."""
        made: dict[Span, Reference] = {}
        for lookup in found_in(self._query.stages, Lookup):
            store, tenant = self._tools.beside.lookups, self._wish.stored.tenant
            found = None if store is None else await store.find(tenant, lookup.table.text)
            if found is None:
                raise malformed(f"the lookup table {lookup.table.text} was deleted", lookup.table.span)
            rows = await asyncio.to_thread(rows_for, lookup, found[1])
            made[lookup.span] = Reference(await self._tables.reference(len(made), rows), rows.lengths)
        return made

    async def _with_names(self, source: Source) -> Source:
        catalog = self._tools.catalog
        names = {s.number: s.name for group in self._wish.all_groups() for s in await catalog.streams(group)}
        if len(names) > MAX_LISTED:
            return msgspec.structs.replace(source, names_table=await self._tables.names(names))
        return msgspec.structs.replace(source, stream_names=names)

    async def _pointers(
        self, compiled: Compiled, rows: Sequence[Sequence[Any]]
    ) -> Mapping[tuple[int, int], tuple[str, str]]:
        """Return the names of group and stream by their numbers, for the events of the result."""
        if not compiled.has_keys:
            return {}
        first = len(compiled.columns)
        wanted: dict[int, set[int]] = {}
        for row in rows:
            wanted.setdefault(row[first], set()).add(row[first + 1])
        by_number = {group.number: group for group in self._wish.groups}
        named = {}
        for group_number, streams in wanted.items():
            group = by_number[group_number]
            for some in portions(sorted(streams), STREAM_NUMBERS):
                for number, name in (await self._tools.catalog.stream_names(group, some)).items():
                    named[group_number, number] = (group.name, name)
        return named


def _with_known(source: Source, sums: StreamSums, counted: Counted) -> Source | None:
    """Return a source with what is remembered of its events, at which the engine need not look; None if nothing."""
    certain, whole = sums.is_shredded(counted), sums.is_whole(counted)
    if not (certain or whole):
        return None
    stored = msgspec.structs.replace(source.stored, certain=certain)
    return msgspec.structs.replace(source, stored=stored, whole=whole)


def source_of(wish: QueryWish) -> Source:
    """Return the events that a query is about, as far as it says so itself."""
    stored = wish.stored
    window = Window(
        min(stored.start_s * 1_000, LAST_MS), min(stored.end_s * 1_000 + 999, LAST_MS), now_ms=stored.created_ms
    )
    chosen = {selection: _read(groups, stored.created_ms) for selection, groups in wish.chosen.items()}
    groups = _read(wish.groups, stored.created_ms)
    return Source(stored.tenant.account_id, groups, window, chosen=chosen, tables=wish.tables)


def _read(groups: Sequence[LogGroup], now_ms: int) -> list[Group]:
    return [Group(group.number, group.name, expired_before_ms(group, now_ms)) for group in groups]


def expired_before_ms(group: LogGroup, now_ms: int) -> int | None:
    """Return the time before which the group's events are not shown any more, None if they are kept for ever."""
    return None if group.retention_in_days is None else now_ms - group.retention_in_days * DAY_MS


def part_sizes(events: int) -> Iterator[int]:
    """Yield how many events the parts have that are read ahead of so many."""
    sizes = (FIRST_PART_EVENTS * PART_GROWTH**step for step in itertools.count())
    return itertools.takewhile(lambda size: size * PART_SHARE <= events, sizes)
