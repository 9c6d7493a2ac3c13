"""Operations that attach managed policies, as permissions or as boundaries, and that show to whom they are attached."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.errors import no_such_policy, quota_exceeded
from groundwatch.identity.names import POLICY_ARN
from groundwatch.identity.records import entities, managed
from groundwatch.identity.values import Group, Owner, Role, User

POLICIES_PER_OWNER = 10
ENTITY_FILTERS: Mapping[str, type[Owner]] = {"User": User, "Role": Role, "Group": Group}


class AttachmentOperations(common.IamBase):
    """AttachUserPolicy and what follows, and permissions boundaries."""

    async def attach_user_policy(self, context: RequestContext, *, user_name: str, policy_arn: str) -> None:
        """Attach a managed policy to a user."""
        await self._attach(User, (context.account_id, user_name), policy_arn)

    async def attach_role_policy(self, context: RequestContext, *, role_name: str, policy_arn: str) -> None:
        """Attach a managed policy to a role."""
        await self._attach(Role, (context.account_id, role_name), policy_arn)

    async def attach_group_policy(self, context: RequestContext, *, group_name: str, policy_arn: str) -> None:
        """Attach a managed policy to a group."""
        await self._attach(Group, (context.account_id, group_name), policy_arn)

    async def detach_user_policy(self, context: RequestContext, *, user_name: str, policy_arn: str) -> None:
        """Detach a managed policy from a user."""
        await self._detach(User, (context.account_id, user_name), policy_arn)

    async def detach_role_policy(self, context: RequestContext, *, role_name: str, policy_arn: str) -> None:
        """Detach a managed policy from a role."""
        await self._detach(Role, (context.account_id, role_name), policy_arn)

    async def detach_group_policy(self, context: RequestContext, *, group_name: str, policy_arn: str) -> None:
        """Detach a managed policy from a group."""
        await self._detach(Group, (context.account_id, group_name), policy_arn)

    async def list_attached_user_policies(
        self,
        context: RequestContext,
        *,
        user_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the managed policies of a user."""
        attached = await self._attached(User, (context.account_id, user_name))
        return _attached_page(attached, path_prefix, marker, max_items)

    async def list_attached_role_policies(
        self,
        context: RequestContext,
        *,
        role_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the managed policies of a role."""
        attached = await self._attached(Role, (context.account_id, role_name))
        return _attached_page(attached, path_prefix, marker, max_items)

    async def list_attached_group_policies(
        self,
        context: RequestContext,
        *,
        group_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the managed policies of a group."""
        attached = await self._attached(Group, (context.account_id, group_name))
        return _attached_page(attached, path_prefix, marker, max_items)

    async def list_entities_for_policy(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        policy_arn: str,
        entity_filter: str | None = None,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the users, roles and groups that a policy is attached to or bounds."""
        after = common.read_marker(marker)
        uses = {"PermissionsPolicy": (False,), "PermissionsBoundary": (True,)}.get(
            policy_usage_filter or "", (False, True)
        )

        def work(connection: Connection) -> Sequence[Owner]:
            policy = common.require_policy(connection, context.account_id, policy_arn)
            found = (managed.owners_of(connection, context.account_id, policy.arn, boundary=use) for use in uses)
            # Who has it in both ways is shown once.
            return list({owner.id: owner for owners in found for owner in owners}.values())

        kinds = tuple(ENTITY_FILTERS.values()) if entity_filter is None else ENTITY_FILTERS.get(entity_filter, ())
        owners = [
            owner
            for owner in await self._store.read(work)
            if isinstance(owner, kinds) and owner.path.startswith(path_prefix) and _owner_order(owner) > after
        ]
        return _entities_page(sorted(owners, key=_owner_order), max_items)

    async def put_user_permissions_boundary(
        self, context: RequestContext, *, user_name: str, permissions_boundary: str
    ) -> None:
        """Bound what a user may do by a managed policy, whatever else allows it."""
        await self._put_boundary(User, (context.account_id, user_name), permissions_boundary)

    async def put_role_permissions_boundary(
        self, context: RequestContext, *, role_name: str, permissions_boundary: str
    ) -> None:
        """Bound what a role's sessions may do by a managed policy; running ones are bound at once."""
        await self._put_boundary(Role, (context.account_id, role_name), permissions_boundary)

    async def delete_user_permissions_boundary(self, context: RequestContext, *, user_name: str) -> None:
        """Take a user's boundary away."""
        await self._delete_boundary(User, (context.account_id, user_name))

    async def delete_role_permissions_boundary(self, context: RequestContext, *, role_name: str) -> None:
        """Take a role's boundary away."""
        await self._delete_boundary(Role, (context.account_id, role_name))

    async def _attach(self, entity: type[Owner], place: tuple[str, str], policy_arn: str) -> None:
        def work(connection: Connection) -> None:
            owner = common.require(connection, entity, *place)
            arn = common.require_attachable(connection, place[0], policy_arn)
            managed.attach(connection, owner.id, arn)
            if len(managed.attached_arns(connection, owner.id)) > POLICIES_PER_OWNER:
                raise quota_exceeded(f"PoliciesPer{entity.__name__}", POLICIES_PER_OWNER)

        await self._store.write(work)

    async def _detach(self, entity: type[Owner], place: tuple[str, str], policy_arn: str) -> None:
        def work(connection: Connection) -> None:
            owner = common.require(connection, entity, *place)
            # Without a look at the policy itself, so that one that this program no longer knows can be detached too.
            if not managed.detach(connection, owner.id, policy_arn):
                raise no_such_policy(policy_arn)

        await self._store.write(work)

    async def _attached(self, entity: type[Owner], place: tuple[str, str]) -> Sequence[str]:
        def work(connection: Connection) -> Sequence[str]:
            return managed.attached_arns(connection, common.require(connection, entity, *place).id)

        return await self._store.read(work)

    async def _put_boundary(self, entity: type[User | Role], place: tuple[str, str], policy_arn: str) -> None:
        def work(connection: Connection) -> None:
            owner = common.require(connection, entity, *place)
            arn = common.require_attachable(connection, place[0], policy_arn)
            entities.update_entity(connection, owner, boundary_arn=arn)

        await self._store.write(work)

    async def _delete_boundary(self, entity: type[User | Role], place: tuple[str, str]) -> None:
        def work(connection: Connection) -> None:
            owner: User | Role = common.require(connection, entity, *place)
            if owner.boundary_arn is None:
                kind = entity.__name__.lower()
                raise ServiceError("NoSuchEntity", f"The {kind} with name {owner.name} has no permissions boundary.")
            entities.update_entity(connection, owner, boundary_arn=None)

        await self._store.write(work)


def _attached_page(arns: Sequence[str], path_prefix: str, marker: str | None, max_items: int) -> Answer:
    after = common.read_marker(marker)
    named = [match for arn in arns if (match := POLICY_ARN.fullmatch(arn)) and match[2].startswith(path_prefix)]
    following = sorted((match for match in named if _policy_order(match) > after), key=_policy_order)
    return common.page_answer(
        "AttachedPolicies",
        following,
        max_items,
        name_of=_policy_order,
        show=lambda match: {"PolicyName": match[3], "PolicyArn": match[0]},
    )


def _policy_order(arn: re.Match[str]) -> str:
    # The ARN itself would be too long for a marker.
    return f"{arn[3].lower()} {arn[1]}"


def _entities_page(owners: Sequence[Owner], max_items: int) -> Answer:
    page = common.page_answer("owners", owners, max_items, name_of=_owner_order, show=lambda owner: owner)
    del page["owners"]
    shown: dict[str, list[Answer]] = {f"Policy{kind}s": [] for kind in ENTITY_FILTERS}
    for owner in owners[:max_items]:
        kind = type(owner).__name__
        shown[f"Policy{kind}s"].append({f"{kind}Name": owner.name, f"{kind}Id": owner.id})
    return page | shown


def _owner_order(owner: Owner) -> str:
    return f"{type(owner).__name__} {owner.name.lower()}"
