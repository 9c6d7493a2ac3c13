"""Log groups and log streams: their names, settings and numbers, kept in the metadata database.

Looking up a group or stream by name happens on every put and read, so answers are remembered: for good while this
process is the only writer (SQLite), for a second when other nodes may change them (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Insert, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.name_pattern import EVERY_NAME, NamePattern
from groundwatch.logs.tags import TagChange
from groundwatch.storage.answers import Answers
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.logs import log_groups, log_streams, reclaims

STANDARD = "STANDARD"
"""The one class of log groups that knows filters, live tail and exports."""
REMEMBERED = 200_000
BOUND_NUMBERS = 1_000
SHARED_MEMORY_MS = 1_000


class Tenant(msgspec.Struct, frozen=True):
    """Whose log groups: names are unique in one region of one account, and invisible elsewhere."""

    account_id: str
    region: str


class LogGroup(msgspec.Struct, frozen=True):
    """A log group; `number` is what its events are stored under."""

    number: int
    tenant: Tenant
    name: str
    created_ms: int
    log_group_class: str
    retention_in_days: int | None
    deletion_protection: bool
    tags: dict[str, str]


class LogStream(msgspec.Struct, frozen=True):
    """A log stream; `number` is what its events are stored under."""

    number: int
    group_number: int
    name: str
    created_ms: int


class Reclaim(msgspec.Struct, frozen=True):
    """Events that no name leads to any more: those of a deleted group, or of one deleted stream."""

    number: int
    group_number: int
    stream_number: int | None


class LogCatalog:
    """The groups and streams of every tenant. Raises the service's errors for names that do not exist or already do."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self.shared = database.engine.dialect.name != "sqlite"
        """Whether other nodes may change what is stored; they learn of changes a second later."""
        self._database = database
        self._clock_ms = clock_ms
        life_ms = SHARED_MEMORY_MS if self.shared else None
        self._groups = Answers[tuple[Tenant, str], LogGroup](clock_ms, life_ms=life_ms, capacity=REMEMBERED)
        self._streams = Answers[tuple[int, str], LogStream](clock_ms, life_ms=life_ms, capacity=REMEMBERED)
        self._names = Answers[tuple[int, int], str](clock_ms, life_ms=life_ms, capacity=REMEMBERED)
        self._reclaims = Answers[None, list[Reclaim]](clock_ms, life_ms=life_ms)

    async def create_group(
        self,
        tenant: Tenant,
        name: str,
        *,
        log_group_class: str = "STANDARD",
        deletion_protection: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Make a log group; `ResourceAlreadyExistsException` when the tenant has one of that name."""
        values = {
            "account_id": tenant.account_id,
            "region": tenant.region,
            "name": name,
            "created_ms": self._clock_ms(),
            "log_group_class": log_group_class,
            "deletion_protection": deletion_protection,
            "tags": dict(tags or {}),
        }
        await self._insert(insert(log_groups).values(values), "The specified log group already exists")

    async def create_stream(self, group: LogGroup, name: str) -> None:
        """Make a log stream; `ResourceAlreadyExistsException` when the group has one of that name."""
        values = {"group_id": group.number, "name": name, "created_ms": self._clock_ms()}
        try:
            await self._insert(insert(log_streams).values(values), "The specified log stream already exists")
        except ServiceError:
            # The constraint that broke may be the other one: `group` can be a remembered one that was deleted since.
            statement = select(log_groups.c.id).where(log_groups.c.id == group.number)
            if await self._database.read(lambda connection: connection.scalar(statement)) is None:
                raise no_such_group() from None
            raise

    async def group(self, tenant: Tenant, name: str) -> LogGroup:
        """Return the group called `name`; `ResourceNotFoundException` when there is none."""
        found = await self._groups.get((tenant, name), lambda: self._find_group(tenant, name))
        if found is None:
            raise no_such_group()
        return found

    async def stream(self, group: LogGroup, name: str) -> LogStream:
        """Return the stream called `name`; `ResourceNotFoundException` when there is none."""
        found = await self._streams.get((group.number, name), lambda: self._find_stream(group, name))
        if found is None:
            raise ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
        return found

    async def _find_group(self, tenant: Tenant, name: str) -> LogGroup | None:
        statement = select(log_groups).where(_of_tenant(tenant), log_groups.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else _group(row)

    async def _find_stream(self, group: LogGroup, name: str) -> LogStream | None:
        statement = select(log_streams).where(log_streams.c.group_id == group.number, log_streams.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else _stream(row)

    async def groups(
        self,
        tenant: Tenant,
        *,
        after: str,
        limit: int,
        pattern: NamePattern = EVERY_NAME,
        classes: Sequence[str] = (),
        names: Sequence[str] | None = None,
    ) -> list[LogGroup]:
        """Return up to `limit` groups whose names come after `after`, sorted by name, of a pattern, class or list."""
        name = log_groups.c.name
        statement = select(log_groups).where(_of_tenant(tenant), name > after).order_by(name).limit(limit)
        alternatives = [and_(name >= prefix, name < _after_prefix(prefix)) for prefix in pattern.prefixes]
        # LIKE ignores case on SQLite; the service's patterns do not.
        alternatives += [_contains(self._database, name, part) for part in pattern.parts]
        if alternatives:
            statement = statement.where(or_(*alternatives))
        if names is not None:
            statement = statement.where(name.in_(names))
        if classes:
            statement = statement.where(log_groups.c.log_group_class.in_(classes))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_group(row) for row in rows]

    async def streams(
        self, group: LogGroup, *, prefix: str = "", names: Sequence[str] | None = None
    ) -> list[LogStream]:
        """Return the group's streams sorted by name, by prefix or among `names`."""
        name = log_streams.c.name
        statement = select(log_streams).where(log_streams.c.group_id == group.number).order_by(name)
        if prefix:
            statement = statement.where(name >= prefix, name < _after_prefix(prefix))
        if names is not None:
            statement = statement.where(name.in_(names))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_stream(row) for row in rows]

    async def stream_page(
        self, group: LogGroup, *, after: str | None, descending: bool, limit: int, prefix: str = ""
    ) -> list[LogStream]:
        """Return up to `limit` streams in order of name, from the one that follows `after`."""
        name = log_streams.c.name
        statement = select(log_streams).where(log_streams.c.group_id == group.number).limit(limit)
        statement = statement.order_by(name.desc() if descending else name)
        if after is not None:
            statement = statement.where(name < after if descending else name > after)
        if prefix:
            statement = statement.where(name >= prefix, name < _after_prefix(prefix))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_stream(row) for row in rows]

    async def stream_names(self, group: LogGroup, numbers: Sequence[int]) -> dict[int, str]:
        """Return the names of the streams with these numbers; those deleted meanwhile are left out."""
        columns = select(log_streams.c.id, log_streams.c.name).where(log_streams.c.group_id == group.number)

        async def load(keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
            statement = columns.where(log_streams.c.id.in_([number for _, number in keys]))
            rows = await self._database.read(lambda connection: connection.execute(statement).all())
            return {(group.number, row.id): row.name for row in rows}

        found = await self._names.get_all([(group.number, number) for number in numbers], load)
        return {number: name for (_, number), name in found.items()}

    async def change_group(self, group: LogGroup, **columns: object) -> None:
        """Set columns of a group, such as `retention_in_days`; `ResourceNotFoundException` when it is gone."""
        statement = update(log_groups).where(log_groups.c.id == group.number).values(**columns)
        changed = await self._database.write(lambda connection: connection.execute(statement).rowcount)
        self._groups.drop((group.tenant, group.name))
        if not changed:
            raise no_such_group()

    async def change_tags(self, group: LogGroup, change: TagChange) -> None:
        """Replace a group's tags by what `change` makes of them; `ResourceNotFoundException` when it is gone."""
        own = log_groups.c.id == group.number

        def write(connection: Connection) -> None:
            # Read again, and locked where several nodes write: `group` may be a remembered one.
            row = connection.execute(select(log_groups.c.tags).where(own).with_for_update()).one_or_none()
            if row is None:
                raise no_such_group()
            connection.execute(update(log_groups).where(own).values(tags=change(row.tags)))

        await self._database.write(write)
        self._groups.drop((group.tenant, group.name))

    async def delete_group(self, group: LogGroup) -> None:
        """Remove a group with its streams, and remember that their events wait to be reclaimed.

        Raises `ResourceNotFoundException` when it is gone, `ValidationException` when it is protected.
        """

        def remove(connection: Connection) -> None:
            _check_deletion(connection, group.number, "log group")
            # Before the delete, whose cascade takes the streams' rows along: the number is all that is left.
            connection.execute(insert(reclaims).values(group_id=group.number))
            connection.execute(delete(log_groups).where(log_groups.c.id == group.number))

        await self._database.write(remove)
        self._groups.drop((group.tenant, group.name))
        self._streams.drop_where(lambda key: key[0] == group.number)
        self._names.drop_where(lambda key: key[0] == group.number)
        self._reclaims.clear()

    async def delete_stream(self, stream: LogStream) -> None:
        """Remove a stream, and remember that its events wait to be reclaimed; raises like `delete_group`."""

        def remove(connection: Connection) -> None:
            _check_deletion(connection, stream.group_number, "log stream")
            connection.execute(insert(reclaims).values(group_id=stream.group_number, stream_id=stream.number))
            connection.execute(delete(log_streams).where(log_streams.c.id == stream.number))

        await self._database.write(remove)
        self._streams.drop((stream.group_number, stream.name))
        self._names.drop((stream.group_number, stream.number))
        self._reclaims.clear()

    async def retentions(self) -> dict[int, int]:
        """Return the retention in days of every group that has one, of all tenants, by group number."""
        statement = select(log_groups.c.id, log_groups.c.retention_in_days)
        statement = statement.where(log_groups.c.retention_in_days.is_not(None))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.id: row.retention_in_days for row in rows}

    async def waiting_reclaims(self) -> list[Reclaim]:
        """Return what was deleted and still takes space, oldest first."""
        statement = select(reclaims).order_by(reclaims.c.id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Reclaim(row.id, row.group_id, row.stream_id) for row in rows]

    async def deleted_streams(self, groups: Collection[int]) -> list[int]:
        """Return the numbers of deleted streams of some groups that still have events; every query asks for them."""
        waiting = await self._reclaims.get(None, self.waiting_reclaims) or []
        return [one.stream_number for one in waiting if one.stream_number is not None and one.group_number in groups]

    async def reclaimed(self, numbers: Sequence[int]) -> None:
        """Strike off reclaims that are done."""

        def strike(connection: Connection) -> None:
            # Databases bind some ten thousand values a statement, and a client may delete more streams than that.
            for start in range(0, len(numbers), BOUND_NUMBERS):
                some = numbers[start : start + BOUND_NUMBERS]
                connection.execute(delete(reclaims).where(reclaims.c.id.in_(some)))

        await self._database.write(strike)
        self._reclaims.clear()

    async def _insert(self, statement: Insert, exists: str) -> None:
        try:
            await self._database.write(lambda connection: connection.execute(statement))
        except IntegrityError as error:
            raise ServiceError("ResourceAlreadyExistsException", exists) from error


def no_such_group() -> ServiceError:
    """Return the service's answer to the name of a group that does not exist."""
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def _check_deletion(connection: Connection, group_number: int, what: str) -> None:
    """Return when what is in the group may be deleted, which nobody changes until the transaction ends."""
    # Not as the group is remembered: that it is protected may have been acknowledged since.
    column = log_groups.c.deletion_protection
    protected = connection.scalar(select(column).where(log_groups.c.id == group_number).with_for_update())
    if protected is None:
        raise no_such_group()
    if protected:
        message = f"The {what} cannot be deleted because deletion protection is enabled."
        raise ServiceError("ValidationException", message)


def _of_tenant(tenant: Tenant) -> ColumnElement[bool]:
    return and_(log_groups.c.account_id == tenant.account_id, log_groups.c.region == tenant.region)


def _contains(database: Database, column: Column[str], part: str) -> ColumnElement[bool]:
    find = func.instr if database.engine.dialect.name == "sqlite" else func.strpos
    position: ColumnElement[int] = find(column, part)
    return position > 0


def _after_prefix(prefix: str) -> str:
    """Return the least text that is greater than every text with this prefix."""
    return prefix + "\U0010ffff"


def _group(row: Row[Any]) -> LogGroup:
    return LogGroup(
        number=row.id,
        tenant=Tenant(row.account_id, row.region),
        name=row.name,
        created_ms=row.created_ms,
        log_group_class=row.log_group_class,
        retention_in_days=row.retention_in_days,
        deletion_protection=row.deletion_protection,
        tags=row.tags,
    )


def _stream(row: Row[Any]) -> LogStream:
    return LogStream(number=row.id, group_number=row.group_id, name=row.name, created_ms=row.created_ms)
