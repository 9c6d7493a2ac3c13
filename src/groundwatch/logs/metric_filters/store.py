"""Metric filters in the metadata database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from groundwatch.logs.catalog import LogGroup, Tenant, no_such_group
from groundwatch.logs.metric_filters.records import MetricFilter, Transformation
from groundwatch.logs.pattern_quota import check_regex_quota, limit_exceeded
from groundwatch.logs.subscriptions.records import GroupPlace, place_of
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.logs import log_groups
from groundwatch.storage.tables.metric_filters import metric_filters

MAX_FILTERS = 100
"""Of one log group."""
LAST_CHARACTER = "\U0010ffff"


class Listing(msgspec.Struct, frozen=True):
    """Which metric filters of an account in a region a caller asks for."""

    tenant: Tenant
    group: LogGroup | None = None
    prefix: str = ""
    metric: tuple[str, str] | None = None
    """Namespace and name."""


class ListedFilter(msgspec.Struct, frozen=True):
    """A filter with the name of its group."""

    filter_: MetricFilter
    group_name: str


class MetricFilterStore:
    """Reads and writes of metric filters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, filter_: MetricFilter) -> None:
        """Make a filter or replace the group's filter of that name.

        Raises `LimitExceededException` for the 101st of a group or the sixth pattern with a regular expression,
        `ResourceNotFoundException` when the group was deleted meanwhile.
        """
        own = and_(metric_filters.c.group_id == filter_.group_number, metric_filters.c.name == filter_.name)
        # Holding the group's row keeps another node from counting its filters at the same time.
        group = select(log_groups.c.id).where(log_groups.c.id == filter_.group_number).with_for_update(key_share=True)

        def put(connection: Connection) -> None:
            if connection.scalar(group) is None:
                raise no_such_group()
            check_regex_quota(connection, metric_filters, filter_.group_number, filter_.name, filter_.pattern)
            if connection.execute(update(metric_filters).where(own).values(_settings(filter_))).rowcount:
                return
            others = select(func.count()).where(metric_filters.c.group_id == filter_.group_number)
            if connection.execute(others).scalar_one() >= MAX_FILTERS:
                raise limit_exceeded()
            values = {"group_id": filter_.group_number, "name": filter_.name, "created_ms": filter_.created_ms}
            connection.execute(insert(metric_filters).values(values | _settings(filter_)))

        await self._database.write(put)

    async def listed(self, wanted: Listing, *, after: tuple[str, str] = ("", ""), limit: int) -> list[ListedFilter]:
        """Return up to `limit` filters after the one with this name and group name, sorted by both."""
        name, group_name = metric_filters.c.name, log_groups.c.name
        places = metric_filters.join(log_groups, metric_filters.c.group_id == log_groups.c.id)
        later = or_(name > after[0], and_(name == after[0], group_name > after[1]))
        statement = (
            select(metric_filters, group_name.label("group_name"))
            .select_from(places)
            .where(later, *_conditions(wanted))
            .order_by(name, group_name)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [ListedFilter(_filter(row), row.group_name) for row in rows]

    async def delete(self, group: LogGroup, name: str) -> bool:
        """Remove a filter; False when there is none of that name."""
        statement = delete(metric_filters).where(
            metric_filters.c.group_id == group.number, metric_filters.c.name == name
        )
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))

    async def all(self) -> list[tuple[MetricFilter, GroupPlace]]:
        """Return every filter of every account with its group."""
        columns = [log_groups.c[name] for name in ("account_id", "region", "log_group_class")]
        statement = select(metric_filters, log_groups.c.name.label("group_name"), *columns)
        statement = statement.join(log_groups, metric_filters.c.group_id == log_groups.c.id)
        rows = await self._database.read(
            lambda connection: connection.execute(statement.order_by(metric_filters.c.id)).all()
        )
        return [(_filter(row), place_of(row, row.group_id, row.group_name)) for row in rows]

    async def counts(self, group_numbers: Collection[int]) -> dict[int, int]:
        """Return how many filters each of these groups has; groups without any are left out."""
        column = metric_filters.c.group_id
        statement = select(column, func.count().label("filters")).where(column.in_(group_numbers)).group_by(column)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.group_id: row.filters for row in rows}


def _conditions(wanted: Listing) -> list[ColumnElement[bool]]:
    tenant, name = wanted.tenant, metric_filters.c.name
    conditions = [log_groups.c.account_id == tenant.account_id, log_groups.c.region == tenant.region]
    if wanted.group is not None:
        conditions += [log_groups.c.id == wanted.group.number]
    if wanted.prefix:
        conditions += [name >= wanted.prefix, name < wanted.prefix + LAST_CHARACTER]
    if wanted.metric is not None:
        namespace, metric_name = wanted.metric
        conditions += [metric_filters.c.metric_namespace == namespace, metric_filters.c.metric_name == metric_name]
    return conditions


def _settings(filter_: MetricFilter) -> dict[str, object]:
    return {
        "pattern": filter_.pattern,
        "metric_name": filter_.transformation.metric_name,
        "metric_namespace": filter_.transformation.metric_namespace,
        "transformation": msgspec.to_builtins(filter_.transformation),
        "system_fields": list(filter_.system_fields),
    }


def _filter(row: Row[Any]) -> MetricFilter:
    return MetricFilter(
        number=row.id,
        group_number=row.group_id,
        name=row.name,
        pattern=row.pattern,
        transformation=msgspec.convert(row.transformation, Transformation),
        system_fields=row.system_fields,
        created_ms=row.created_ms,
    )
