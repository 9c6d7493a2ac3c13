"""Scheduled queries in the metadata database, and the times that they were due.

A time that is due becomes a run in the same transaction that moves the schedule on: it is neither missed nor run for
twice. A run is held by a lease; one whose server is gone is begun again, at the next start with SQLite, when the lease
ends where several nodes share a database.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.schedules.expression import parse_schedule
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.scheduled_queries import scheduled_queries as schedules
from groundwatch.storage.tables.scheduled_queries import scheduled_runs as runs

log = logging.getLogger(__name__)
State = Literal["ENABLED", "DISABLED"]
RunStatus = Literal["Running", "InvalidQuery", "Complete", "Failed", "Timeout"]
CATCH_UP_MS = 86_400_000
"""How long after it was due a time is still run for, after a stop of the server."""
MAX_ATTEMPTS = 3
"""How often a run is begun that never came to its end, because its server was killed."""
MAX_SCHEDULES = 1_000
SECONDS_UNTIL = 100_000_000_000
"""Times below are read as seconds, others as milliseconds: the documentation says only “Unix epoch format”."""


class Schedule(msgspec.Struct, frozen=True):
    """A scheduled query; `members` are those of the model, as the client gave them."""

    id: str
    tenant: Tenant
    name: str
    members: dict[str, Any]
    state: State
    created_ms: int
    updated_ms: int
    next_ms: int | None = None

    @property
    def arn(self) -> str:
        """The ARN. Names may be too long for one."""
        return schedule_arn(self.tenant, self.id)

    def next_after(self, after_ms: int) -> int | None:
        """Return when the query is due next, None when never again. Raises `ValidationException`."""
        start_ms, end_ms = (epoch_ms(self.members.get(name)) for name in ("scheduleStartTime", "scheduleEndTime"))
        tell = parse_schedule(self.members["scheduleExpression"], self.members.get("timezone"), self.created_ms)
        due_ms = tell(after_ms if start_ms is None else max(after_ms, start_ms - 1))
        return None if due_ms is None or (end_ms is not None and due_ms > end_ms) else due_ms


class Run(msgspec.Struct, frozen=True):
    """One time that a query was due."""

    schedule: Schedule
    triggered_ms: int
    status: RunStatus
    query_id: str | None = None
    message: str | None = None
    destination: dict[str, str] | None = None
    """The members of the model's ScheduledQueryDestination."""
    owner: str | None = None


class ScheduleStore:
    """Reads and writes of schedules and runs."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms

    async def add(self, schedule: Schedule) -> None:
        """Store a new schedule; `ConflictException` when the name is taken."""

        def add(connection: Connection) -> None:
            count = select(func.count()).select_from(schedules).where(_of(schedule.tenant))
            if connection.execute(count).scalar_one() >= MAX_SCHEDULES:
                raise ServiceError("ServiceQuotaExceededException", "The limit of scheduled queries is reached.")
            connection.execute(insert(schedules).values(_values(schedule)))

        try:
            await self._database.write(add)
        except IntegrityError as error:
            message = f"A scheduled query with the name {schedule.name} already exists."
            raise ServiceError("ConflictException", message) from error

    async def replace(self, schedule: Schedule) -> None:
        """Store the changes of a schedule; `ResourceNotFoundException` when it was deleted meanwhile."""
        statement = update(schedules).where(schedules.c.id == schedule.id).values(_values(schedule))
        if not await self._database.write(lambda connection: connection.execute(statement).rowcount):
            raise _no_such_schedule()

    async def find(self, tenant: Tenant, identifier: str) -> Schedule:
        """Return the schedule of a name or ARN; `ResourceNotFoundException` when there is none."""
        named = schedules.c.name == identifier
        if identifier.startswith("arn:"):
            named = schedules.c.id == identifier.rpartition(":")[2]
        statement = select(schedules).where(_of(tenant), named)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None or (identifier.startswith("arn:") and _schedule(row).arn != identifier):
            raise _no_such_schedule()
        return _schedule(row)

    async def remove(self, schedule: Schedule) -> None:
        """Forget a schedule and its history."""
        statement = delete(schedules).where(schedules.c.id == schedule.id)
        await self._database.write(lambda connection: connection.execute(statement))

    async def page(self, tenant: Tenant, *, after: str, limit: int, state: str | None) -> list[Schedule]:
        """Return up to `limit` schedules in order of name, behind a name."""
        statement = select(schedules).where(_of(tenant), schedules.c.name > after)
        if state is not None:
            statement = statement.where(schedules.c.state == state)
        statement = statement.order_by(schedules.c.name).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_schedule(row) for row in rows]

    async def last_runs(self, found: Sequence[Schedule]) -> dict[str, Run]:
        """Return the last run of each schedule that has one, by the schedule's id."""
        by_id = {schedule.id: schedule for schedule in found}
        last = select(runs.c.schedule_id, func.max(runs.c.triggered_ms).label("last")).group_by(runs.c.schedule_id)
        last = last.where(runs.c.schedule_id.in_(by_id))
        newest = last.subquery()
        on = and_(runs.c.schedule_id == newest.c.schedule_id, runs.c.triggered_ms == newest.c.last)
        statement = select(runs).join(newest, on)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.schedule_id: _run(by_id[row.schedule_id], row) for row in rows}

    async def history(
        self, schedule: Schedule, *, from_ms: int, to_ms: int, statuses: Sequence[str], before: int | None, limit: int
    ) -> list[Run]:
        """Return up to `limit` runs of a schedule, the newest first, behind the one of a time."""
        time = runs.c.triggered_ms
        statement = select(runs).where(runs.c.schedule_id == schedule.id, time >= from_ms, time <= to_ms)
        if statuses:
            statement = statement.where(runs.c.status.in_(statuses))
        if before is not None:
            statement = statement.where(time < before)
        statement = statement.order_by(time.desc()).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_run(schedule, row) for row in rows]

    async def claim(self, lease_ms: int, kept_ms: int) -> Run | None:
        """Return a run to work on: one that nobody holds any more, or that of the next time that is due."""

        def claim(connection: Connection) -> Run | None:
            now_ms = self._clock_ms()
            lease = {"owner": str(uuid.uuid4()), "leased_until_ms": now_ms + lease_ms}
            return _left(connection, now_ms, lease) or _due(connection, now_ms, lease, kept_ms)

        return await self._database.write(claim)

    async def next_due_ms(self) -> int | None:
        """Return when the next query of all is due."""
        statement = select(func.min(schedules.c.next_ms)).where(schedules.c.state == "ENABLED")
        return await self._database.read(lambda connection: connection.scalar(statement))

    async def note(self, run: Run, **values: object) -> bool:
        """Write something down about a run that is held; False when it is held no more."""
        statement = update(runs).where(_held(run)).values(**values)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))

    async def release(self, run: Run, *, pause_ms: int = 0, counted: bool = False) -> None:
        """Let a run be begun again, at the earliest in `pause_ms`; only a `counted` attempt uses one up."""
        attempts = runs.c.attempts - (0 if counted else 1)
        await self.note(run, leased_until_ms=self._clock_ms() + pause_ms, attempts=attempts)

    async def release_all(self) -> None:
        """Let every run be begun again that a process held which is gone; only for a database without other users."""
        if self._database.engine.dialect.name == "sqlite":
            statement = update(runs).where(runs.c.status == "Running").values(leased_until_ms=0)
            await self._database.write(lambda connection: connection.execute(statement))


def schedule_arn(tenant: Tenant, identifier: str) -> str:
    """Return the ARN of a scheduled query, or with `*` that of all."""
    return f"arn:aws:logs:{tenant.region}:{tenant.account_id}:scheduled-query:{identifier}"


def epoch_ms(time: int | None) -> int | None:
    """Return milliseconds since the epoch for a time in seconds or milliseconds."""
    return time if time is None or time >= SECONDS_UNTIL else time * 1_000


def _no_such_schedule() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified scheduled query does not exist.")


def _left(connection: Connection, now_ms: int, lease: Mapping[str, object]) -> Run | None:
    waiting = and_(runs.c.status == "Running", runs.c.leased_until_ms <= now_ms)
    statement = select(runs).where(waiting).order_by(runs.c.triggered_ms).limit(1)
    row = connection.execute(statement.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    key = and_(runs.c.schedule_id == row.schedule_id, runs.c.triggered_ms == row.triggered_ms)
    if row.attempts >= MAX_ATTEMPTS:
        message = f"The query was begun {MAX_ATTEMPTS} times and never came to its end."
        connection.execute(update(runs).where(key).values(status="Failed", message=message, owner=None))
        return _left(connection, now_ms, lease)
    connection.execute(update(runs).where(key).values(attempts=row.attempts + 1, **lease))
    schedule = connection.execute(select(schedules).where(schedules.c.id == row.schedule_id)).one()
    return msgspec.structs.replace(_run(_schedule(schedule), row), owner=lease["owner"])


def _due(connection: Connection, now_ms: int, lease: Mapping[str, object], kept_ms: int) -> Run | None:
    due = and_(schedules.c.state == "ENABLED", schedules.c.next_ms <= now_ms)
    statement = select(schedules).where(due).order_by(schedules.c.next_ms).limit(1)
    row = connection.execute(statement.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    schedule = _schedule(row)
    triggered_ms = row.next_ms
    if triggered_ms < now_ms - CATCH_UP_MS:
        # Nobody wants the thousand results of a month without a server.
        triggered_ms = _following(schedule, now_ms - CATCH_UP_MS)
        if triggered_ms is None or triggered_ms > now_ms:
            _move_on(connection, schedule, triggered_ms)
            return _due(connection, now_ms, lease, kept_ms)
    _move_on(connection, schedule, _following(schedule, triggered_ms))
    connection.execute(delete(runs).where(runs.c.schedule_id == schedule.id, runs.c.triggered_ms < now_ms - kept_ms))
    known = and_(runs.c.schedule_id == schedule.id, runs.c.triggered_ms == triggered_ms)
    if connection.execute(select(runs.c.status).where(known)).first() is not None:
        # An update of the schedule set it back to a time that was run for already.
        return _due(connection, now_ms, lease, kept_ms)
    values = {"schedule_id": schedule.id, "triggered_ms": triggered_ms, "status": "Running", "attempts": 1, **lease}
    connection.execute(insert(runs).values(values))
    return Run(schedule, triggered_ms, "Running", owner=str(lease["owner"]))


def _following(schedule: Schedule, after_ms: int) -> int | None:
    try:
        return schedule.next_after(after_ms)
    except ServiceError as error:
        # It was right when it was stored: a time zone has gone from the machine. The others must go on.
        log.warning("scheduled query %s runs no more: %s", schedule.name, error)
        return None


def _move_on(connection: Connection, schedule: Schedule, next_ms: int | None) -> None:
    connection.execute(update(schedules).where(schedules.c.id == schedule.id).values(next_ms=next_ms))


def _held(run: Run) -> ColumnElement[bool]:
    return and_(
        runs.c.schedule_id == run.schedule.id,
        runs.c.triggered_ms == run.triggered_ms,
        runs.c.owner == run.owner,
    )


def _of(tenant: Tenant) -> ColumnElement[bool]:
    return and_(schedules.c.account_id == tenant.account_id, schedules.c.region == tenant.region)


def _values(schedule: Schedule) -> dict[str, object]:
    named = {name: getattr(schedule, name) for name in schedule.__struct_fields__ if name != "tenant"}
    return named | {"account_id": schedule.tenant.account_id, "region": schedule.tenant.region}


def _schedule(row: Row[Any]) -> Schedule:
    named = {name: getattr(row, name) for name in Schedule.__struct_fields__ if name != "tenant"}
    return Schedule(tenant=Tenant(row.account_id, row.region), **named)


def _run(schedule: Schedule, row: Row[Any]) -> Run:
    named = {name: getattr(row, name) for name in Run.__struct_fields__ if name != "schedule"}
    return Run(schedule=schedule, **named)
