"""Subscription filters and destinations in the metadata database, and the names behind the numbers of stored events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from groundwatch.logs.catalog import LogGroup, Tenant, no_such_group
from groundwatch.logs.pattern_quota import check_regex_quota, limit_exceeded
from groundwatch.logs.subscriptions.records import Destination, GroupPlace, SubscriptionFilter, place_of
from groundwatch.logs.tags import TagChange
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.logs import log_groups, log_streams
from groundwatch.storage.tables.subscriptions import destinations, subscription_filters

MAX_FILTERS = 2
"""A log group has at most so many, beside what account policies add."""
LAST_CHARACTER = "\U0010ffff"


class SubscriptionStore:
    """Reads and writes of filters and destinations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shared = database.engine.dialect.name != "sqlite"
        """Whether other nodes may change what is stored."""

    async def put_filter(self, filter_: SubscriptionFilter) -> None:
        """Make a filter or replace the group's filter of that name; `LimitExceededException` for a third.

        `ResourceNotFoundException` when the group was deleted, perhaps while the test message was on its way.
        """
        table = subscription_filters
        own = and_(table.c.group_id == filter_.group_number, table.c.name == filter_.name)
        settings = {
            "pattern": filter_.pattern,
            "destination_arn": filter_.destination_arn,
            "role_arn": filter_.role_arn,
            "distribution": filter_.distribution,
        }

        # Holding the group's row keeps another node from counting its filters at the same time.
        group = select(log_groups.c.id).where(log_groups.c.id == filter_.group_number).with_for_update(key_share=True)

        def put(connection: Connection) -> None:
            if connection.scalar(group) is None:
                raise no_such_group()
            check_regex_quota(connection, table, filter_.group_number, filter_.name, filter_.pattern)
            if connection.execute(update(table).where(own).values(settings)).rowcount:
                return
            others = select(func.count()).where(table.c.group_id == filter_.group_number)
            if connection.execute(others).scalar_one() >= MAX_FILTERS:
                raise limit_exceeded()
            values = {"group_id": filter_.group_number, "name": filter_.name, "created_ms": filter_.created_ms}
            connection.execute(insert(table).values(values | settings))

        await self._database.write(put)

    async def filters(
        self, group: LogGroup, *, prefix: str = "", after: str = "", limit: int
    ) -> list[SubscriptionFilter]:
        """Return up to `limit` filters of a group after `after`, sorted by name."""
        table = subscription_filters
        statement = select(table).where(table.c.group_id == group.number, _from(table.c.name, prefix, after))
        rows = await self._rows(statement.order_by(table.c.name).limit(limit))
        return [_filter(row) for row in rows]

    async def delete_filter(self, group: LogGroup, name: str) -> bool:
        """Remove a filter; False when there is none of that name."""
        table = subscription_filters
        return await self._delete(table, table.c.group_id == group.number, table.c.name == name)

    async def all_filters(self) -> list[tuple[SubscriptionFilter, GroupPlace]]:
        """Return every filter of every account with its group."""
        table = subscription_filters
        columns = [log_groups.c[name] for name in ("account_id", "region", "log_group_class")]
        statement = select(table, log_groups.c.name.label("group_name"), *columns)
        rows = await self._rows(statement.join(log_groups, table.c.group_id == log_groups.c.id).order_by(table.c.id))
        return [(_filter(row), place_of(row, row.group_id, row.group_name)) for row in rows]

    async def put_destination(self, destination: Destination) -> Destination:
        """Make a destination or replace target and role of the one that is there, and return what is stored."""
        own = _destination_is(destination.tenant, destination.name)

        def put(connection: Connection) -> Row[Any]:
            settings = {"target_arn": destination.target_arn, "role_arn": destination.role_arn}
            if not connection.execute(update(destinations).where(own).values(settings)).rowcount:
                values = {
                    "account_id": destination.tenant.account_id,
                    "region": destination.tenant.region,
                    "name": destination.name,
                    "tags": destination.tags,
                    "created_ms": destination.created_ms,
                }
                connection.execute(insert(destinations).values(values | settings))
            return connection.execute(select(destinations).where(own)).one()

        return _destination(await self._database.write(put))

    async def change_destination(self, tenant: Tenant, name: str, **columns: object) -> bool:
        """Set columns such as `access_policy`; False when there is no such destination."""
        statement = update(destinations).where(_destination_is(tenant, name)).values(**columns)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))

    async def change_tags(self, tenant: Tenant, name: str, change: TagChange) -> bool:
        """Replace a destination's tags by what `change` makes of them; False when there is no such destination."""
        own = _destination_is(tenant, name)

        def write(connection: Connection) -> bool:
            row = connection.execute(select(destinations.c.tags).where(own).with_for_update()).one_or_none()
            if row is None:
                return False
            connection.execute(update(destinations).where(own).values(tags=change(row.tags)))
            return True

        return await self._database.write(write)

    async def destination(self, tenant: Tenant, name: str) -> Destination | None:
        """Return a destination by its name."""
        rows = await self._rows(select(destinations).where(_destination_is(tenant, name)))
        return _destination(rows[0]) if rows else None

    async def destinations(self, tenant: Tenant, *, prefix: str = "", after: str = "", limit: int) -> list[Destination]:
        """Return up to `limit` destinations of an account in a region after `after`, sorted by name."""
        name = destinations.c.name
        statement = select(destinations).where(_of(tenant), _from(name, prefix, after)).order_by(name).limit(limit)
        return [_destination(row) for row in await self._rows(statement)]

    async def all_destinations(self) -> list[Destination]:
        """Return the destinations of every account."""
        return [_destination(row) for row in await self._rows(select(destinations))]

    async def delete_destination(self, tenant: Tenant, name: str) -> bool:
        """Remove a destination; False when there is none of that name."""
        return await self._delete(destinations, _destination_is(tenant, name))

    async def groups(self, numbers: Sequence[int]) -> dict[int, GroupPlace]:
        """Return the groups with these numbers; deleted ones are left out."""
        return {place.number: place for place in await self._places(log_groups.c.id.in_(numbers))}

    async def groups_of(self, tenant: Tenant) -> list[GroupPlace]:
        """Return every group of an account in a region."""
        of_tenant = and_(log_groups.c.account_id == tenant.account_id, log_groups.c.region == tenant.region)
        return await self._places(of_tenant)

    async def stream_names(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the names of the streams with these numbers; deleted ones are left out."""
        rows = await self._rows(select(log_streams.c.id, log_streams.c.name).where(log_streams.c.id.in_(numbers)))
        return {row.id: row.name for row in rows}

    async def _places(self, chosen: ColumnElement[bool]) -> list[GroupPlace]:
        return [place_of(row, row.id, row.name) for row in await self._rows(select(log_groups).where(chosen))]

    async def _rows(self, statement: Any) -> Sequence[Row[Any]]:  # noqa: ANN401 - any SELECT
        return await self._database.read(lambda connection: connection.execute(statement).all())

    async def _delete(self, table: Any, *which: ColumnElement[bool]) -> bool:  # noqa: ANN401 - any table
        statement = delete(table).where(*which)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))


def _from(name: ColumnElement[str], prefix: str, after: str) -> ColumnElement[bool]:
    return and_(name > after, name >= prefix, name < prefix + LAST_CHARACTER)


def _of(tenant: Tenant) -> ColumnElement[bool]:
    return and_(destinations.c.account_id == tenant.account_id, destinations.c.region == tenant.region)


def _destination_is(tenant: Tenant, name: str) -> ColumnElement[bool]:
    return and_(_of(tenant), destinations.c.name == name)


def _filter(row: Row[Any]) -> SubscriptionFilter:
    return SubscriptionFilter(
        number=row.id,
        group_number=row.group_id,
        name=row.name,
        pattern=row.pattern,
        destination_arn=row.destination_arn,
        role_arn=row.role_arn,
        distribution=row.distribution,
        created_ms=row.created_ms,
    )


def _destination(row: Row[Any]) -> Destination:
    return Destination(
        tenant=Tenant(row.account_id, row.region),
        name=row.name,
        target_arn=row.target_arn,
        role_arn=row.role_arn,
        access_policy=row.access_policy,
        tags=row.tags,
        created_ms=row.created_ms,
    )
