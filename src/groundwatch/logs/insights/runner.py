"""Runs queries in the background, a few at a time, within limits of time, memory and size."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogCatalog
from groundwatch.logs.insights.compile import compile_query
from groundwatch.logs.insights.engine import QueryEngine, ending
from groundwatch.logs.insights.languages import parse_in
from groundwatch.logs.insights.limits import DEFAULT_LIMITS, QueryLimits
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.run import NOTHING_BESIDE, Beside, QueryRun, QueryWish, Shown, Tools, source_of
from groundwatch.logs.insights.side_tables import drop_left_tables
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)


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
        beside: Beside = NOTHING_BESIDE,
    ) -> None:
        self.limits = limits
        self._database = database
        self._store = store
        self._engine = QueryEngine(database, limits, clock_ms)
        self._tools = Tools(database, catalog, self._engine, limits, clock_ms, beside)
        self._places = asyncio.Semaphore(limits.parallel)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[str] = set()
        """Those that wait for a place."""
        self._runs: dict[str, QueryRun] = {}

    async def begin(self) -> None:
        """Tidy up after a process that is gone."""
        await self._store.give_up_all()
        await drop_left_tables(self._database)

    async def start(self, wish: QueryWish) -> None:
        """Let a query wait for its turn; `MalformedQueryException` or `LimitExceededException` at once."""
        query = parse_in(wish.stored.language, wish.stored.query)
        compile_query(query, source_of(wish), max_rows=wish.max_rows, most_rows=self.limits.rows)
        # Where it can run at once it is stored as running: that spares a write, which takes as long as a short query.
        runs = not self._places.locked() and await self._places.acquire()
        stored = msgspec.structs.replace(wish.stored, status="Running") if runs else wish.stored
        adding = asyncio.create_task(self._store.add(stored, limit=self.limits.active_of(stored.language)))
        # The engine works while the disk does: whoever is told of the query finds it stored all the same.
        task = asyncio.create_task(self._run(wish, adding, runs=runs), name=f"query {stored.id}")
        self._tasks[stored.id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(stored.id, None))
        try:
            # A request that ends meanwhile does not end the query.
            await asyncio.shield(adding)
        except (ServiceError, SQLAlchemyError):
            if runs:
                await self._kill(stored.id)
            raise

    async def shown(self, query_id: str) -> Shown | None:
        """Return what there is of a query that runs in this process, None for every other."""
        run = self._runs.get(query_id)
        return None if run is None else await run.shown()

    async def cancel(self, query_id: str) -> bool:
        """End a query and the engine's work on it, and keep what was shown of it; False when it had ended."""
        shown = await self.shown(query_id) or Shown((), {})
        message = "stopped by StopQuery"
        if not await self._store.end(
            query_id, "Cancelled", message=message, rows=shown.rows, statistics=shown.statistics
        ):
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
            try:
                await self._store.end(query_id, "Failed", message="the server was stopped")
            except SQLAlchemyError:
                # The next start will say so. The engine must not hold this end up for as long as a query may take.
                log.exception("query %s: its end cannot be stored", query_id)
            await self._kill(query_id)

    async def _kill(self, query_id: str) -> None:
        task = self._tasks.get(query_id)
        if task is not None and query_id in self._waiting:
            # The engine knows nothing of it, and its turn may be an hour away.
            task.cancel()
        await self._engine.kill(query_id, task)

    async def _run(self, wish: QueryWish, adding: asyncio.Task[None], *, runs: bool) -> None:
        query_id = wish.stored.id
        if not runs:
            if not await _added(adding):
                return
            await self._wait_for_place(query_id)
        try:
            await self._answer(wish, adding, runs=runs)
        except Exception:
            log.exception("query %s: its result cannot be stored", query_id)
        finally:
            self._places.release()

    async def _wait_for_place(self, query_id: str) -> None:
        self._waiting.add(query_id)
        try:
            await self._places.acquire()
        finally:
            self._waiting.remove(query_id)

    async def _answer(self, wish: QueryWish, adding: asyncio.Task[None], *, runs: bool) -> None:
        query_id = wish.stored.id
        try:
            if not runs and not await self._store.begin(query_id):
                return
            run = self._runs[query_id] = QueryRun(wish, self._tools)
            rows, statistics = await run.answer()
        except Exception as error:  # noqa: BLE001 - logged by what ends the query
            if await _added(adding):
                await self._fail(query_id, error)
        else:
            if await _added(adding):
                await self._store.end(query_id, "Complete", rows=rows, statistics=statistics)
        finally:
            self._runs.pop(query_id, None)

    async def _fail(self, query_id: str, error: Exception) -> None:
        """End a query without a result, whatever the reason: otherwise it would be said to run until the next start."""
        status, message = ending(error)
        is_foreseen = isinstance(error, StorageError | ServiceError)
        log.warning("query %s: %s: %s", query_id, message, error, exc_info=None if is_foreseen else error)
        await self._store.end(query_id, status, message=message)


async def _added(adding: asyncio.Task[None]) -> bool:
    """Return whether a query has been stored, as soon as that is known; whoever asked for it is told why not."""
    await asyncio.wait([adding])
    return adding.exception() is None
