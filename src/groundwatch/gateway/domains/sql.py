"""The SQL of custom domains: functions of a connection, as in `gateway/store_sql.py`."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.domains.directory import DomainRoutes
from groundwatch.gateway.domains.values import BasePathMapping, DomainName
from groundwatch.gateway.store_sql import Place, encode
from groundwatch.storage.tables.gateway_domains import base_path_mappings, domain_names


def is_taken(connection: Connection, name: str) -> bool:
    """Tell whether any tenant has a domain of this name: requests name no tenant."""
    return connection.execute(select(domain_names.c.name).where(domain_names.c.name == name)).first() is not None


def insert_domain(connection: Connection, domain: DomainName) -> None:
    """Add a new domain."""
    row = {"name": domain.name, "account_id": domain.account_id, "region": domain.region, "document": encode(domain)}
    connection.execute(insert(domain_names).values(row))


def read_domain(connection: Connection, place: Place, name: str, *, lock: bool = False) -> DomainName | None:
    """Return the tenant's domain of this name, or None; `lock` keeps other writers off its mappings too."""
    query = select(domain_names.c.document).where(domain_names.c.name == name)
    query = query.where(domain_names.c.account_id == place.account_id, domain_names.c.region == place.region)
    document = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    return None if document is None else msgspec.json.decode(document, type=DomainName)


def list_domains(connection: Connection, place: Place, after: str | None, limit: int) -> list[DomainName]:
    """Return up to `limit` domains of a tenant in order of their names, beginning behind `after`."""
    query = select(domain_names.c.document).order_by(domain_names.c.name).limit(limit)
    query = query.where(domain_names.c.account_id == place.account_id, domain_names.c.region == place.region)
    if after is not None:
        query = query.where(domain_names.c.name > after)
    return [msgspec.json.decode(document, type=DomainName) for document in connection.execute(query).scalars()]


def save_domain(connection: Connection, domain: DomainName) -> None:
    """Write a domain over its former state."""
    changed = update(domain_names).where(domain_names.c.name == domain.name)
    connection.execute(changed.values(document=encode(domain)))


def delete_domain(connection: Connection, name: str) -> None:
    """Remove a domain with its mappings."""
    connection.execute(delete(base_path_mappings).where(base_path_mappings.c.domain_name == name))
    connection.execute(delete(domain_names).where(domain_names.c.name == name))


def read_mappings(connection: Connection, name: str) -> dict[str, BasePathMapping]:
    """Return the mappings of a domain by base path, in its order."""
    table = base_path_mappings
    query = select(table.c.base_path, table.c.api_id, table.c.stage).where(table.c.domain_name == name)
    rows = connection.execute(query.order_by(table.c.base_path))
    return {row.base_path: BasePathMapping(row.base_path, row.api_id, row.stage) for row in rows}


def save_mappings(
    connection: Connection, name: str, before: dict[str, BasePathMapping], after: dict[str, BasePathMapping]
) -> None:
    """Bring the mappings of a domain from one state to the other."""
    table = base_path_mappings
    changed = [key for key, mapping in before.items() if after.get(key) != mapping]
    if changed:
        connection.execute(delete(table).where(table.c.domain_name == name, table.c.base_path.in_(changed)))
    for mapping in after.values():
        if before.get(mapping.base_path) != mapping:
            row = {"base_path": mapping.base_path, "api_id": mapping.rest_api_id, "stage": mapping.stage}
            connection.execute(insert(table).values(domain_name=name, **row))


def read_all(connection: Connection) -> list[DomainRoutes]:
    """Return the domains of all tenants with their mappings."""
    found = {
        domain.name: DomainRoutes(domain, {})
        for domain in (
            msgspec.json.decode(document, type=DomainName)
            for document in connection.execute(select(domain_names.c.document)).scalars()
        )
    }
    mappings: dict[str, dict[str, BasePathMapping]] = {}
    for row in connection.execute(select(base_path_mappings)):
        mapping = BasePathMapping(row.base_path, row.api_id, row.stage)
        mappings.setdefault(row.domain_name, {})[row.base_path] = mapping
    return [msgspec.structs.replace(routes, mappings=mappings.get(name, {})) for name, routes in found.items()]


def require_unmapped(connection: Connection, api_id: str, stages: Collection[str] | None = None) -> None:
    """Raise when a domain leads to an API that is to be deleted, or to one of these stages of it."""
    table = base_path_mappings
    query = select(table.c.domain_name, table.c.stage).where(table.c.api_id == api_id)
    if stages is not None:
        query = query.where(table.c.stage.in_(stages))
    rows = connection.execute(query.order_by(table.c.domain_name)).all()
    if not rows:
        return
    names = ", ".join(dict.fromkeys(row.domain_name for row in rows))
    what, kind = ("RestApi", "RestApi") if stages is None else (f"stage {rows[0].stage}", "stage")
    message = f"Deleting {what} failed. Please remove all base path mappings related to the {kind} in your domains: "
    raise ServiceError("BadRequestException", message + names, status=400)
