"""Export tasks in the metadata database: their life from PENDING to the end, and who works on them.

    PENDING → RUNNING → COMPLETED | FAILED
       ↓         ↓
       ↓    PENDING_CANCEL → CANCELLED
    CANCELLED

A run holds a task by a lease that it renews. A task whose run is gone, because its server was stopped or killed, is
run again from the beginning: at the next start with SQLite, when the lease ends where several nodes share a database.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogGroup, Tenant
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.exports import export_tasks
from groundwatch.storage.tables.logs import log_streams

Status = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "PENDING_CANCEL", "CANCELLED"]
ACTIVE: tuple[Status, ...] = ("PENDING", "RUNNING")
COMPLETED_MESSAGE = "Completed successfully"
CANCELLED_MESSAGE = "Cancelled by user"
LEASE_MS = 300_000
"""Longer than an upload with all its repetitions takes."""
MAX_ATTEMPTS = 5
"""How often a task is begun; stops of a server do not count, crashes and failures of the stores do."""

columns = export_tasks.c


class ExportRequest(msgspec.Struct, frozen=True):
    """What a client wants exported, and where to. Both times are inclusive."""

    group: LogGroup
    from_ms: int
    to_ms: int
    bucket: str
    prefix: str
    name: str | None = None
    stream_prefix: str = ""


class ExportTask(msgspec.Struct, frozen=True):
    """One export task; `owner` is the run that works on it."""

    number: int
    id: str
    tenant: Tenant
    name: str | None
    group_number: int
    group_name: str
    stream_prefix: str
    from_ms: int
    to_ms: int
    bucket: str
    prefix: str
    status: Status
    message: str | None
    created_ms: int
    completed_ms: int | None
    owner: str | None


class ExportTasks:
    """The tasks of every tenant. One of a tenant's tasks may be active at a time, as the service's quota has it."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms

    async def add(self, request: ExportRequest) -> str:
        """Remember a new task and return its id; `LimitExceededException` while another one is active."""
        tenant, task_id = request.group.tenant, str(uuid.uuid4())
        values = {
            "id": task_id,
            "account_id": tenant.account_id,
            "region": tenant.region,
            "name": request.name,
            "group_id": request.group.number,
            "group_name": request.group.name,
            "stream_prefix": request.stream_prefix,
            "from_ms": request.from_ms,
            "to_ms": request.to_ms,
            "bucket": request.bucket,
            "prefix": request.prefix,
            "status": "PENDING",
            "created_ms": self._clock_ms(),
            "leased_until_ms": 0,
            "attempts": 0,
        }
        try:
            # The partial unique index on active tasks is the quota, so that it holds for several nodes as well.
            await self._database.write(lambda connection: connection.execute(insert(export_tasks).values(values)))
        except IntegrityError as error:
            raise limit_exceeded() from error
        return task_id

    async def has_active(self, tenant: Tenant) -> bool:
        """Return whether the tenant has a task that is pending or running."""
        statement = select(columns.number).where(_of_tenant(tenant), columns.status.in_(ACTIVE)).limit(1)
        return await self._database.read(lambda connection: connection.execute(statement).first()) is not None

    async def page(
        self, tenant: Tenant, *, before: int | None, limit: int, task_id: str | None, status: str | None
    ) -> list[ExportTask]:
        """Return up to `limit` tasks, the newest first, from the one that follows the number `before`."""
        statement = select(export_tasks).where(_of_tenant(tenant)).order_by(columns.number.desc()).limit(limit)
        if before is not None:
            statement = statement.where(columns.number < before)
        if task_id is not None:
            statement = statement.where(columns.id == task_id)
        if status is not None:
            statement = statement.where(columns.status == status)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_task(row) for row in rows]

    async def cancel(self, tenant: Tenant, task_id: str) -> None:
        """End a task that waits, or tell the run of one that runs; a task that has ended is refused."""

        def change(connection: Connection) -> None:
            found = select(export_tasks).where(_of_tenant(tenant), columns.id == task_id).with_for_update()
            row = connection.execute(found).one_or_none()
            if row is None:
                raise ServiceError("ResourceNotFoundException", "The specified export task does not exist.")
            _set(connection, row.number, _cancelled(row.status, self._clock_ms()))

        await self._database.write(change)

    async def claim(self) -> ExportTask | None:
        """Give the oldest task that waits to a new run, None when no task waits for one."""

        def take(connection: Connection) -> ExportTask | None:
            now_ms = self._clock_ms()
            while (row := _next_waiting(connection, now_ms)) is not None:
                given_up = _given_up(row, now_ms)
                if given_up is None:
                    owner = str(uuid.uuid4())
                    run = {"owner": owner, "leased_until_ms": now_ms + LEASE_MS, "attempts": row.attempts + 1}
                    _set(connection, row.number, {"status": "RUNNING", **run})
                    return msgspec.structs.replace(_task(row), status="RUNNING", owner=owner)
                _set(connection, row.number, given_up)
            return None

        return await self._database.write(take)

    async def is_wanted(self, task: ExportTask) -> bool:
        """Return whether the run that holds the task shall go on: it was neither cancelled nor given to another."""
        statement = select(columns.status).where(_held(task))
        return await self._database.read(lambda connection: connection.scalar(statement)) == "RUNNING"

    async def renew(self, task: ExportTask) -> None:
        """Keep others from taking the task for another lease."""
        await self._change_held(task, {"leased_until_ms": self._clock_ms() + LEASE_MS})

    async def finish(self, task: ExportTask, status: Status, message: str) -> None:
        """End the task, as cancelled if that was asked for meanwhile; nothing happens if another run has taken it."""
        cancelling = columns.status == "PENDING_CANCEL"
        values = {
            "status": case((cancelling, "CANCELLED"), else_=status),
            "message": case((cancelling, CANCELLED_MESSAGE), else_=message),
            "completed_ms": self._clock_ms(),
            "owner": None,
        }
        await self._change_held(task, values)

    async def release(self, task: ExportTask, *, pause_ms: int = 0, counted: bool = False) -> None:
        """Let a run take the task up again, at the earliest in `pause_ms`; only a `counted` attempt uses one up."""
        values = {
            "owner": None,
            "leased_until_ms": self._clock_ms() + pause_ms,
            "attempts": columns.attempts - (0 if counted else 1),
        }
        await self._change_held(task, values)

    async def release_all(self) -> None:
        """Let every task be taken up that a process held which is gone; only for a database without other users."""
        if self._database.engine.dialect.name == "sqlite":
            statement = update(export_tasks).where(columns.owner.is_not(None)).values(owner=None, leased_until_ms=0)
            await self._database.write(lambda connection: connection.execute(statement))

    async def shared_folders(self, group_number: int) -> Sequence[str]:
        """Return the folders that two or more streams of the group are exported to, since `/` becomes `-` in them."""
        folder = func.replace(log_streams.c.name, "/", "-")
        statement = select(folder).where(log_streams.c.group_id == group_number)
        statement = statement.group_by(folder).having(func.count() > 1)
        return await self._database.read(lambda connection: connection.scalars(statement).all())

    async def _change_held(self, task: ExportTask, values: Mapping[str, object]) -> None:
        statement = update(export_tasks).where(_held(task)).values(**values)
        await self._database.write(lambda connection: connection.execute(statement))


def limit_exceeded() -> ServiceError:
    """Return the service's answer to a second active task."""
    return ServiceError("LimitExceededException", "Resource limit exceeded.")


def _next_waiting(connection: Connection, now_ms: int) -> Row[Any] | None:
    free = columns.leased_until_ms <= now_ms
    waiting = or_(
        and_(columns.status.in_(ACTIVE), free),
        and_(columns.status == "PENDING_CANCEL", or_(columns.owner.is_(None), free)),
    )
    statement = select(export_tasks).where(waiting).order_by(columns.number).limit(1)
    # Rows that another node is just taking are passed over, not waited for.
    return connection.execute(statement.with_for_update(skip_locked=True)).one_or_none()


def _given_up(row: Row[Any], now_ms: int) -> dict[str, object] | None:
    """Return what becomes of a task without a run that shall get none, None if it shall get one."""
    if row.status == "PENDING_CANCEL":
        return _ended("CANCELLED", CANCELLED_MESSAGE, now_ms)
    if row.attempts >= MAX_ATTEMPTS:
        return _ended("FAILED", f"The export was begun {MAX_ATTEMPTS} times and never came to its end.", now_ms)
    return None


def _cancelled(status: Status, now_ms: int) -> dict[str, object]:
    if status == "PENDING":
        return _ended("CANCELLED", CANCELLED_MESSAGE, now_ms)
    if status == "RUNNING":
        return {"status": "PENDING_CANCEL"}
    state = "is already being cancelled" if status == "PENDING_CANCEL" else "has already finished"
    raise ServiceError("InvalidOperationException", f"The specified export task {state}")


def _ended(status: Status, message: str, now_ms: int) -> dict[str, object]:
    return {"status": status, "message": message, "completed_ms": now_ms, "owner": None}


def _set(connection: Connection, number: int, values: Mapping[str, object]) -> None:
    connection.execute(update(export_tasks).where(columns.number == number).values(**values))


def _held(task: ExportTask) -> ColumnElement[bool]:
    return and_(columns.number == task.number, columns.owner == task.owner)


def _of_tenant(tenant: Tenant) -> ColumnElement[bool]:
    return and_(columns.account_id == tenant.account_id, columns.region == tenant.region)


def _task(row: Row[Any]) -> ExportTask:
    return ExportTask(
        number=row.number,
        id=row.id,
        tenant=Tenant(row.account_id, row.region),
        name=row.name,
        group_number=row.group_id,
        group_name=row.group_name,
        stream_prefix=row.stream_prefix,
        from_ms=row.from_ms,
        to_ms=row.to_ms,
        bucket=row.bucket,
        prefix=row.prefix,
        status=row.status,
        message=row.message,
        created_ms=row.created_ms,
        completed_ms=row.completed_ms,
        owner=row.owner,
    )
