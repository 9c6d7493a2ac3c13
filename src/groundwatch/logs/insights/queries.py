"""Insights queries that were started, with their results, in the metadata database."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.background import happens
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.insights.limits import DEFAULT_LIMITS
from groundwatch.logs.insights.results import PART_ROWS, ResultRow, decoded, parts_of
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.queries import queries as table
from groundwatch.storage.tables.queries import query_results as parts

Status = Literal["Scheduled", "Running", "Complete", "Failed", "Cancelled", "Timeout"]
ACTIVE = ("Scheduled", "Running")
READ_ROWS = 200
MOMENT_S, FIRST_ENDS_S, LATER_MOMENT_S = 0.003, 0.016, 0.1
"""How long the first who asks waits for a query's end: until so long after StartQuery, or a moment; and all others.

A first status is due within 20 ms of StartQuery. Whoever asks again has got that, and only wants the end.
"""


class StoredQuery(msgspec.Struct, frozen=True):
    """A query that was started."""

    id: str
    tenant: Tenant
    query: str
    group_names: list[str]
    start_s: int
    end_s: int
    identity: str
    created_ms: int
    status: Status = "Scheduled"
    ended_ms: int | None = None
    statistics: dict[str, float] = {}
    language: str = "CWLI"
    message: str | None = None
    """Why it failed, or who stopped it."""


class _Own:
    """A query of this process, from before it is stored until its end is."""

    def __init__(self, query: StoredQuery) -> None:
        self.query = query
        self.rows: Sequence[ResultRow] = ()
        self.is_ending = self.is_asked_for = False
        self.ended = asyncio.Event()

    def is_active_beside(self, query: StoredQuery) -> bool:
        """Whether it waits or runs, and counts together with another query."""
        same = (self.query.tenant, self.query.language == "CWLI") == (query.tenant, query.language == "CWLI")
        return same and not self.is_ending

    def end(self, values: Mapping[str, Any], rows: Sequence[ResultRow] = ()) -> None:
        """Tell everybody that it has ended, and how."""
        self.query, self.rows = msgspec.structs.replace(self.query, **values), rows
        self.ended.set()


class QueryStore:
    """Reads and writes of queries and results.

    Where no other node writes the database, a query of this process is read from memory until its end is synced.
    """

    def __init__(
        self, database: Database, clock_ms: Callable[[], int], *, kept_ms: int = DEFAULT_LIMITS.kept_ms
    ) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._kept_ms = kept_ms
        self._alone = database.engine.dialect.name == "sqlite"
        self._own: dict[str, _Own] = {}

    async def add(self, query: StoredQuery, *, limit: int) -> None:
        """Remember a query that begins to wait; `LimitExceededException` beside `limit` that have not ended."""

        def add(connection: Connection) -> None:
            if not self._alone and connection.execute(_active_beside(query)).scalar_one() >= limit:
                raise too_many()
            # Results are found for some days; nobody else looks after what is older.
            connection.execute(delete(table).where(table.c.created_ms < self._clock_ms() - self._kept_ms))
            values = {name: getattr(query, name) for name in query.__struct_fields__ if name != "tenant"}
            place = {"account_id": query.tenant.account_id, "region": query.tenant.region}
            connection.execute(insert(table).values(values | place))

        # All that wait or run are in memory, unless other nodes have some: no look through the queries of a week.
        if self._alone and sum(own.is_active_beside(query) for own in self._own.values()) >= limit:
            raise too_many()
        self._own[query.id] = _Own(query)
        try:
            # What is ready to run begins first: of the engine and the write, the engine has more to do.
            await asyncio.sleep(0)
            await self._database.write(add)
        except BaseException:
            del self._own[query.id]
            raise

    async def begin(self, query_id: str) -> bool:
        """Say that a query runs; False when it was stopped while it waited."""
        statement = update(table).where(table.c.id == query_id, table.c.status == "Scheduled").values(status="Running")
        changed = bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))
        own = self._own.get(query_id)
        if changed and own is not None:
            own.query = msgspec.structs.replace(own.query, status="Running")
        return changed

    async def end(
        self,
        query_id: str,
        status: Status,
        *,
        message: str | None = None,
        rows: Sequence[ResultRow] = (),
        statistics: Mapping[str, float] | None = None,
    ) -> bool:
        """End a query with its result; False when it had ended already, as by StopQuery."""
        values = {"status": status, "message": message, "ended_ms": self._clock_ms(), "statistics": statistics or {}}
        own = self._own.get(query_id)
        if own is None:
            return await self._write_end(query_id, values, rows)
        if own.is_ending:
            return False
        own.is_ending = True
        try:
            ended = await self._write_end(query_id, values, rows)
        except Exception:
            # Kept, and told so until the next start, which finds a query that has not ended.
            own.end({"status": "Failed", "message": "its result could not be stored"})
            raise
        own.end(values if ended else {}, rows)
        try:
            # Told before: this takes as long as a short query (docs/decisions/0023-running-queries.md).
            await self._database.sync()
        finally:
            del self._own[query_id]
        return ended

    async def ends_soon(self, query_id: str) -> bool:
        """Return whether a query of this process ends within a moment, which is longer for who asks again.

        A client that asks again at once takes the processor from the query that it waits for.
        """
        own = self._own.get(query_id)
        if own is None:
            return False
        passed_ms = self._clock_ms() - own.query.created_ms
        within_s = LATER_MOMENT_S if own.is_asked_for else moment_s(passed_ms)
        own.is_asked_for = True
        return await happens(own.ended, within_s)

    async def _write_end(self, query_id: str, values: dict[str, Any], rows: Sequence[ResultRow]) -> bool:
        encoded = await asyncio.to_thread(parts_of, rows)

        def end(connection: Connection) -> bool:
            changed = update(table).where(table.c.id == query_id, table.c.status.in_(ACTIVE)).values(values)
            if not connection.execute(changed).rowcount:
                return False
            made = [
                {"query_id": query_id, "first_row": number * PART_ROWS, "rows": part}
                for number, part in enumerate(encoded)
            ]
            if made:
                connection.execute(insert(parts), made)
            return True

        return await self._database.write_ahead(end)

    async def find(self, tenant: Tenant, query_id: str) -> StoredQuery:
        """Return a query of the tenant; `ResourceNotFoundException` when there is none of that id."""
        own = self._own_query(query_id)
        if own is not None and own.query.tenant == tenant:
            return own.query
        statement = select(table).where(_of(tenant), table.c.id == query_id)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None or row.created_ms < self._clock_ms() - self._kept_ms:
            raise ServiceError("ResourceNotFoundException", f"Query with id {query_id} does not exist.")
        return _query(row)

    async def rows(self, query_id: str, first: int, count: int) -> list[ResultRow]:
        """Return rows of a result, from the row number `first` on."""
        own = self._own_query(query_id)
        if own is not None:
            return list(own.rows[first : first + count])
        place = parts.c.first_row
        statement = select(place, parts.c.rows).where(
            parts.c.query_id == query_id, place > first - PART_ROWS, place < first + count
        )
        found = await self._database.read(lambda connection: connection.execute(statement.order_by(place)).all())
        if not found:
            return []
        rows = [row for part in found for row in decoded(part.rows)]
        return rows[first - found[0].first_row :][:count]

    async def page(
        self,
        tenant: Tenant,
        *,
        before: tuple[int, str] | None,
        limit: int,
        status: str | None,
        group: str | None,
        language: str | None = None,
    ) -> list[StoredQuery]:
        """Return up to `limit` queries, the newest first, behind (creation, id) `before`."""
        created = table.c.created_ms
        statement = select(table).where(_of(tenant), created >= self._clock_ms() - self._kept_ms)
        if before is not None:
            statement = statement.where(or_(created < before[0], and_(created == before[0], table.c.id < before[1])))
        if status is not None:
            statement = statement.where(table.c.status == status)
        if language is not None:
            statement = statement.where(table.c.language == language)
        statement = statement.order_by(created.desc(), table.c.id.desc())
        if group is None:
            statement = statement.limit(limit)

        def read(connection: Connection) -> list[Row[Any]]:
            # Groups are in a list that the database does not look into: read on only until there are enough.
            rows = connection.execute(statement.execution_options(yield_per=READ_ROWS))
            return list(itertools.islice((row for row in rows if group is None or group in row.group_names), limit))

        return [_query(row) for row in await self._database.read(read)]

    async def give_up_all(self) -> None:
        """End what a process that is gone left running; only for a database without other users."""
        if not self._alone:
            return
        values = {"status": "Failed", "message": "the server was stopped", "ended_ms": self._clock_ms()}
        statement = update(table).where(table.c.status.in_(ACTIVE)).values(values)
        await self._database.write(lambda connection: connection.execute(statement))

    def _own_query(self, query_id: str) -> _Own | None:
        # Other nodes may end a query, too: where there are any, only the database knows.
        return self._own.get(query_id) if self._alone else None


def new_query_id() -> str:
    """Return an id that no query has."""
    return str(uuid.uuid4())


def moment_s(passed_ms: int) -> float:
    """Return how long who asks first waits for the end of a query that was started so long ago."""
    # A clock that was set back must not make a moment long.
    return min(max(MOMENT_S, FIRST_ENDS_S - passed_ms / 1_000), FIRST_ENDS_S)


def too_many() -> ServiceError:
    """Return the refusal of a query beside as many as an account may have."""
    return ServiceError("LimitExceededException", "Account maximum query concurrency limit reached.")


def _active_beside(query: StoredQuery) -> Select[int]:
    # SQL and PPL count together, apart from Insights' own language.
    same = table.c.language == "CWLI" if query.language == "CWLI" else table.c.language != "CWLI"
    return select(func.count()).select_from(table).where(_of(query.tenant), same, table.c.status.in_(ACTIVE))


def _of(tenant: Tenant) -> ColumnElement[bool]:
    return and_(table.c.account_id == tenant.account_id, table.c.region == tenant.region)


def _query(row: Row[Any]) -> StoredQuery:
    named = {name: getattr(row, name) for name in StoredQuery.__struct_fields__ if name != "tenant"}
    return StoredQuery(tenant=Tenant(row.account_id, row.region), **named)
