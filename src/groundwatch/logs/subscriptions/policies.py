"""Account policies that subscribe every log group of an account, and resource policies, in the metadata database."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, insert, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.pattern_quota import limit_exceeded
from groundwatch.logs.subscriptions.records import AccountPolicy
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.subscriptions import account_policies, resource_policies

SUBSCRIPTION_FILTER_POLICY = "SUBSCRIPTION_FILTER_POLICY"
MAX_ACCOUNT_SCOPE = 10
NOT_IN = re.compile(r"\s*LogGroupName\s+NOT\s+IN\s+(\[.*\])\s*", re.DOTALL)

Scope = Literal["ACCOUNT", "RESOURCE"]


class SubscriptionDocument(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The document of an account policy that subscribes log groups."""

    destination_arn: str
    filter_pattern: str = ""
    role_arn: str | None = None
    distribution: Literal["ByLogStream", "Random"] = "ByLogStream"


class ResourcePolicyRecord(msgspec.Struct, frozen=True):
    """A resource policy; `name` is the ARN that it is attached to when its scope is RESOURCE."""

    scope: str
    name: str
    document: str
    revision: str
    updated_ms: int


class PolicyStore:
    """Reads and writes of both kinds of policy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_account_policy(self, policy: AccountPolicy) -> None:
        """Make or replace the subscription policy of an account in a region; there is but one."""
        table = account_policies
        of_type = and_(_of(table, policy.tenant), table.c.policy_type == SUBSCRIPTION_FILTER_POLICY)
        values = {
            "document": policy.document,
            "selection_criteria": policy.selection_criteria,
            "updated_ms": policy.updated_ms,
        }

        def put(connection: Connection) -> None:
            if connection.execute(update(table).where(of_type, table.c.name == policy.name).values(values)).rowcount:
                return
            if connection.execute(select(func.count()).select_from(table).where(of_type)).scalar_one():
                raise limit_exceeded()
            place = {
                "account_id": policy.tenant.account_id,
                "region": policy.tenant.region,
                "policy_type": SUBSCRIPTION_FILTER_POLICY,
                "name": policy.name,
                "created_ms": policy.created_ms,
            }
            connection.execute(insert(table).values(place | values))

        await self._database.write(put)

    async def account_policies(self, tenant: Tenant | None = None) -> list[AccountPolicy]:
        """Return the subscription policies of an account in a region, or (None) of all."""
        table = account_policies
        statement = select(table).where(table.c.policy_type == SUBSCRIPTION_FILTER_POLICY).order_by(table.c.name)
        if tenant is not None:
            statement = statement.where(_of(table, tenant))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_account_policy(row) for row in rows]

    async def delete_account_policy(self, tenant: Tenant, name: str) -> bool:
        """Remove a subscription policy; False when there is none of that name."""
        table = account_policies
        named = and_(_of(table, tenant), table.c.policy_type == SUBSCRIPTION_FILTER_POLICY, table.c.name == name)
        return await self._delete(table, named)

    async def put_resource_policy(
        self, tenant: Tenant, policy: ResourcePolicyRecord, expected_revision: str | None
    ) -> ResourcePolicyRecord:
        """Make or replace a resource policy, and return it with its revision.

        Raises `InvalidParameterException` when another revision is there than expected, `LimitExceededException` for
        an eleventh of scope ACCOUNT.
        """
        named = _resource_policy_is(tenant, policy.scope, policy.name)
        stored = msgspec.structs.replace(policy, revision=str(uuid.uuid4()))
        values = {name: getattr(stored, name) for name in ("document", "revision", "updated_ms")}

        def put(connection: Connection) -> None:
            known = connection.execute(select(resource_policies).where(named)).one_or_none()
            if known is not None:
                _check_revision(known, expected_revision)
                connection.execute(update(resource_policies).where(named).values(values))
                return
            if policy.scope == "ACCOUNT":
                _check_room(connection, tenant)
            place = {"account_id": tenant.account_id, "region": tenant.region, "scope": policy.scope}
            connection.execute(insert(resource_policies).values(place | values | {"name": policy.name}))

        await self._database.write(put)
        return stored

    async def resource_policies(
        self, tenant: Tenant, scope: str, *, name: str | None, after: str, limit: int
    ) -> list[ResourcePolicyRecord]:
        """Return up to `limit` policies of a scope after `after`, sorted by name."""
        table = resource_policies
        statement = select(table).where(_of(table, tenant), table.c.scope == scope, table.c.name > after)
        if name is not None:
            statement = statement.where(table.c.name == name)
        statement = statement.order_by(table.c.name).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_resource_policy(row) for row in rows]

    async def delete_resource_policy(
        self, tenant: Tenant, scope: str, name: str, expected_revision: str | None
    ) -> bool:
        """Remove a resource policy; False when there is none of that name."""
        named = _resource_policy_is(tenant, scope, name)

        def remove(connection: Connection) -> bool:
            known = connection.execute(select(resource_policies).where(named)).one_or_none()
            if known is None:
                return False
            _check_revision(known, expected_revision)
            connection.execute(delete(resource_policies).where(named))
            return True

        return await self._database.write(remove)

    async def _delete(self, table: Table, which: ColumnElement[bool]) -> bool:
        statement = delete(table).where(which)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))


def read_document(text: str) -> SubscriptionDocument:
    """Return the document of a subscription policy; `InvalidParameterException` when it is not one."""
    try:
        return msgspec.json.decode(text, type=SubscriptionDocument)
    except msgspec.MsgspecError as error:
        raise ServiceError("InvalidParameterException", f"Invalid policyDocument: {error}.") from error


def read_selection(text: str | None) -> frozenset[str]:
    """Return the names of the log groups that `LogGroupName NOT IN ["…"]` leaves out.

    Raises `InvalidParameterException` for any other criteria: subscription policies know no more.
    """
    if not text:
        return frozenset()
    listed = NOT_IN.fullmatch(text)
    try:
        return frozenset(msgspec.json.decode(listed[1] if listed else "", type=list[str]))
    except msgspec.MsgspecError as error:
        raise ServiceError(
            "InvalidParameterException",
            'Invalid selectionCriteria: a subscription filter policy takes LogGroupName NOT IN ["name", ...].',
        ) from error


def _of(table: Table, tenant: Tenant) -> ColumnElement[bool]:
    return and_(table.c.account_id == tenant.account_id, table.c.region == tenant.region)


def _resource_policy_is(tenant: Tenant, scope: str, name: str) -> ColumnElement[bool]:
    table = resource_policies
    return and_(_of(table, tenant), table.c.scope == scope, table.c.name == name)


def _check_revision(known: Row[Any], expected: str | None) -> None:
    if expected is not None and expected != known.revision:
        raise ServiceError("InvalidParameterException", "The specified expectedRevisionId is not the current one.")
    # Attached to a resource, a policy is replaced only by who has seen it; without, two editors lose each other's.
    if expected is None and known.scope == "RESOURCE":
        raise ServiceError("InvalidParameterException", "expectedRevisionId is required for an existing policy.")


def _check_room(connection: Connection, tenant: Tenant) -> None:
    table = resource_policies
    count = select(func.count()).select_from(table).where(_of(table, tenant), table.c.scope == "ACCOUNT")
    if connection.execute(count).scalar_one() >= MAX_ACCOUNT_SCOPE:
        raise limit_exceeded()


def _account_policy(row: Row[Any]) -> AccountPolicy:
    return AccountPolicy(
        number=row.id,
        tenant=Tenant(row.account_id, row.region),
        name=row.name,
        document=row.document,
        selection_criteria=row.selection_criteria,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
    )


def _resource_policy(row: Row[Any]) -> ResourcePolicyRecord:
    return ResourcePolicyRecord(row.scope, row.name, row.document, row.revision, row.updated_ms)


def placed_policies(policies: Sequence[AccountPolicy]) -> dict[Tenant, list[AccountPolicy]]:
    """Return policies by the account and region that they are for."""
    placed: dict[Tenant, list[AccountPolicy]] = {}
    for policy in policies:
        placed.setdefault(policy.tenant, []).append(policy)
    return placed
