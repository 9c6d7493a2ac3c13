"""Operations on roles and their trust policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.documents import bind_principals, check_trust_policy
from groundwatch.identity.names import ROLE_PREFIX, new_id
from groundwatch.identity.records import entities
from groundwatch.identity.values import Role

DEFAULT_MAX_SESSION_S = 3600


class RoleOperations(common.IamBase):
    """CreateRole and what follows."""

    async def create_role(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        role_name: str,
        assume_role_policy_document: str,
        path: str = "/",
        description: str | None = None,
        max_session_duration: int = DEFAULT_MAX_SESSION_S,
        permissions_boundary: str | None = None,
        tags: Sequence[Mapping[str, str]] | None = None,
    ) -> Answer:
        """Create a role that its trust policy lets others assume."""
        trust = check_trust_policy(assume_role_policy_document)
        added = common.read_tag_list(tags)

        def work(connection: Connection) -> Role:
            if permissions_boundary is not None:
                common.require_attachable(connection, context.account_id, permissions_boundary)
            role = Role(
                id=new_id(ROLE_PREFIX),
                account_id=context.account_id,
                name=role_name,
                path=path,
                created_ms=self._clock_ms(),
                description=description,
                max_session_s=max_session_duration,
                trust_policy=assume_role_policy_document,
                trust_bindings=bind_principals(connection, trust),
                boundary_arn=permissions_boundary,
            )
            common.create(connection, role, added)
            return role

        answer = common.bounded_answer(await self._store.write(work), added)
        # The real answer shows the duration in GetRole and ListRoles only.
        del answer["MaxSessionDuration"]
        return {"Role": answer}

    async def get_role(self, context: RequestContext, *, role_name: str) -> Answer:
        """Return a role."""

        def work(connection: Connection) -> Answer:
            role = common.require(connection, Role, context.account_id, role_name)
            return common.bounded_answer(role, entities.read_tags(connection, role.id))

        return {"Role": await self._store.read(work)}

    async def list_roles(
        self,
        context: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the account's roles in order of name, without their tags."""
        return await self._page_of(Role, context, path_prefix, marker, max_items)

    async def update_role(
        self,
        context: RequestContext,
        *,
        role_name: str,
        description: str | None = None,
        max_session_duration: int = DEFAULT_MAX_SESSION_S,
    ) -> Answer:
        """Change description and longest session; a duration that is not given becomes one hour, as documented."""

        def work(connection: Connection) -> None:
            role = common.require(connection, Role, context.account_id, role_name)
            text = role.description if description is None else description
            entities.update_entity(connection, role, description=text, max_session_s=max_session_duration)

        await self._store.write(work)
        return {}

    async def update_assume_role_policy(self, context: RequestContext, *, role_name: str, policy_document: str) -> None:
        """Replace the trust policy; sessions that run keep running."""
        trust = check_trust_policy(policy_document)

        def work(connection: Connection) -> None:
            role = common.require(connection, Role, context.account_id, role_name)
            bindings = bind_principals(connection, trust)
            entities.update_role_trust(connection, role, policy_document, bindings)

        await self._store.write(work)

    async def delete_role(self, context: RequestContext, *, role_name: str) -> None:
        """Delete a role that has no policies any more, and end its sessions."""

        def work(connection: Connection) -> None:
            role = common.require(connection, Role, context.account_id, role_name)
            common.require_no_policies(connection, role)
            entities.delete_entity(connection, role)

        await self._store.write(work)
