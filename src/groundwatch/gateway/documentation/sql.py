"""The SQL behind `documentation/store.py`: functions of a connection, each part of one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from groundwatch.gateway.documentation.parts import Part, Snapshot, Version
from groundwatch.storage.tables.gateway_documentation import documentation, documentation_versions


def read_parts(connection: Connection, api_id: str) -> list[Part]:
    """Return the parts of an API in the order in which they were made."""
    query = select(documentation.c.document).where(documentation.c.api_id == api_id)
    document = connection.execute(query).scalar_one_or_none()
    return [] if document is None else msgspec.json.decode(document, type=list[Part])


def save_parts(connection: Connection, api_id: str, parts: Sequence[Part]) -> None:
    """Replace the parts of an API."""
    connection.execute(delete(documentation).where(documentation.c.api_id == api_id))
    if parts:
        connection.execute(insert(documentation).values(api_id=api_id, document=_encoded(parts)))


def read_version(connection: Connection, api_id: str, version: str) -> Version | None:
    """Return a version without its parts, or None."""
    columns = documentation_versions.c
    query = select(columns.version, columns.created_ms, columns.description)
    row = connection.execute(query.where(columns.api_id == api_id, columns.version == version)).one_or_none()
    return None if row is None else Version(*row)


def list_versions(connection: Connection, api_id: str) -> list[Version]:
    """Return the versions of an API without their parts, in order of their names."""
    columns = documentation_versions.c
    query = select(columns.version, columns.created_ms, columns.description)
    rows = connection.execute(query.where(columns.api_id == api_id).order_by(columns.version))
    return [Version(*row) for row in rows]


def read_snapshot(connection: Connection, api_id: str, version: str) -> Snapshot | None:
    """Return a version with its parts, or None."""
    columns = documentation_versions.c
    query = select(columns.version, columns.created_ms, columns.description, columns.document)
    row = connection.execute(query.where(columns.api_id == api_id, columns.version == version)).one_or_none()
    if row is None:
        return None
    return Snapshot(Version(*row[:3]), msgspec.json.decode(row.document, type=list[Part]))


def insert_version(connection: Connection, api_id: str, info: Version, parts: Sequence[Part]) -> None:
    """Add a version that keeps these parts."""
    row = {**msgspec.structs.asdict(info), "api_id": api_id, "document": _encoded(parts)}
    connection.execute(insert(documentation_versions).values(row))


def describe_version(connection: Connection, api_id: str, info: Version) -> None:
    """Write the description of a version; nothing else of it ever changes."""
    columns = documentation_versions.c
    changed = update(documentation_versions).where(columns.api_id == api_id, columns.version == info.version)
    connection.execute(changed.values(description=info.description))


def delete_version(connection: Connection, api_id: str, version: str) -> None:
    """Remove a version."""
    columns = documentation_versions.c
    connection.execute(delete(documentation_versions).where(columns.api_id == api_id, columns.version == version))


def _encoded(parts: Sequence[Part]) -> str:
    return msgspec.json.encode(list(parts)).decode()
