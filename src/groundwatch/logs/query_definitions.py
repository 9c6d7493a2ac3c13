"""Saved Insights queries in the metadata database."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.subscriptions import query_definitions as table

MAX_DEFINITIONS = 1_000
LAST_CHARACTER = "\U0010ffff"


class QueryDefinition(msgspec.Struct, frozen=True):
    """A saved query. `id` is empty for one that has yet to be made."""

    id: str
    name: str
    language: str
    query: str
    log_group_names: list[str]
    parameters: list[dict[str, str]]
    modified_ms: int


class QueryDefinitionStore:
    """Reads and writes of saved queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant: Tenant, definition: QueryDefinition, client_token: str | None) -> str | None:
        """Make a query, or replace the one of that id as a whole, and return the id.

        None when there is none of that id. A repeated `client_token` returns what the first call made. Raises
        `LimitExceededException` for one too many.
        """
        values = {name: getattr(definition, name) for name in definition.__struct_fields__ if name != "id"}

        def put(connection: Connection) -> str | None:
            if definition.id:
                changed = update(table).where(_of(tenant), table.c.id == definition.id).values(values)
                return definition.id if connection.execute(changed).rowcount else None
            # A retry of the SDK with the same token must not save the query twice.
            known = _made_with(connection, tenant, client_token)
            if known is not None:
                return known
            count = select(func.count()).select_from(table).where(_of(tenant))
            if connection.execute(count).scalar_one() >= MAX_DEFINITIONS:
                raise ServiceError("LimitExceededException", "Resource limit exceeded.")
            number = str(uuid.uuid4())
            place = {"id": number, "account_id": tenant.account_id, "region": tenant.region}
            connection.execute(insert(table).values(place | values | {"client_token": client_token}))
            return number

        return await self._database.write(put)

    async def page(
        self, tenant: Tenant, *, prefix: str, language: str | None, after: tuple[str, str], limit: int
    ) -> list[QueryDefinition]:
        """Return up to `limit` queries behind (name, id) `after`, sorted by name."""
        name = table.c.name
        behind = or_(name > after[0], and_(name == after[0], table.c.id > after[1]))
        statement = select(table).where(_of(tenant), behind, name >= prefix, name < prefix + LAST_CHARACTER)
        if language is not None:
            statement = statement.where(table.c.language == language)
        statement = statement.order_by(name, table.c.id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_definition(row) for row in rows]

    async def remove(self, tenant: Tenant, definition_id: str) -> bool:
        """Remove a query; False when there is none of that id."""
        statement = delete(table).where(_of(tenant), table.c.id == definition_id)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))


def _made_with(connection: Connection, tenant: Tenant, client_token: str | None) -> str | None:
    if client_token is None:
        return None
    statement = select(table.c.id).where(_of(tenant), table.c.client_token == client_token)
    found: str | None = connection.execute(statement).scalar_one_or_none()
    return found


def _of(tenant: Tenant) -> ColumnElement[bool]:
    return and_(table.c.account_id == tenant.account_id, table.c.region == tenant.region)


def _definition(row: Row[Any]) -> QueryDefinition:
    return QueryDefinition(**{name: getattr(row, name) for name in QueryDefinition.__struct_fields__})
