"""Users and roles: two tables with the same names, paths and ids."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from groundwatch.identity.names import ROLE_PREFIX
from groundwatch.identity.values import Entity, Role, User
from groundwatch.storage.tables import identity as tables

EntityKind = Literal["user", "role"]
TABLES: Mapping[EntityKind, Table] = {"user": tables.users, "role": tables.roles}
EntityT = TypeVar("EntityT", bound=Entity)


def table_of(entity: type[EntityT]) -> Table:
    """Return the table that holds values of this type."""
    return tables.users if entity is User else tables.roles


def insert_account(connection: Connection, account_id: str, created_ms: int) -> bool:
    """Create the account; return False when it exists already."""
    accounts = tables.accounts
    if connection.execute(select(accounts).where(accounts.c.account_id == account_id)).one_or_none() is not None:
        return False
    connection.execute(insert(accounts), {"account_id": account_id, "created_ms": created_ms})
    return True


def insert_entity(connection: Connection, entity: Entity) -> None:
    """Store a new user or role; raise IntegrityError when the account has one of this name."""
    values = {
        "id": entity.id,
        "account_id": entity.account_id,
        "name": entity.name,
        "name_key": entity.name.lower(),
        "path": entity.path,
        "created_ms": entity.created_ms,
    }
    if isinstance(entity, Role):
        values |= {
            "description": entity.description,
            "max_session_s": entity.max_session_s,
            "trust_policy": entity.trust_policy,
            "trust_bindings": json.dumps(dict(entity.trust_bindings)),
        }
    connection.execute(insert(table_of(type(entity))), values)


def find_by_name(connection: Connection, entity: type[EntityT], account_id: str, name: str) -> EntityT | None:
    """Return the account's user or role of this name in any case, or None."""
    table = table_of(entity)
    query = select(table).where(table.c.account_id == account_id, table.c.name_key == name.lower())
    row = connection.execute(query).one_or_none()
    return None if row is None else _entity(entity, row)


def find_by_id(connection: Connection, entity_id: str) -> Entity | None:
    """Return the user or role with this unique id, or None."""
    entity: type[Entity] = Role if entity_id.startswith(ROLE_PREFIX) else User
    table = table_of(entity)
    row = connection.execute(select(table).where(table.c.id == entity_id)).one_or_none()
    return None if row is None else _entity(entity, row)


def page_by_name(
    connection: Connection, entity: type[EntityT], account_id: str, path_prefix: str, page: tuple[str, int]
) -> Sequence[EntityT]:
    """Return at most `page[1]` entities whose lower-case names follow `page[0]`, in order of name."""
    after, limit = page
    table = table_of(entity)
    query = (
        select(table)
        # LIKE would ignore case on SQLite.
        .where(table.c.account_id == account_id, func.substr(table.c.path, 1, len(path_prefix)) == path_prefix)
        .where(table.c.name_key > after)
        .order_by(table.c.name_key)
        .limit(limit)
    )
    return [_entity(entity, row) for row in connection.execute(query)]


def update_entity(connection: Connection, entity: Entity, **columns: object) -> None:
    """Change columns of a user or role; raise IntegrityError when a new name is taken."""
    table = table_of(type(entity))
    connection.execute(update(table).where(table.c.id == entity.id).values(**columns))


def update_role_trust(connection: Connection, role: Role, document: str, bindings: Mapping[str, str]) -> None:
    """Replace a role's trust policy and the unique ids that belong to it."""
    update_entity(connection, role, trust_policy=document, trust_bindings=json.dumps(dict(bindings)))


def delete_entity(connection: Connection, entity: Entity) -> None:
    """Delete the user or role with its tags and its sessions."""
    connection.execute(delete(tables.tags).where(tables.tags.c.owner_id == entity.id))
    connection.execute(delete(tables.sessions).where(tables.sessions.c.owner_id == entity.id))
    table = table_of(type(entity))
    connection.execute(delete(table).where(table.c.id == entity.id))


def read_tags(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return the tags of a user or role, in order of key."""
    columns = tables.tags.c
    query = select(columns.key, columns.value).where(columns.owner_id == owner_id)
    # Sorted here, since databases differ in their collation and pages depend on the order.
    return dict(sorted(((row.key, row.value) for row in connection.execute(query)), key=lambda tag: tag[0].lower()))


def write_tags(connection: Connection, owner_id: str, added: Mapping[str, str]) -> None:
    """Add tags or replace those of the same key in any case."""
    delete_tags(connection, owner_id, list(added))
    if added:
        rows = [{"owner_id": owner_id, "key_folded": k.lower(), "key": k, "value": v} for k, v in added.items()]
        connection.execute(insert(tables.tags), rows)


def delete_tags(connection: Connection, owner_id: str, keys: Sequence[str]) -> None:
    """Remove the tags with these keys, in any case; absent ones are passed over."""
    columns = tables.tags.c
    folded = [key.lower() for key in keys]
    connection.execute(delete(tables.tags).where(columns.owner_id == owner_id, columns.key_folded.in_(folded)))


def _entity(entity: type[EntityT], row: Row[Any]) -> EntityT:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    del values["name_key"]
    if "trust_bindings" in values:
        values["trust_bindings"] = json.loads(values["trust_bindings"])
    return entity(**values)
