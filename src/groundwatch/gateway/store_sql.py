"""The SQL behind `gateway/store.py`: functions of a connection, each part of one transaction of the store.

Every statement that serves the control plane names account and region, so that one tenant cannot reach another's rows.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete, func, insert, or_, select, update

from groundwatch.gateway.definition import ApiKey, Deployment, RestApi, Stage, UsagePlan
from groundwatch.storage.tables.gateway import (
    api_keys,
    apis,
    deployments,
    stages,
    usage_plan_keys,
    usage_plan_stages,
    usage_plans,
)


class Place(msgspec.Struct, frozen=True):
    """The tenant and region that a control-plane call works in."""

    account_id: str
    region: str


class DeploymentInfo(msgspec.Struct, frozen=True):
    """A deployment without its snapshot."""

    id: str
    created_ms: int
    description: str | None = None


class Releases(msgspec.Struct, frozen=True):
    """An API with what is published of it."""

    api: RestApi
    deployments: dict[str, DeploymentInfo]
    """By id, oldest first."""
    stages: dict[str, Stage]
    """By name, in order of names."""


def value_digest(value: str) -> str:
    """Return the form in which an API key's value is looked up."""
    return hashlib.sha256(value.encode()).hexdigest()


def encode(document: msgspec.Struct) -> str:
    """Return a document as it is stored."""
    return msgspec.json.encode(document).decode()


# --- APIs ---


def read_api(connection: Connection, place: Place, api_id: str, *, lock: bool = False) -> tuple[RestApi, int] | None:
    """Return the API and its revision; `lock` keeps other writers off it where the database has row locks."""
    query = select(apis.c.document, apis.c.revision).where(apis.c.id == api_id, *_in_place(apis, place))
    row = connection.execute(_locked(query, lock=lock)).one_or_none()
    return None if row is None else (msgspec.json.decode(row.document, type=RestApi), row.revision)


def list_apis(connection: Connection, place: Place, after: str | None, limit: int) -> list[RestApi]:
    """Return up to `limit` APIs in order of their ids, beginning behind `after`."""
    query = select(apis.c.document).where(*_in_place(apis, place)).order_by(apis.c.id).limit(limit)
    if after is not None:
        query = query.where(apis.c.id > after)
    return [msgspec.json.decode(row.document, type=RestApi) for row in connection.execute(query)]


def insert_api(connection: Connection, api: RestApi) -> None:
    """Add a new API at revision 1."""
    row = {"id": api.id, "account_id": api.account_id, "region": api.region, "revision": 1, "document": encode(api)}
    connection.execute(insert(apis).values(row))


def save_api(connection: Connection, api: RestApi, revision: int) -> bool:
    """Write the API over `revision`; False when another writer was faster."""
    changed = update(apis).where(apis.c.id == api.id, apis.c.revision == revision)
    return connection.execute(changed.values(document=encode(api), revision=revision + 1)).rowcount == 1


def delete_api(connection: Connection, api_id: str) -> None:
    """Remove an API with its stages and deployments; usage plans lose the stages by cascade."""
    for table, column in ((stages, stages.c.api_id), (deployments, deployments.c.api_id), (apis, apis.c.id)):
        connection.execute(delete(table).where(column == api_id))


# --- deployments and stages ---


def read_releases(connection: Connection, api: RestApi) -> Releases:
    """Return what is published of an API."""
    order = (deployments.c.created_ms, deployments.c.id)
    columns = (deployments.c.id, deployments.c.created_ms, deployments.c.description)
    found = connection.execute(select(*columns).where(deployments.c.api_id == api.id).order_by(*order))
    infos = {row.id: DeploymentInfo(row.id, row.created_ms, row.description) for row in found}
    documents = select(stages.c.document).where(stages.c.api_id == api.id).order_by(stages.c.name)
    current = [msgspec.json.decode(row.document, type=Stage) for row in connection.execute(documents)]
    return Releases(api=api, deployments=infos, stages={stage.name: stage for stage in current})


def read_deployment(connection: Connection, api_id: str, deployment_id: str) -> Deployment | None:
    """Return a deployment with its snapshot and its present description."""
    query = select(deployments).where(deployments.c.api_id == api_id, deployments.c.id == deployment_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    snapshot = msgspec.json.decode(row.document, type=RestApi)
    return Deployment(id=row.id, created_ms=row.created_ms, api=snapshot, description=row.description)


def save_releases(connection: Connection, before: Releases, after: Releases) -> None:
    """Bring deployments and stages from one state to the other; new deployments copy `after.api`."""
    api_id = before.api.id
    for name in before.stages.keys() - after.stages.keys():
        connection.execute(delete(stages).where(stages.c.api_id == api_id, stages.c.name == name))
    for info in after.deployments.values():
        _save_deployment(connection, after.api, before.deployments.get(info.id), info)
    for stage in after.stages.values():
        _save_stage(connection, api_id, before.stages.get(stage.name), stage)
    for deployment_id in before.deployments.keys() - after.deployments.keys():
        gone = delete(deployments).where(deployments.c.api_id == api_id, deployments.c.id == deployment_id)
        connection.execute(gone)


def _save_deployment(
    connection: Connection, api: RestApi, before: DeploymentInfo | None, after: DeploymentInfo
) -> None:
    if before is None:
        row = {**msgspec.structs.asdict(after), "api_id": api.id, "document": encode(api)}
        connection.execute(insert(deployments).values(row))
    elif before.description != after.description:
        changed = update(deployments).where(deployments.c.api_id == api.id, deployments.c.id == after.id)
        connection.execute(changed.values(description=after.description))


def _save_stage(connection: Connection, api_id: str, before: Stage | None, after: Stage) -> None:
    values = {"deployment_id": after.deployment_id, "document": encode(after)}
    if before is None:
        connection.execute(insert(stages).values(api_id=api_id, name=after.name, **values))
    elif before != after:
        changed = update(stages).where(stages.c.api_id == api_id, stages.c.name == after.name)
        connection.execute(changed.values(values))


# --- API keys ---


def insert_key(connection: Connection, key: ApiKey) -> None:
    """Add a new API key."""
    row = {"id": key.id, "account_id": key.account_id, "region": key.region, "created_ms": key.created_ms}
    connection.execute(insert(api_keys).values(row | _key_columns(key)))


def save_key(connection: Connection, key: ApiKey) -> None:
    """Write an API key over its former state."""
    connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(_key_columns(key)))


def read_key(connection: Connection, place: Place, key_id: str, *, lock: bool = False) -> ApiKey | None:
    """Return the API key with this id, or None."""
    query = select(api_keys.c.document).where(api_keys.c.id == key_id, *_in_place(api_keys, place))
    row = connection.execute(_locked(query, lock=lock)).one_or_none()
    return None if row is None else msgspec.json.decode(row.document, type=ApiKey)


def find_value(connection: Connection, place: Place, value: str) -> ApiKey | None:
    """Return the API key of the tenant that has this value, or None."""
    query = select(api_keys.c.document).where(
        api_keys.c.value_digest == value_digest(value), *_in_place(api_keys, place)
    )
    row = connection.execute(query).first()
    return None if row is None else msgspec.json.decode(row.document, type=ApiKey)


def delete_key(connection: Connection, key_id: str) -> None:
    """Remove an API key, and by cascade from every usage plan."""
    connection.execute(delete(api_keys).where(api_keys.c.id == key_id))


class KeyFilter(msgspec.Struct, frozen=True):
    """Which API keys a list shows."""

    name_prefix: str | None = None
    customer_id: str | None = None
    plan_id: str | None = None


def list_keys(
    connection: Connection, place: Place, wanted: KeyFilter, after: tuple[int, str] | None, limit: int
) -> list[ApiKey]:
    """Return up to `limit` API keys, newest first, beginning behind the one created at `after` (time, id)."""
    order = (api_keys.c.created_ms.desc(), api_keys.c.id)
    query = select(api_keys.c.document).where(*_in_place(api_keys, place)).order_by(*order).limit(limit)
    query = _narrowed(query, wanted)
    if after is not None:
        created_ms, key_id = after
        same_time = and_(api_keys.c.created_ms == created_ms, api_keys.c.id > key_id)
        query = query.where(or_(api_keys.c.created_ms < created_ms, same_time))
    return [msgspec.json.decode(row.document, type=ApiKey) for row in connection.execute(query)]


def _narrowed(query: Select[tuple[str]], wanted: KeyFilter) -> Select[tuple[str]]:
    if wanted.name_prefix:
        # LIKE ignores case on SQLite and minds it on PostgreSQL; the service minds it.
        query = query.where(func.substr(api_keys.c.name, 1, len(wanted.name_prefix)) == wanted.name_prefix)
    if wanted.customer_id:
        query = query.where(api_keys.c.customer_id == wanted.customer_id)
    if wanted.plan_id:
        members = select(usage_plan_keys.c.key_id).where(usage_plan_keys.c.plan_id == wanted.plan_id)
        query = query.where(api_keys.c.id.in_(members))
    return query


def _key_columns(key: ApiKey) -> dict[str, str | None]:
    return {
        "name": key.name,
        "customer_id": key.customer_id,
        "value_digest": value_digest(key.value),
        "document": encode(key),
    }


# --- usage plans ---


def insert_plan(connection: Connection, plan: UsagePlan) -> None:
    """Add a new usage plan with its stages and keys."""
    row = {"id": plan.id, "account_id": plan.account_id, "region": plan.region, "document": _bare(plan)}
    connection.execute(insert(usage_plans).values(row))
    _insert_members(connection, plan)


def save_plan(connection: Connection, plan: UsagePlan) -> None:
    """Write a usage plan with its stages and keys over its former state."""
    connection.execute(update(usage_plans).where(usage_plans.c.id == plan.id).values(document=_bare(plan)))
    for table, column in (
        (usage_plan_stages, usage_plan_stages.c.plan_id),
        (usage_plan_keys, usage_plan_keys.c.plan_id),
    ):
        connection.execute(delete(table).where(column == plan.id))
    _insert_members(connection, plan)


def read_plan(connection: Connection, place: Place, plan_id: str, *, lock: bool = False) -> UsagePlan | None:
    """Return the usage plan with this id, or None."""
    query = select(usage_plans.c.document).where(usage_plans.c.id == plan_id, *_in_place(usage_plans, place))
    row = connection.execute(_locked(query, lock=lock)).one_or_none()
    return None if row is None else _with_members(connection, row.document)


def list_plans(
    connection: Connection, place: Place, key_id: str | None, after: str | None, limit: int
) -> list[UsagePlan]:
    """Return up to `limit` usage plans in order of their ids behind `after`; with `key_id` only those that hold it."""
    query = select(usage_plans.c.document).where(*_in_place(usage_plans, place)).order_by(usage_plans.c.id).limit(limit)
    if after is not None:
        query = query.where(usage_plans.c.id > after)
    if key_id is not None:
        holders = select(usage_plan_keys.c.plan_id).where(usage_plan_keys.c.key_id == key_id)
        query = query.where(usage_plans.c.id.in_(holders))
    return [_with_members(connection, row.document) for row in connection.execute(query).all()]


def delete_plan(connection: Connection, plan_id: str) -> None:
    """Remove a usage plan; its keys stay, its memberships go by cascade."""
    connection.execute(delete(usage_plans).where(usage_plans.c.id == plan_id))


def _bare(plan: UsagePlan) -> str:
    return encode(msgspec.structs.replace(plan, api_stages=[], key_ids=[]))


def _insert_members(connection: Connection, plan: UsagePlan) -> None:
    for rank, api_stage in enumerate(plan.api_stages):
        api_id, _, stage_name = api_stage.partition(":")
        row = {"plan_id": plan.id, "api_id": api_id, "stage_name": stage_name, "rank": rank}
        connection.execute(insert(usage_plan_stages).values(row))
    if plan.key_ids:
        # All in one statement: a plan may have thousands.
        held = [{"plan_id": plan.id, "key_id": key_id, "rank": rank} for rank, key_id in enumerate(plan.key_ids)]
        connection.execute(insert(usage_plan_keys), held)


def _with_members(connection: Connection, document: str) -> UsagePlan:
    plan = msgspec.json.decode(document, type=UsagePlan)
    held_stages = select(usage_plan_stages).where(usage_plan_stages.c.plan_id == plan.id)
    held_keys = select(usage_plan_keys.c.key_id).where(usage_plan_keys.c.plan_id == plan.id)
    return msgspec.structs.replace(
        plan,
        api_stages=[
            f"{row.api_id}:{row.stage_name}"
            for row in connection.execute(held_stages.order_by(usage_plan_stages.c.rank))
        ],
        key_ids=[row.key_id for row in connection.execute(held_keys.order_by(usage_plan_keys.c.rank))],
    )


# --- what the runtime asks ---


def read_revision(connection: Connection, api_id: str) -> int | None:
    """Return the number that grows with every change to an API, or None when there is no such API."""
    return connection.execute(select(apis.c.revision).where(apis.c.id == api_id)).scalar_one_or_none()


def has_stage(connection: Connection, place: Place, api_id: str, stage_name: str) -> bool:
    """Tell whether the tenant has this stage."""
    query = select(stages.c.name).join(apis, apis.c.id == stages.c.api_id).where(*_in_place(apis, place))
    return connection.execute(query.where(apis.c.id == api_id, stages.c.name == stage_name)).first() is not None


class StageRow(msgspec.Struct, frozen=True):
    """A stage as it is stored, with its API and its deployment."""

    revision: int
    api: str
    stage: str
    deployment_id: str
    deployed_ms: int
    description: str | None
    snapshot: str

    def deployment(self) -> Deployment:
        """Return the deployment, decoded."""
        snapshot = msgspec.json.decode(self.snapshot, type=RestApi)
        return Deployment(self.deployment_id, self.deployed_ms, snapshot, self.description)


def read_stage_row(connection: Connection, api_id: str, stage_name: str) -> StageRow | None:
    """Return a stage of any tenant, since host names are global; one statement, so that the parts fit together."""
    columns = (apis.c.revision, apis.c.document, stages.c.document, deployments.c.id)
    more = (deployments.c.created_ms, deployments.c.description, deployments.c.document)
    is_target = and_(deployments.c.api_id == stages.c.api_id, deployments.c.id == stages.c.deployment_id)
    query = select(*columns, *more).join_from(apis, stages, stages.c.api_id == apis.c.id).join(deployments, is_target)
    row = connection.execute(query.where(apis.c.id == api_id, stages.c.name == stage_name)).one_or_none()
    return None if row is None else StageRow(*row)


def find_admitted_key(connection: Connection, value: str, api_id: str, stage_name: str) -> ApiKey | None:
    """Return the key of the API's own tenant with this value that a usage plan admits to the stage, enabled or not."""
    same_tenant = and_(apis.c.account_id == api_keys.c.account_id, apis.c.region == api_keys.c.region)
    query = (
        select(api_keys.c.document)
        .join(usage_plan_keys, usage_plan_keys.c.key_id == api_keys.c.id)
        .join(usage_plan_stages, usage_plan_stages.c.plan_id == usage_plan_keys.c.plan_id)
        .join(apis, and_(apis.c.id == usage_plan_stages.c.api_id, same_tenant))
        .where(api_keys.c.value_digest == value_digest(value))
        .where(usage_plan_stages.c.api_id == api_id, usage_plan_stages.c.stage_name == stage_name)
    )
    row = connection.execute(query).first()
    return None if row is None else msgspec.json.decode(row.document, type=ApiKey)


def find_admitting_plan(
    connection: Connection, place: Place, key_id: str, api_id: str, stage_name: str
) -> UsagePlan | None:
    """Return the plan that admits a key to a stage, the first in order of ids, or None."""
    query = (
        select(usage_plans.c.document)
        .join(usage_plan_keys, usage_plan_keys.c.plan_id == usage_plans.c.id)
        .join(usage_plan_stages, usage_plan_stages.c.plan_id == usage_plans.c.id)
        .where(usage_plan_keys.c.key_id == key_id, *_in_place(usage_plans, place))
        .where(usage_plan_stages.c.api_id == api_id, usage_plan_stages.c.stage_name == stage_name)
        .order_by(usage_plans.c.id)
        .limit(1)
    )
    document = connection.execute(query).scalar_one_or_none()
    return None if document is None else msgspec.json.decode(document, type=UsagePlan)


def _in_place(table: Table, place: Place) -> tuple[ColumnElement[bool], ...]:
    return (table.c.account_id == place.account_id, table.c.region == place.region)


def _locked(query: Select[Any], *, lock: bool) -> Select[Any]:
    return query.with_for_update() if lock else query
