"""The engine's work on a query: statements within its limits, how far they are, and their end.

Every statement of a query carries the query's id as `log_comment`, by which the engine's list of processes shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.insights.queries import Status
from groundwatch.storage.answers import Answers
from groundwatch.storage.clickhouse import Client, EventDatabase, Rows
from groundwatch.storage.errors import StorageError, engine_code

KILL = """
    KILL QUERY WHERE query_id IN (SELECT query_id FROM system.processes WHERE Settings['log_comment'] = {id:String})
    ASYNC
"""
READ = """
    SELECT sum(read_rows), sum(total_rows_approx) FROM system.processes WHERE Settings['log_comment'] = {id:String}
"""
STORED = """
    SELECT ifNull(total_rows, 1e18) FROM system.tables WHERE database = currentDatabase() AND name = 'events'
"""
STORED_AGE_MS = 10_000
"""For how long the number of all events is taken as told."""
KILL_PAUSE_S = 0.1
NICENESS = 5
"""As for merges: puts and reads go first."""
ENDINGS: Mapping[str, tuple[Status, str]] = {
    "159": ("Timeout", "the query took longer than a query may (--query-timeout-minutes)"),
    "160": ("Timeout", "the query would take longer than a query may (--query-timeout-minutes)"),
    "241": ("Failed", "the query needs more memory than a query may have (--query-memory-bytes)"),
    "394": ("Cancelled", "the query was stopped"),
    "396": ("Failed", "the result is larger than a result may be: ask for fewer columns or rows, or a shorter range"),
}
"""What the engine's errors mean, by their codes."""


class QueryEngine:
    """Runs the statements of queries."""

    def __init__(self, database: EventDatabase, limits: QueryLimits, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._limits = limits
        self._clock_ms = clock_ms
        self._stored = Answers[str, float](clock_ms, life_ms=STORED_AGE_MS)

    async def run(
        self,
        query_id: str,
        sql: str,
        parameters: dict[str, object],
        *,
        deadline_ms: int,
        max_read_rows: int | None = None,
        threads: int | None = None,
    ) -> Rows:
        """Return the rows of a statement; with `max_read_rows` those of a part of the events that large, or a bit more.

        Raises StorageError, also beyond a limit (`ending` says which).
        """
        settings = {
            "log_comment": query_id,
            # What a mutation shreds meanwhile must not be missing from both of a statement's readings of the events.
            "enable_shared_storage_snapshot_in_query": "1",
            **self._limits.engine_settings((deadline_ms - self._clock_ms()) // 1_000),
        }
        if self._database.embedded:
            # The engine shares the processors with requests. Without the right to it (CAP_SYS_NICE) nothing happens.
            settings["os_threads_nice_value_query"] = str(min(os.nice(0) + NICENESS, 19))
        if max_read_rows is not None:
            settings |= {"max_rows_to_read": str(max_read_rows), "read_overflow_mode": "break"}
        if threads is not None:
            settings["max_threads"] = str(threads)

        def work(client: Client) -> Rows:
            return client.query(sql, parameters=parameters, settings=settings)

        return await self._database.run("query", work)

    async def progress(self, query_id: str) -> float:
        """Return which part of what the query's running statement reads it has read, from 0 to 1."""
        parameters = {"id": query_id}
        found = await self._database.run("read", lambda client: client.query(READ, parameters=parameters))
        read, total = found.result_rows[0]
        return min(read / total, 1.0) if total else 0.0

    async def events_stored(self) -> float:
        """Return how many events there are, of all groups, as of some seconds ago."""
        return await self._stored.get("events", self._count_stored) or 0.0

    async def _count_stored(self) -> float:
        found = await self._database.run("read", lambda client: client.query(STORED))
        return float(found.result_rows[0][0])

    async def kill(self, query_id: str, task: asyncio.Task[None] | None) -> None:
        """Stop the engine's work on a query, and return when nothing is left of it; `task` runs its statements."""
        # Between two looks at the engine's list the query's next statement may begin: look until its task has ended,
        # also when a look fails, as the statement itself will then.
        while True:
            with contextlib.suppress(StorageError):
                await self._database.run("read", lambda client: client.command(KILL, parameters={"id": query_id}))
            if task is None or (await asyncio.wait([task], timeout=KILL_PAUSE_S))[0]:
                return


def ending(error: Exception) -> tuple[Status, str]:
    """Return the status that a query ends with after an error, and what to say about it."""
    if isinstance(error, ServiceError):
        return "Failed", error.message or error.code
    code = engine_code(error) if isinstance(error, StorageError) else ""
    return ENDINGS.get(code, ("Failed", "the query failed"))
