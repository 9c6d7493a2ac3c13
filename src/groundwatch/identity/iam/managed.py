"""Operations on managed policies and their versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.aws_policies import aws_policies
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.documents import check_managed_policy
from groundwatch.identity.iam.errors import quota_exceeded
from groundwatch.identity.names import POLICY_PREFIX, new_id
from groundwatch.identity.records import entities, managed
from groundwatch.identity.values import ManagedPolicy, PolicyVersion

VERSIONS_PER_POLICY = 5
POLICIES_PER_ACCOUNT = 1500
FIRST_VERSION = 1


class Usage(msgspec.Struct, frozen=True):
    """How often the account uses each policy, by ARN."""

    attached: Mapping[str, int]
    boundaries: Mapping[str, int]


class ManagedPolicyOperations(common.IamBase):
    """CreatePolicy, CreatePolicyVersion and what follows."""

    async def create_policy(
        self,
        context: RequestContext,
        *,
        policy_name: str,
        policy_document: str,
        path: str = "/",
        description: str | None = None,
        tags: Sequence[Mapping[str, str]] | None = None,
    ) -> Answer:
        """Create a policy that can be attached to users, roles and groups of the account; its version is v1."""
        check_managed_policy(policy_document)
        added = common.read_tag_list(tags)
        now_ms = self._clock_ms()
        policy = ManagedPolicy(
            id=new_id(POLICY_PREFIX),
            account_id=context.account_id,
            name=policy_name,
            path=path,
            created_ms=now_ms,
            updated_ms=now_ms,
            description=description,
            default_version=FIRST_VERSION,
            next_version=FIRST_VERSION + 1,
        )

        def work(connection: Connection) -> None:
            if entities.count_entities(connection, ManagedPolicy, context.account_id) >= POLICIES_PER_ACCOUNT:
                raise quota_exceeded("PoliciesPerAccount", POLICIES_PER_ACCOUNT)
            common.create(connection, policy, added)
            managed.insert_version(connection, policy.id, PolicyVersion(FIRST_VERSION, policy_document, now_ms))

        await self._store.write(work)
        answer = _policy_answer(policy, Usage({}, {}))
        # The answer to the creation repeats the tags but not the description.
        return {"Policy": answer | ({"Tags": common.tag_list(added)} if added else {})}

    async def get_policy(self, context: RequestContext, *, policy_arn: str) -> Answer:
        """Return a policy without its document, which GetPolicyVersion shows."""

        def work(connection: Connection) -> Answer:
            policy = common.require_policy(connection, context.account_id, policy_arn)
            answer = _policy_answer(policy, _read_usage(connection, context.account_id))
            if policy.description is not None:
                answer["Description"] = policy.description
            return answer | {"Tags": common.tag_list(entities.read_tags(connection, policy.id))}

        return {"Policy": await self._store.read(work)}

    async def list_policies(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        scope: str = "All",
        only_attached: bool = False,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the policies of the account and of AWS in order of name."""
        after = common.read_marker(marker)

        def work(connection: Connection) -> tuple[Sequence[ManagedPolicy], Usage]:
            every = (common.ALL_NAMES, POLICIES_PER_ACCOUNT)
            own = entities.page_by_name(connection, ManagedPolicy, context.account_id, path_prefix, every)
            given = [known.policy for known in aws_policies().values() if known.policy.path.startswith(path_prefix)]
            found = [*(own if scope != "AWS" else ()), *(given if scope != "Local" else ())]
            return found, _read_usage(connection, context.account_id)

        found, usage = await self._store.read(work)
        if only_attached or policy_usage_filter is not None:
            used = _used(usage, policy_usage_filter)
            found = [policy for policy in found if policy.arn in used]
        following = sorted((policy for policy in found if _order(policy) > after), key=_order)
        return common.page_answer(
            "Policies", following, max_items, name_of=_order, show=lambda policy: _policy_answer(policy, usage)
        )

    async def delete_policy(self, context: RequestContext, *, policy_arn: str) -> None:
        """Delete a policy that nothing uses and of which the default version alone is left."""

        def work(connection: Connection) -> None:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            usage = _read_usage(connection, context.account_id)
            if policy.arn in usage.attached or policy.arn in usage.boundaries:
                raise ServiceError("DeleteConflict", "Cannot delete a policy attached to entities.")
            if len(managed.read_versions(connection, policy)) > 1:
                message = (
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's"
                    " versions."
                )
                raise ServiceError("DeleteConflict", message)
            managed.delete_versions(connection, policy.id)
            entities.delete_entity(connection, policy)

        await self._store.write(work)

    async def create_policy_version(
        self, context: RequestContext, *, policy_arn: str, policy_document: str, set_as_default: bool = False
    ) -> Answer:
        """Add a version, which counts at once when it is made the default."""
        check_managed_policy(policy_document)
        now_ms = self._clock_ms()

        def work(connection: Connection) -> Answer:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            if len(managed.read_versions(connection, policy)) >= VERSIONS_PER_POLICY:
                message = (
                    f"A managed policy can have up to {VERSIONS_PER_POLICY} versions. Before you create a new version,"
                    " you must delete an existing version."
                )
                raise ServiceError("LimitExceeded", message)
            version = PolicyVersion(policy.next_version, policy_document, now_ms)
            managed.insert_version(connection, policy.id, version)
            default = version.number if set_as_default else policy.default_version
            changed = {"next_version": version.number + 1, "default_version": default, "updated_ms": now_ms}
            entities.update_entity(connection, policy, **changed)
            return _version_answer(version, is_default=set_as_default)

        return {"PolicyVersion": await self._store.write(work)}

    async def get_policy_version(self, context: RequestContext, *, policy_arn: str, version_id: str) -> Answer:
        """Return a version with its document."""

        def work(connection: Connection) -> Answer:
            policy = common.require_policy(connection, context.account_id, policy_arn)
            version = _require_version(connection, policy, version_id)
            answer = _version_answer(version, is_default=version.number == policy.default_version)
            return answer | {"Document": common.encode_document(version.document)}

        return {"PolicyVersion": await self._store.read(work)}

    async def list_policy_versions(
        self,
        context: RequestContext,
        *,
        policy_arn: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of a policy's versions, newest first."""
        before = common.read_marker(marker)

        def work(connection: Connection) -> Answer:
            policy = common.require_policy(connection, context.account_id, policy_arn)
            versions = managed.read_versions(connection, policy)
            following = [version for version in versions if not before or version.number < _version_number(before)]
            return common.page_answer(
                "Versions",
                following,
                max_items,
                name_of=lambda version: f"v{version.number}",
                show=lambda version: _version_answer(version, is_default=version.number == policy.default_version),
            )

        return await self._store.read(work)

    async def set_default_policy_version(self, context: RequestContext, *, policy_arn: str, version_id: str) -> None:
        """Make a version the one that counts, for everybody to whom the policy is attached."""

        def work(connection: Connection) -> None:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            version = _require_version(connection, policy, version_id)
            changed = {"default_version": version.number, "updated_ms": self._clock_ms()}
            entities.update_entity(connection, policy, **changed)

        await self._store.write(work)

    async def delete_policy_version(self, context: RequestContext, *, policy_arn: str, version_id: str) -> None:
        """Delete a version other than the default."""

        def work(connection: Connection) -> None:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            version = _require_version(connection, policy, version_id)
            if version.number == policy.default_version:
                raise ServiceError("DeleteConflict", "Cannot delete the default version of a policy.")
            managed.delete_versions(connection, policy.id, version.number)

        await self._store.write(work)


def _require_version(connection: Connection, policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    versions = managed.read_versions(connection, policy)
    found = next((version for version in versions if f"v{version.number}" == version_id), None)
    if found is None:
        message = f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
        raise ServiceError("NoSuchEntity", message)
    return found


def _version_number(version_id: str) -> int:
    try:
        return int(version_id.removeprefix("v"))
    except ValueError as error:
        raise ServiceError("ValidationError", "Invalid Marker.") from error


def _read_usage(connection: Connection, account_id: str) -> Usage:
    return Usage(
        managed.usage(connection, account_id, boundary=False), managed.usage(connection, account_id, boundary=True)
    )


def _used(usage: Usage, kind: str | None) -> Iterable[str]:
    if kind == "PermissionsPolicy":
        return usage.attached
    return usage.boundaries if kind == "PermissionsBoundary" else {*usage.attached, *usage.boundaries}


def _order(policy: ManagedPolicy) -> str:
    # One of AWS's may have the name of one of the account's. The ARN would be too long for a marker.
    return f"{policy.name.lower()} {policy.account_id}"


def _policy_answer(policy: ManagedPolicy, usage: Usage) -> Answer:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": usage.attached.get(policy.arn, 0),
        "PermissionsBoundaryUsageCount": usage.boundaries.get(policy.arn, 0),
        "IsAttachable": True,
        "CreateDate": common.moment(policy.created_ms),
        "UpdateDate": common.moment(policy.updated_ms),
    }


def _version_answer(version: PolicyVersion, *, is_default: bool) -> Answer:
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": is_default,
        "CreateDate": common.moment(version.created_ms),
    }
