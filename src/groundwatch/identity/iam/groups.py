"""Operations on groups and their members."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.errors import quota_exceeded
from groundwatch.identity.names import GROUP_PREFIX, new_id
from groundwatch.identity.records import entities
from groundwatch.identity.values import Group, User

GROUPS_PER_USER = 10


class GroupOperations(common.IamBase):
    """CreateGroup and what follows; a group's policies count for each of its users."""

    async def create_group(self, context: RequestContext, *, group_name: str, path: str = "/") -> Answer:
        """Create a group without users and policies."""
        group = Group(new_id(GROUP_PREFIX), context.account_id, group_name, path, self._clock_ms())
        await self._store.write(lambda connection: common.create(connection, group, {}))
        return {"Group": common.entity_answer(group)}

    async def get_group(
        self,
        context: RequestContext,
        *,
        group_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a group and a page of its users in order of name."""

        def work(connection: Connection) -> tuple[Group, Sequence[User]]:
            group = common.require(connection, Group, context.account_id, group_name)
            return group, entities.members_of(connection, group.id)

        group, users = await self._store.read(work)
        return {"Group": common.entity_answer(group), **_page("Users", users, marker, max_items)}

    async def list_groups(
        self,
        context: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the account's groups in order of name."""
        return await self._page_of(Group, context, path_prefix, marker, max_items)

    async def list_groups_for_user(
        self,
        context: RequestContext,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the groups that a user is in."""

        def work(connection: Connection) -> Sequence[Group]:
            user = common.require(connection, User, context.account_id, user_name)
            return entities.groups_of(connection, user.id)

        return _page("Groups", await self._store.read(work), marker, max_items)

    async def update_group(
        self,
        context: RequestContext,
        *,
        group_name: str,
        new_path: str | None = None,
        new_group_name: str | None = None,
    ) -> None:
        """Rename or move a group; id, users and policies stay."""
        await self._move(Group, context, group_name, new_name=new_group_name, new_path=new_path)

    async def delete_group(self, context: RequestContext, *, group_name: str) -> None:
        """Delete a group that has neither users nor policies any more."""

        def work(connection: Connection) -> None:
            group = common.require(connection, Group, context.account_id, group_name)
            if entities.members_of(connection, group.id):
                raise ServiceError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
            common.require_no_policies(connection, group)
            entities.delete_entity(connection, group)

        await self._store.write(work)

    async def add_user_to_group(self, context: RequestContext, *, group_name: str, user_name: str) -> None:
        """Make a user a member; who is one already stays one."""

        def work(connection: Connection) -> None:
            group = common.require(connection, Group, context.account_id, group_name)
            user = common.require(connection, User, context.account_id, user_name)
            entities.join_group(connection, group.id, user.id)
            if len(entities.groups_of(connection, user.id)) > GROUPS_PER_USER:
                raise quota_exceeded("GroupsPerUser", GROUPS_PER_USER)

        await self._store.write(work)

    async def remove_user_from_group(self, context: RequestContext, *, group_name: str, user_name: str) -> None:
        """End a membership; who is no member is passed over."""

        def work(connection: Connection) -> None:
            group = common.require(connection, Group, context.account_id, group_name)
            user = common.require(connection, User, context.account_id, user_name)
            entities.leave_group(connection, group.id, user.id)

        await self._store.write(work)


def _page(member: str, found: Sequence[User] | Sequence[Group], marker: str | None, max_items: int) -> Answer:
    after = common.read_marker(marker)
    # Sorted here too: databases differ in their collation, and markers are compared here.
    following = sorted((entity for entity in found if common.name_key(entity) > after), key=common.name_key)
    return common.page_answer(member, following, max_items, name_of=common.name_key, show=common.entity_answer)
