"""Operations on the tags of users, roles and managed policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.records import entities
from groundwatch.identity.values import Entity, Role, User

TagList = Sequence[Mapping[str, str]]


class TagOperations(common.IamBase):
    """TagUser, TagRole, TagPolicy and what follows."""

    async def tag_user(self, context: RequestContext, *, user_name: str, tags: TagList) -> None:
        """Add tags to a user, or change them."""
        await self._tag(User, context.account_id, user_name, tags)

    async def tag_role(self, context: RequestContext, *, role_name: str, tags: TagList) -> None:
        """Add tags to a role, or change them."""
        await self._tag(Role, context.account_id, role_name, tags)

    async def untag_user(self, context: RequestContext, *, user_name: str, tag_keys: Sequence[str]) -> None:
        """Remove tags from a user; keys that it does not have are passed over."""
        await self._untag(User, context.account_id, user_name, tag_keys)

    async def untag_role(self, context: RequestContext, *, role_name: str, tag_keys: Sequence[str]) -> None:
        """Remove tags from a role; keys that it does not have are passed over."""
        await self._untag(Role, context.account_id, role_name, tag_keys)

    async def list_user_tags(
        self,
        context: RequestContext,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of a user's tags in order of key."""
        return await self._list_tags(User, (context.account_id, user_name), marker, max_items)

    async def list_role_tags(
        self,
        context: RequestContext,
        *,
        role_name: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of a role's tags in order of key."""
        return await self._list_tags(Role, (context.account_id, role_name), marker, max_items)

    async def tag_policy(self, context: RequestContext, *, policy_arn: str, tags: TagList) -> None:
        """Add tags to a policy, or change them."""
        added = common.read_tag_list(tags)

        def work(connection: Connection) -> None:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            common.add_tags(connection, policy, added)

        await self._store.write(work)

    async def untag_policy(self, context: RequestContext, *, policy_arn: str, tag_keys: Sequence[str]) -> None:
        """Remove tags from a policy; keys that it does not have are passed over."""

        def work(connection: Connection) -> None:
            policy = common.require_own_policy(connection, context.account_id, policy_arn)
            entities.delete_tags(connection, policy.id, tag_keys)

        await self._store.write(work)

    async def list_policy_tags(
        self,
        context: RequestContext,
        *,
        policy_arn: str,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of a policy's tags in order of key."""

        def find(connection: Connection) -> Entity:
            return common.require_policy(connection, context.account_id, policy_arn)

        return await self._page_tags(find, marker, max_items)

    async def _tag(self, entity: type[Entity], account_id: str, name: str, tags: TagList) -> None:
        added = common.read_tag_list(tags)

        def work(connection: Connection) -> None:
            common.add_tags(connection, common.require(connection, entity, account_id, name), added)

        await self._store.write(work)

    async def _untag(self, entity: type[Entity], account_id: str, name: str, keys: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            entities.delete_tags(connection, common.require(connection, entity, account_id, name).id, keys)

        await self._store.write(work)

    async def _list_tags(
        self, entity: type[Entity], place: tuple[str, str], marker: str | None, max_items: int
    ) -> Answer:
        return await self._page_tags(lambda connection: common.require(connection, entity, *place), marker, max_items)

    async def _page_tags(self, find: Callable[[Connection], Entity], marker: str | None, max_items: int) -> Answer:
        after = common.read_marker(marker)

        def work(connection: Connection) -> list[tuple[str, str]]:
            tags = entities.read_tags(connection, find(connection).id)
            return [(key, value) for key, value in tags.items() if key.lower() > after]

        return common.page_answer(
            "Tags",
            await self._store.read(work),
            max_items,
            name_of=lambda tag: tag[0].lower(),
            show=lambda tag: {"Key": tag[0], "Value": tag[1]},
        )
