"""Operations on users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.errors import delete_conflict
from groundwatch.identity.names import USER_PREFIX, new_id
from groundwatch.identity.records import entities, keys
from groundwatch.identity.values import User


class UserOperations(common.IamBase):
    """CreateUser and what follows."""

    async def create_user(
        self,
        context: RequestContext,
        *,
        user_name: str,
        path: str = "/",
        permissions_boundary: str | None = None,
        tags: Sequence[Mapping[str, str]] | None = None,
    ) -> Answer:
        """Create a user without any permission."""
        user = User(new_id(USER_PREFIX), context.account_id, user_name, path, self._clock_ms(), permissions_boundary)
        added = common.read_tag_list(tags)

        def work(connection: Connection) -> None:
            if permissions_boundary is not None:
                common.require_attachable(connection, context.account_id, permissions_boundary)
            common.create(connection, user, added)

        await self._store.write(work)
        return {"User": common.bounded_answer(user, added)}

    async def get_user(self, context: RequestContext, *, user_name: str | None = None) -> Answer:
        """Return a user, by default the caller."""

        def work(connection: Connection) -> Answer:
            user = common.require_user(connection, context, user_name)
            return common.bounded_answer(user, entities.read_tags(connection, user.id))

        return {"User": await self._store.read(work)}

    async def list_users(
        self,
        context: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the account's users in order of name."""
        return await self._page_of(User, context, path_prefix, marker, max_items)

    async def update_user(
        self,
        context: RequestContext,
        *,
        user_name: str,
        new_path: str | None = None,
        new_user_name: str | None = None,
    ) -> None:
        """Rename or move a user; id, keys and policies stay."""
        await self._move(User, context, user_name, new_name=new_user_name, new_path=new_path)

    async def delete_user(self, context: RequestContext, *, user_name: str) -> None:
        """Delete a user that has neither keys, policies nor groups any more."""

        def work(connection: Connection) -> None:
            user = common.require(connection, User, context.account_id, user_name)
            if keys.count_keys(connection, user.id):
                raise delete_conflict("access keys")
            common.require_no_policies(connection, user)
            if entities.groups_of(connection, user.id):
                raise ServiceError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
            entities.delete_entity(connection, user)

        await self._store.write(work)
