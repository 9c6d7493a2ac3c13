"""Reads a stage with everything that answers on it, and keeps what did not change since the last time."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from groundwatch.gateway import store_sql as sql
from groundwatch.gateway.catalog import Canary, DeployedStage
from groundwatch.gateway.definition import RestApi, Stage


class CachedStage(msgspec.Struct):
    """A stage as it was read, with what tells whether it still is."""

    generation: int
    checked_ms: int
    revision: int
    value: DeployedStage


def load_stage(
    connection: Connection, api_id: str, stage_name: str, known: CachedStage | None
) -> tuple[int, DeployedStage] | None:
    """Return the API's revision and the stage; what is known already is kept where it still holds."""
    if known is not None and sql.read_revision(connection, api_id) == known.revision:
        return known.revision, known.value
    row = sql.read_stage_row(connection, api_id, stage_name)
    if row is None:
        return None
    stage = msgspec.json.decode(row.stage, type=Stage)
    deployment = known.value.deployment if known is not None else None
    if deployment is None or deployment.id != stage.deployment_id:
        deployment = row.deployment()
    canary = _load_canary(connection, api_id, stage, known.value.canary if known is not None else None)
    return row.revision, DeployedStage(msgspec.json.decode(row.api, type=RestApi), stage, deployment, canary)


def _load_canary(connection: Connection, api_id: str, stage: Stage, known: Canary | None) -> Canary | None:
    settings = stage.canary_settings
    if settings is None:
        return None
    deployment = known.deployment if known is not None else None
    if deployment is None or deployment.id != settings.deployment_id:
        deployment = sql.read_deployment(connection, api_id, settings.deployment_id)
    if deployment is None:
        return None
    variables = {**stage.variables, **settings.stage_variable_overrides}
    return Canary(msgspec.structs.replace(stage, variables=variables), deployment)
