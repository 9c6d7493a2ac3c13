"""Runs queries in the background, a few at a time, within limits of time, memory and size."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogCatalog, LogGroup
from groundwatch.logs.events import EventKey
from groundwatch.logs.insights.compile import Compiled, Group, Source, compile_query
from groundwatch.logs.insights.pipeline import DEFAULT_ROWS, Window
from groundwatch.logs.insights.queries import PART_ROWS, QueryStore, ResultRow, Status, StoredQuery, encoded
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.pointers import Pointer
from groundwatch.storage.clickhouse import Client, EventDatabase, Rows
from groundwatch.storage.errors import StorageError

T = TypeVar("T")
log = logging.getLogger(__name__)
KILL = """
    KILL QUERY WHERE query_id IN (SELECT query_id FROM system.processes WHERE Settings['log_comment'] = {id:String})
    ASYNC
"""
KILL_PAUSE_S = 0.1
MAX_NAME_CHARACTERS = 300_000
"""Of the stream names that a query on @logStream binds; the embedded engine takes statements of up to a megabyte."""
LAST_MS = 2**53
STREAM_NUMBERS = 1_000
ENGINE_CODE = re.compile(r"Code: (\d+)\.")
ENDINGS: Mapping[str, tuple[Status, str]] = {
    "159": ("Timeout", "the query took longer than a query may"),
    "160": ("Timeout", "the query would take longer than a query may"),
    "241": ("Failed", "the query needs more memory than a query may have"),
    "394": ("Cancelled", "the query was stopped"),
    "396": ("Failed", "the result is larger than a result may be"),
}
"""What the engine's errors mean, by their codes."""


class QueryLimits(msgspec.Struct, frozen=True):
    """What queries may take; time and number as the service has them (CloudWatch Logs quotas)."""

    active: int = 100
    """Queries of an account that wait or run."""
    parallel: int = 2
    """Queries that run at the same time; the others wait."""
    time_s: int = 3_600
    memory_bytes: int = 1 << 30
    result_bytes: int = 64 << 20


DEFAULT_LIMITS = QueryLimits()


class QueryWish(msgspec.Struct, frozen=True):
    """A query that has been judged, and what it reads."""

    stored: StoredQuery
    groups: Sequence[LogGroup]
    max_rows: int = DEFAULT_ROWS


class QueryRunner:
    """Starts, runs and stops queries."""

    def __init__(
        self,
        database: EventDatabase,
        store: QueryStore,
        catalog: LogCatalog,
        clock_ms: Callable[[], int],
        *,
        limits: QueryLimits = DEFAULT_LIMITS,
    ) -> None:
        self.limits = limits
        self._database = database
        self._store = store
        self._catalog = catalog
        self._clock_ms = clock_ms
        self._places = asyncio.Semaphore(limits.parallel)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, wish: QueryWish) -> None:
        """Let a query wait for its turn; `MalformedQueryException` or `LimitExceededException` at once."""
        compile_query(wish.stored.query, _source(wish), max_rows=wish.max_rows)
        await self._store.add(wish.stored, limit=self.limits.active)
        task = asyncio.create_task(self._run(wish), name=f"query {wish.stored.id}")
        self._tasks[wish.stored.id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(wish.stored.id, None))

    async def cancel(self, query_id: str) -> bool:
        """End a query and the engine's work on it; False when it had ended."""
        if not await self._store.end(query_id, "Cancelled", message="stopped by StopQuery"):
            return False
        await self._kill(query_id)
        return True

    async def finished(self, query_id: str) -> None:
        """Wait until nothing works on a query of this process any more."""
        task = self._tasks.get(query_id)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Stop every query: the server ends."""
        for query_id in list(self._tasks):
            await self._store.end(query_id, "Failed", message="the server was stopped")
            await self._kill(query_id)

    async def _kill(self, query_id: str) -> None:
        # Between two looks at the engine's list the query's next statement may begin: look until its task has ended.
        while True:
            with contextlib.suppress(StorageError):
                await self._database.run("read", lambda client: client.command(KILL, parameters={"id": query_id}))
            task = self._tasks.get(query_id)
            if task is None or (await asyncio.wait([task], timeout=KILL_PAUSE_S))[0]:
                return

    async def _run(self, wish: QueryWish) -> None:
        query_id = wish.stored.id
        async with self._places:
            try:
                if await self._store.begin(query_id):
                    await self._answer(wish)
            except (StorageError, ServiceError) as error:
                status, message = _ending(error)
                log.warning("query %s: %s: %s", query_id, message, error)
                await self._store.end(query_id, status, message=message)
            except SQLAlchemyError:
                log.exception("query %s: its result cannot be stored", query_id)

    async def _answer(self, wish: QueryWish) -> None:
        source = await self._sourced(wish)
        compiled = compile_query(wish.stored.query, source, max_rows=wish.max_rows)
        if compiled.needs_streams:
            names = await self._all_stream_names(wish.groups)
            source = msgspec.structs.replace(source, stream_names=names)
            compiled = compile_query(wish.stored.query, source, max_rows=wish.max_rows)
        deadline_ms = wish.stored.created_ms + self.limits.time_s * 1_000

        async def run(sql: str) -> Rows:
            return await self._execute(wish.stored.id, sql, compiled.parameters, deadline_ms)

        scanned = (await run(compiled.scanned_sql)).result_rows[0]
        rows = (await run(compiled.sql)).result_rows
        complete = compiled.counts_itself and len(rows) < compiled.max_rows
        matched = len(rows) if complete else int((await run(compiled.matched_sql)).result_rows[0][0])
        statistics = _statistics(scanned, matched, len(rows), len(wish.groups))
        pointers = await self._pointers(wish.groups, compiled, rows)
        parts = await asyncio.to_thread(_encoded, compiled, rows, pointers)
        await self._store.end(wish.stored.id, "Complete", rows=parts, statistics=statistics)

    async def _execute(self, query_id: str, sql: str, parameters: dict[str, object], deadline_ms: int) -> Rows:
        left_s = max(1, (deadline_ms - self._clock_ms()) // 1_000)
        settings = {
            "log_comment": query_id,
            "max_execution_time": str(min(left_s, self.limits.time_s)),
            "max_memory_usage": str(self.limits.memory_bytes),
            "max_result_bytes": str(self.limits.result_bytes),
            "result_overflow_mode": "throw",
        }

        def work(client: Client) -> Rows:
            return client.query(sql, parameters=parameters, settings=settings)

        return await self._database.run("query", work)

    async def _sourced(self, wish: QueryWish) -> Source:
        numbers = {group.number for group in wish.groups}
        waiting = await self._catalog.waiting_reclaims()
        deleted = [
            one.stream_number for one in waiting if one.group_number in numbers and one.stream_number is not None
        ]
        return msgspec.structs.replace(_source(wish), deleted_streams=deleted)

    async def _all_stream_names(self, groups: Sequence[LogGroup]) -> dict[int, str]:
        names = {stream.number: stream.name for group in groups for stream in await self._catalog.streams(group)}
        if sum(map(len, names.values())) + 20 * len(names) > MAX_NAME_CHARACTERS:
            raise ServiceError(
                "LimitExceededException", f"@logStream can be used with up to {MAX_NAME_CHARACTERS} characters of names"
            )
        return names

    async def _pointers(
        self, groups: Sequence[LogGroup], compiled: Compiled, rows: Sequence[Sequence[Any]]
    ) -> Mapping[tuple[int, int], tuple[str, str]]:
        """Return the names of group and stream by their numbers, for the events of the result."""
        if not compiled.has_keys:
            return {}
        first = len(compiled.columns)
        wanted: dict[int, set[int]] = {}
        for row in rows:
            wanted.setdefault(row[first], set()).add(row[first + 1])
        by_number = {group.number: group for group in groups}
        named = {}
        for group_number, streams in wanted.items():
            group = by_number[group_number]
            for some in _portions(sorted(streams), STREAM_NUMBERS):
                for number, name in (await self._catalog.stream_names(group, some)).items():
                    named[group_number, number] = (group.name, name)
        return named


def _source(wish: QueryWish) -> Source:
    stored = wish.stored
    window = Window(
        min(stored.start_s * 1_000, LAST_MS), min(stored.end_s * 1_000 + 999, LAST_MS), now_ms=stored.created_ms
    )
    groups = [Group(group.number, group.name, expired_before_ms(group, stored.created_ms)) for group in wish.groups]
    return Source(stored.tenant.account_id, groups, window)


def expired_before_ms(group: LogGroup, now_ms: int) -> int | None:
    """Return the time before which the group's events are not shown any more, None if they are kept for ever."""
    return None if group.retention_in_days is None else now_ms - group.retention_in_days * DAY_MS


def _statistics(scanned: Sequence[Any], matched: int, results: int, groups: int) -> dict[str, float]:
    return {
        "recordsMatched": float(matched),
        "recordsScanned": float(scanned[0]),
        "estimatedRecordsSkipped": 0.0,
        "bytesScanned": float(scanned[1]),
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": float(groups),
        "resultCount": float(results),
    }


def _encoded(
    compiled: Compiled, rows: Sequence[Sequence[Any]], named: Mapping[tuple[int, int], tuple[str, str]]
) -> list[bytes]:
    return [encoded([_result_row(compiled, row, named) for row in part]) for part in _portions(rows, PART_ROWS)]


def _result_row(compiled: Compiled, row: Sequence[Any], named: Mapping[tuple[int, int], tuple[str, str]]) -> ResultRow:
    pairs = [(name, value) for name, value in zip(compiled.columns, row, strict=False) if value is not None]
    if compiled.has_keys:
        group, stream, *key = row[len(compiled.columns) :]
        names = named.get((group, stream))
        if names is not None:
            pairs.append(("@ptr", str(Pointer(*names, EventKey(*key)))))
    return pairs


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _ending(error: Exception) -> tuple[Status, str]:
    found = ENGINE_CODE.search(str(error))
    return ENDINGS.get(found[1] if found else "", ("Failed", "the query failed"))
