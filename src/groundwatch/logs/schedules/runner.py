"""Runs queries when they are due: under their role, within the quotas of their account, delivered to their bucket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.access import logs_access
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.runner import QueryRunner
from groundwatch.logs.schedules.delivery import Delivery
from groundwatch.logs.schedules.roles import RoleCalls
from groundwatch.logs.schedules.store import Run, RunStatus, ScheduleStore

log = logging.getLogger(__name__)
MAX_RUNS = 10
"""Runs at once; what is due besides waits a moment."""
POLL_S = 5.0
"""How often schedules are looked at that another node or an operation has changed."""
QUOTA_PAUSE_S, QUOTA_TRIES = 5.0, 120
"""How often a query is begun again that finds the quota of its account used up: ten minutes."""
LEASE_MARGIN_MS = 900_000
STATUSES: dict[str, RunStatus] = {"Complete": "Complete", "Timeout": "Timeout"}
LOOK_BACK_S = 3_600
"""Where the range of a query begins that says nothing about it."""


class StartsQueries(Protocol):
    """Starts queries; implemented by the operations of this room."""

    async def start_query(
        self,
        context: RequestContext,
        *,
        start_time: int,
        end_time: int,
        query_string: str,
        query_language: str = "CWLI",
        log_group_identifiers: list[str] | None = None,
    ) -> dict[str, object]:
        """Start a query and return its id; raises `ServiceError`."""


class Tools(msgspec.Struct, frozen=True):
    """What runs work with."""

    operations: StartsQueries
    queries: QueryRunner
    results: QueryStore
    roles: RoleCalls
    delivery: Delivery
    clock_ms: Callable[[], int]
    quota_pause_s: float = QUOTA_PAUSE_S


class ScheduleRunner:
    """Looks at the clock and runs what is due; `start` and `stop` frame its work in the event loop."""

    def __init__(self, store: ScheduleStore, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to work, first on what an earlier process left."""
        self._loop = asyncio.create_task(self._run(), name="scheduled queries")

    async def stop(self) -> None:
        """Leave the runs to the next start, or to another node."""
        ending = [task for task in (self._loop, *self._running) if task is not None]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def run_due(self) -> int:
        """Run what is due now, one after another, and return how many that were."""
        count = 0
        while (run := await self._claim()) is not None:
            await self._do(run)
            count += 1
        return count

    async def _run(self) -> None:
        released = False
        while True:
            self._wake.clear()
            pause_s = POLL_S
            try:
                if not released:
                    await self._store.release_all()
                    released = True
                await self._fill()
                pause_s = await self._pause_s()
            except SQLAlchemyError:
                # The loop must outlive a failing database; what is due stays due.
                log.exception("scheduled queries cannot be read; next try in %d s", POLL_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _fill(self) -> None:
        while len(self._running) < MAX_RUNS and (run := await self._claim()) is not None:
            running = asyncio.create_task(self._do(run), name=f"scheduled query {run.schedule.name}")
            self._running.add(running)
            running.add_done_callback(self._ended)

    async def _claim(self) -> Run | None:
        limits = self._tools.queries.limits
        return await self._store.claim(limits.time_s * 1_000 + LEASE_MARGIN_MS, limits.kept_ms)

    async def _pause_s(self) -> float:
        due_ms = await self._store.next_due_ms()
        if due_ms is None or len(self._running) >= MAX_RUNS:
            return POLL_S
        return min(POLL_S, max((due_ms - self._tools.clock_ms()) / 1_000, 0.05))

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._wake.set()
        if not running.cancelled() and (error := running.exception()) is not None:
            # The database did not take the end of the run, whose lease will run out.
            log.error("%s is left to a later run", running.get_name(), exc_info=error)

    async def _do(self, run: Run) -> None:
        """Bring a run to its end, whatever that is; only a stop of the server leaves it unfinished."""
        try:
            query_id = await self._begin(run)
            await self._tools.queries.finished(query_id)
            await self._finish(run, query_id)
        except asyncio.CancelledError:
            await self._store.release(run)
            raise
        except ServiceError as error:
            log.warning("scheduled query %s: %s", run.schedule.name, error)
            status = "InvalidQuery" if error.code == "MalformedQueryException" else "Failed"
            await self._store.note(run, status=status, message=error.message or error.code)

    async def _begin(self, run: Run) -> str:
        for _ in range(QUOTA_TRIES - 1):
            try:
                return await self._start(run)
            except ServiceError as error:
                if error.code != "LimitExceededException":
                    raise
            await asyncio.sleep(self._tools.quota_pause_s)
        return await self._start(run)

    async def _start(self, run: Run) -> str:
        members = run.schedule.members
        context = await self._tools.roles.context(run.schedule, members["executionRoleArn"])
        identifiers = members.get("logGroupIdentifiers")
        asked = {
            "logGroupIdentifiers": identifiers,
            "queryString": members["queryString"],
            "queryLanguage": members["queryLanguage"],
        }
        checks = logs_access("StartQuery", asked, context)
        await self._tools.roles.authorize(context, *checks)
        triggered_s = run.triggered_ms // 1_000
        answer = await self._tools.operations.start_query(
            context,
            query_string=members["queryString"],
            query_language=members["queryLanguage"],
            log_group_identifiers=identifiers,
            # The time that was due, not that of a server which was late: the result is the same.
            start_time=max(triggered_s - members.get("startTimeOffset", LOOK_BACK_S), 0),
            end_time=max(triggered_s - members.get("endTimeOffset", 0), 0),
        )
        query_id = str(answer["queryId"])
        await self._store.note(run, query_id=query_id)
        return query_id

    async def _finish(self, run: Run, query_id: str) -> None:
        query = await self._tools.results.find(run.schedule.tenant, query_id)
        status = STATUSES.get(query.status, "Failed")
        destination = None
        if status == "Complete":
            rows = await self._tools.results.rows(query_id, 0, int(query.statistics.get("resultCount", 0)))
            destination = await self._tools.delivery.deliver(run, query_id, rows)
        message = None if status == "Complete" else query.message or f"The query ended as {query.status}."
        await self._store.note(run, status=status, message=message, destination=destination)
