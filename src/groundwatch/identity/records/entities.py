"""Users, roles, groups and managed policies: tables with the same names, paths and ids. And memberships in groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from groundwatch.identity.names import GROUP_PREFIX, POLICY_PREFIX, ROLE_PREFIX, USER_PREFIX
from groundwatch.identity.values import Entity, Group, ManagedPolicy, Role, User
from groundwatch.storage.tables import identity as tables

TABLES: Mapping[type[object], Table] = {
    User: tables.users,
    Role: tables.roles,
    Group: tables.groups,
    ManagedPolicy: tables.managed_policies,
}
PREFIXES: Mapping[str, type[Entity]] = {
    USER_PREFIX: User,
    ROLE_PREFIX: Role,
    GROUP_PREFIX: Group,
    POLICY_PREFIX: ManagedPolicy,
}
EntityT = TypeVar("EntityT", bound=Entity)


def table_of(entity: type[EntityT]) -> Table:
    """Return the table that holds values of this type."""
    return TABLES[entity]


def insert_entity(connection: Connection, entity: Entity) -> None:
    """Store a new entity; raise IntegrityError when the account has one of this kind and name."""
    values = msgspec.structs.asdict(entity) | {"name_key": entity.name.lower()}
    if isinstance(entity, Role):
        values["trust_bindings"] = json.dumps(dict(entity.trust_bindings))
    if isinstance(entity, ManagedPolicy):
        values["arn"] = entity.arn
    connection.execute(insert(table_of(type(entity))), values)


def find_by_name(connection: Connection, entity: type[EntityT], account_id: str, name: str) -> EntityT | None:
    """Return the account's entity of this name in any case, or None."""
    table = table_of(entity)
    query = select(table).where(table.c.account_id == account_id, table.c.name_key == name.lower())
    row = connection.execute(query).one_or_none()
    return None if row is None else entity_of_row(entity, row)


def find_by_id(connection: Connection, entity_id: str) -> Entity | None:
    """Return the entity with this unique id, or None."""
    entity = PREFIXES.get(entity_id[:4], User)
    table = table_of(entity)
    row = connection.execute(select(table).where(table.c.id == entity_id)).one_or_none()
    return None if row is None else entity_of_row(entity, row)


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
    return [entity_of_row(entity, row) for row in connection.execute(query)]


def update_entity(connection: Connection, entity: Entity, **columns: object) -> None:
    """Change columns of an entity; raise IntegrityError when a new name is taken."""
    table = table_of(type(entity))
    connection.execute(update(table).where(table.c.id == entity.id).values(**columns))


def update_role_trust(connection: Connection, role: Role, document: str, bindings: Mapping[str, str]) -> None:
    """Replace a role's trust policy and the unique ids that belong to it."""
    update_entity(connection, role, trust_policy=document, trust_bindings=json.dumps(dict(bindings)))


def delete_entity(connection: Connection, entity: Entity) -> None:
    """Delete the entity with its tags and its sessions."""
    connection.execute(delete(tables.tags).where(tables.tags.c.owner_id == entity.id))
    connection.execute(delete(tables.sessions).where(tables.sessions.c.owner_id == entity.id))
    table = table_of(type(entity))
    connection.execute(delete(table).where(table.c.id == entity.id))


def read_tags(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return the tags of an entity, in order of key."""
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


def count_entities(connection: Connection, entity: type[Entity], account_id: str) -> int:
    """Return how many entities of a kind the account has."""
    table = table_of(entity)
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return connection.execute(query).scalar_one()


def join_group(connection: Connection, group_id: str, user_id: str) -> None:
    """Make the user a member; who is one already stays one."""
    leave_group(connection, group_id, user_id)
    connection.execute(insert(tables.memberships), {"group_id": group_id, "user_id": user_id})


def leave_group(connection: Connection, group_id: str, user_id: str) -> bool:
    """End the membership; return whether there was one."""
    columns = tables.memberships.c
    statement = delete(tables.memberships).where(columns.group_id == group_id, columns.user_id == user_id)
    return connection.execute(statement).rowcount > 0


def groups_of(connection: Connection, user_id: str) -> Sequence[Group]:
    """Return the groups of a user in order of name."""
    return _joined(connection, Group, "group_id", "user_id", user_id)


def members_of(connection: Connection, group_id: str) -> Sequence[User]:
    """Return the users of a group in order of name."""
    return _joined(connection, User, "user_id", "group_id", group_id)


def _joined(connection: Connection, entity: type[EntityT], wanted: str, known: str, known_id: str) -> Sequence[EntityT]:
    table, memberships = table_of(entity), tables.memberships
    query = select(table).join(memberships, memberships.c[wanted] == table.c.id)
    rows = connection.execute(query.where(memberships.c[known] == known_id).order_by(table.c.name_key))
    return [entity_of_row(entity, row) for row in rows]


def entity_of_row(entity: type[EntityT], row: Row[Any]) -> EntityT:
    """Return the value that a whole row of the entity's table holds."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    del values["name_key"]
    values.pop("arn", None)
    if "trust_bindings" in values:
        values["trust_bindings"] = json.loads(values["trust_bindings"])
    return entity(**values)
