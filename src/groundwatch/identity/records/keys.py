"""Access keys and sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from groundwatch.identity.values import AccessKey, KeyStatus, KeyUse, Session
from groundwatch.storage.tables.identity import access_keys, sessions


def insert_key(connection: Connection, key: AccessKey) -> None:
    """Store a new access key."""
    row = {
        "id": key.id,
        "user_id": key.user_id,
        "secret": key.secret,
        "status": key.status,
        "created_ms": key.created_ms,
    }
    connection.execute(insert(access_keys), row)


def find_key(connection: Connection, access_key_id: str) -> AccessKey | None:
    """Return the access key, active or not, or None."""
    row = connection.execute(select(access_keys).where(access_keys.c.id == access_key_id)).one_or_none()
    return None if row is None else AccessKey(row.id, row.user_id, row.secret, row.status, row.created_ms)


def page_keys(connection: Connection, user_id: str, after: str, limit: int) -> Sequence[AccessKey]:
    """Return at most `limit` keys of the user whose ids follow `after`."""
    columns = access_keys.c
    query = select(access_keys).where(columns.user_id == user_id, columns.id > after).order_by(columns.id).limit(limit)
    return [AccessKey(row.id, row.user_id, row.secret, row.status, row.created_ms) for row in connection.execute(query)]


def count_keys(connection: Connection, user_id: str) -> int:
    """Return how many keys the user has, active or not."""
    query = select(func.count()).select_from(access_keys).where(access_keys.c.user_id == user_id)
    return connection.execute(query).scalar_one()


def set_key_status(connection: Connection, access_key_id: str, status: KeyStatus) -> None:
    """Activate or deactivate a key."""
    connection.execute(update(access_keys).where(access_keys.c.id == access_key_id).values(status=status))


def delete_key(connection: Connection, access_key_id: str) -> None:
    """Delete a key."""
    connection.execute(delete(access_keys).where(access_keys.c.id == access_key_id))


def read_key_use(connection: Connection, access_key_id: str) -> KeyUse | None:
    """Return the last use that was written down for the key, or None."""
    columns = access_keys.c
    query = select(columns.used_ms, columns.used_service, columns.used_region).where(columns.id == access_key_id)
    row = connection.execute(query).one_or_none()
    return None if row is None or row.used_ms is None else KeyUse(row.used_ms, row.used_service, row.used_region)


def write_key_uses(connection: Connection, uses: Mapping[str, KeyUse]) -> None:
    """Write down last uses by key, unless another node knows a later one; keys that are gone are passed over."""
    columns = access_keys.c
    for access_key_id, use in uses.items():
        later = or_(columns.used_ms.is_(None), columns.used_ms < use.used_ms)
        statement = update(access_keys).where(columns.id == access_key_id, later)
        connection.execute(statement.values(used_ms=use.used_ms, used_service=use.service, used_region=use.region))


def insert_session(connection: Connection, session: Session) -> None:
    """Store a new temporary key."""
    row = {
        "access_key_id": session.access_key_id,
        "owner_id": session.owner_id,
        "session_name": session.session_name,
        "secret": session.secret,
        "token": session.token,
        "policies": json.dumps(session.policies),
        "issued_ms": session.issued_ms,
        "expires_ms": session.expires_ms,
    }
    connection.execute(insert(sessions), row)


def find_session(connection: Connection, access_key_id: str) -> Session | None:
    """Return the temporary key, expired or not, or None."""
    row = connection.execute(select(sessions).where(sessions.c.access_key_id == access_key_id)).one_or_none()
    if row is None:
        return None
    return Session(
        access_key_id=row.access_key_id,
        owner_id=row.owner_id,
        session_name=row.session_name,
        secret=row.secret,
        token=row.token,
        policies=tuple(json.loads(row.policies)),
        issued_ms=row.issued_ms,
        expires_ms=row.expires_ms,
    )


def purge_sessions(connection: Connection, before_ms: int) -> None:
    """Forget temporary keys that expired before this time."""
    connection.execute(delete(sessions).where(sessions.c.expires_ms < before_ms))
