"""Who still uses a VPC link or a client certificate: asked before one is deleted."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.definition import RestApi, Stage
from groundwatch.gateway.store_sql import Place
from groundwatch.storage.tables.gateway import apis, deployments, stages


def require_unused_link(connection: Connection, place: Place, link_id: str) -> None:
    """Raise when a method that is live on a stage of the tenant goes through the link."""
    users = [
        f"{method.http_method}:{resource.id}:{stage.name}"
        for api_id, stage in _stages(connection, place)
        for api in _snapshots(connection, api_id, stage)
        for resource in api.resources.values()
        for method in resource.methods.values()
        if method.integration is not None and method.integration.connection_id == link_id
    ]
    if users:
        raise _in_use(
            f"Cannot delete vpc link. Vpc link '{link_id}', is referenced in [{', '.join(dict.fromkeys(users))}] "
            "in format of [Method:Resource:Stage]."
        )


def require_unused_certificate(connection: Connection, place: Place, certificate_id: str) -> None:
    """Raise when a stage of the tenant presents the certificate."""
    users = [
        f"{api_id}:{stage.name}"
        for api_id, stage in _stages(connection, place)
        if stage.client_certificate_id == certificate_id
    ]
    if users:
        raise _in_use(
            f"Cannot delete client certificate. Client certificate '{certificate_id}', is referenced in "
            f"[{', '.join(users)}] in format of [Api:Stage]."
        )


def _stages(connection: Connection, place: Place) -> Iterator[tuple[str, Stage]]:
    query = select(stages.c.api_id, stages.c.document).join(apis, apis.c.id == stages.c.api_id)
    query = query.where(apis.c.account_id == place.account_id, apis.c.region == place.region)
    for row in connection.execute(query.order_by(stages.c.api_id, stages.c.name)).all():
        yield row.api_id, msgspec.json.decode(row.document, type=Stage)


def _snapshots(connection: Connection, api_id: str, stage: Stage) -> Iterator[RestApi]:
    canary = stage.canary_settings
    live = {stage.deployment_id, stage.deployment_id if canary is None else canary.deployment_id}
    query = select(deployments.c.document).where(deployments.c.api_id == api_id, deployments.c.id.in_(live))
    for document in connection.execute(query).scalars():
        yield msgspec.json.decode(document, type=RestApi)


def _in_use(message: str) -> ServiceError:
    return ServiceError("BadRequestException", message, status=400)
