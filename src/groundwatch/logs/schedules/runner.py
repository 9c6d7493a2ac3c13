"""Runs queries when they are due: under their role, within the quotas of their account, delivered to their bucket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.background import ClaimedWork
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
SHORTEST_PAUSE_S = 0.05
"""So that a schedule which is due, and which another node is just taking, is not asked for without a pause."""
QUOTA_PAUSE_S, QUOTA_TRIES = 5.0, 120
"""How often a query is begun again that finds the quota of its account used up: ten minutes."""
LEASE_MARGIN_MS = 900_000
"""What a run may take beside its query: the wait for the quota, and the delivery."""
STATUSES: dict[str, RunStatus] = {"Complete": "Complete", "Timeout": "Timeout"}
PAUSE_MS = 60_000
"""After a failure of a store, which may be well again by then."""
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


class ScheduleRunner(ClaimedWork[Run]):
    """Looks at the clock and runs what is due; `start` and `stop` frame its work in the event loop."""

    def __init__(self, store: ScheduleStore, tools: Tools) -> None:
        super().__init__("scheduled queries", at_once=MAX_RUNS, poll_s=POLL_S)
        self._store = store
        self._tools = tools

    async def _release_all(self) -> None:
        await self._store.release_all()

    async def _claim(self) -> Run | None:
        limits = self._tools.queries.limits
        return await self._store.claim(limits.time_s * 1_000 + LEASE_MARGIN_MS, limits.kept_ms)

    def _label(self, job: Run) -> str:
        return job.schedule.name

    async def _pause_s(self) -> float:
        due_ms = await self._store.next_due_ms()
        if due_ms is None or self.is_full:
            return POLL_S
        return min(POLL_S, max((due_ms - self._tools.clock_ms()) / 1_000, SHORTEST_PAUSE_S))

    async def _do(self, job: Run) -> None:
        try:
            query_id = await self._begin(job)
            await self._tools.queries.finished(query_id)
            await self._finish(job, query_id)
        except asyncio.CancelledError:
            # The server stops: the next start begins the run again, without counting this attempt.
            await self._store.release(job)
            raise
        except ServiceError as error:
            log.warning("scheduled query %s: %s", job.schedule.name, error)
            status = "InvalidQuery" if error.code == "MalformedQueryException" else "Failed"
            await self._store.note(job, status=status, message=error.message or error.code)
        except Exception:
            # Held until its lease runs out, it would be begun again an hour later.
            log.exception("scheduled query %s was interrupted; next try in %d s", job.schedule.name, PAUSE_MS // 1000)
            await self._store.release(job, pause_ms=PAUSE_MS, counted=True)

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
