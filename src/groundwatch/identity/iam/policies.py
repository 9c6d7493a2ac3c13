"""Operations on the inline policies of users, roles and groups."""

from __future__ import annotations

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.documents import check_inline_policy, check_inline_sizes
from groundwatch.identity.iam.errors import no_such_entity
from groundwatch.identity.records import policies
from groundwatch.identity.values import Group, Owner, Role, User


class InlinePolicyOperations(common.IamBase):
    """PutUserPolicy, PutRolePolicy, PutGroupPolicy and what follows."""

    async def put_user_policy(
        self, context: RequestContext, *, user_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Attach a policy to a user, or replace the one of this name."""
        await self._put_policy(User, (context.account_id, user_name), policy_name, policy_document)

    async def put_role_policy(
        self, context: RequestContext, *, role_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Attach a policy to a role, or replace the one of this name; running sessions are bound by it at once."""
        await self._put_policy(Role, (context.account_id, role_name), policy_name, policy_document)

    async def put_group_policy(
        self, context: RequestContext, *, group_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Attach a policy to a group, or replace the one of this name; it counts for all members at once."""
        await self._put_policy(Group, (context.account_id, group_name), policy_name, policy_document)

    async def get_user_policy(self, context: RequestContext, *, user_name: str, policy_name: str) -> Answer:
        """Return a policy of a user."""
        return await self._get_policy(User, (context.account_id, user_name), policy_name)

    async def get_role_policy(self, context: RequestContext, *, role_name: str, policy_name: str) -> Answer:
        """Return a policy of a role."""
        return await self._get_policy(Role, (context.account_id, role_name), policy_name)

    async def get_group_policy(self, context: RequestContext, *, group_name: str, policy_name: str) -> Answer:
        """Return a policy of a group."""
        return await self._get_policy(Group, (context.account_id, group_name), policy_name)

    async def list_user_policies(
        self,
        context: RequestContext,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the names of a user's policies."""
        return await self._list_policies(User, (context.account_id, user_name), marker, max_items)

    async def list_role_policies(
        self,
        context: RequestContext,
        *,
        role_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the names of a role's policies."""
        return await self._list_policies(Role, (context.account_id, role_name), marker, max_items)

    async def list_group_policies(
        self,
        context: RequestContext,
        *,
        group_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the names of a group's policies."""
        return await self._list_policies(Group, (context.account_id, group_name), marker, max_items)

    async def delete_user_policy(self, context: RequestContext, *, user_name: str, policy_name: str) -> None:
        """Detach and delete a policy of a user."""
        await self._delete_policy(User, (context.account_id, user_name), policy_name)

    async def delete_role_policy(self, context: RequestContext, *, role_name: str, policy_name: str) -> None:
        """Detach and delete a policy of a role."""
        await self._delete_policy(Role, (context.account_id, role_name), policy_name)

    async def delete_group_policy(self, context: RequestContext, *, group_name: str, policy_name: str) -> None:
        """Detach and delete a policy of a group."""
        await self._delete_policy(Group, (context.account_id, group_name), policy_name)

    async def _put_policy(self, entity: type[Owner], place: tuple[str, str], policy_name: str, document: str) -> None:
        check_inline_policy(document)

        def work(connection: Connection) -> None:
            owner = common.require(connection, entity, *place)
            policies.put_policy(connection, owner.id, policy_name, document)
            # After the write, since a replaced policy no longer counts; an exception undoes it.
            check_inline_sizes(owner, policies.read_policies(connection, owner.id))

        await self._store.write(work)

    async def _get_policy(self, entity: type[Owner], place: tuple[str, str], policy_name: str) -> Answer:
        def work(connection: Connection) -> Answer:
            owner = common.require(connection, entity, *place)
            document = policies.find_policy(connection, owner.id, policy_name)
            if document is None:
                raise no_such_entity(f"{entity.__name__.lower()} policy", policy_name)
            return {
                f"{entity.__name__}Name": owner.name,
                "PolicyName": policy_name,
                "PolicyDocument": common.encode_document(document),
            }

        return await self._store.read(work)

    async def _list_policies(
        self, entity: type[Owner], place: tuple[str, str], marker: str | None, max_items: int
    ) -> Answer:
        after = common.read_marker(marker)

        def work(connection: Connection) -> Answer:
            owner = common.require(connection, entity, *place)
            names = policies.page_policy_names(connection, owner.id, after, max_items + 1)
            return common.page_answer(
                "PolicyNames", names, max_items, name_of=lambda name: name, show=lambda name: name
            )

        return await self._store.read(work)

    async def _delete_policy(self, entity: type[Owner], place: tuple[str, str], policy_name: str) -> None:
        def work(connection: Connection) -> None:
            owner = common.require(connection, entity, *place)
            if not policies.delete_policy(connection, owner.id, policy_name):
                raise no_such_entity(f"{entity.__name__.lower()} policy", policy_name)

        await self._store.write(work)
