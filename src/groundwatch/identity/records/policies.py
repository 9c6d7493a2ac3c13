"""Inline policies of users and roles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from groundwatch.storage.tables.identity import policies


def put_policy(connection: Connection, owner_id: str, name: str, document: str) -> None:
    """Add the policy, or replace the one of this name."""
    delete_policy(connection, owner_id, name)
    connection.execute(insert(policies), {"owner_id": owner_id, "name": name, "document": document})


def find_policy(connection: Connection, owner_id: str, name: str) -> str | None:
    """Return the policy's document, or None."""
    query = select(policies.c.document).where(policies.c.owner_id == owner_id, policies.c.name == name)
    return connection.execute(query).scalar_one_or_none()


def page_policy_names(connection: Connection, owner_id: str, after: str, limit: int) -> Sequence[str]:
    """Return at most `limit` names of policies that follow `after`."""
    columns = policies.c
    query = select(columns.name).where(columns.owner_id == owner_id, columns.name > after)
    return connection.execute(query.order_by(columns.name).limit(limit)).scalars().all()


def read_policies(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return every policy of the owner: name → document."""
    query = select(policies.c.name, policies.c.document).where(policies.c.owner_id == owner_id)
    return {row.name: row.document for row in connection.execute(query)}


def delete_policy(connection: Connection, owner_id: str, name: str) -> bool:
    """Delete the policy; return whether it existed."""
    statement = delete(policies).where(policies.c.owner_id == owner_id, policies.c.name == name)
    return connection.execute(statement).rowcount > 0
