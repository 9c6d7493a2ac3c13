"""Operations on the settings of an account: the role for logs, and the throttle that holds for all its APIs."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.rules import check_role
from groundwatch.gateway.definition import AccountSettings
from groundwatch.gateway.integrations.roles import SERVICE_PRINCIPAL, SESSION_NAME

_UNTRUSTED = (
    "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add "
    "the required role policy."
)


class AccountOperations(ControlPlane):
    """GetAccount and UpdateAccount."""

    async def get_account(self, context: RequestContext) -> dict[str, Any]:
        """Return the settings of the caller's account in this region."""
        return render.account(await self._store.get_account(place_of(context)))

    async def update_account(
        self, context: RequestContext, *, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Set or unset the role under which logs are written.

        The role must trust the gateway. What it may do is not asked: the server writes the logs itself.
        """
        place = place_of(context)

        def edit(settings: AccountSettings) -> AccountSettings:
            return apply_patch(patch_tables.ACCOUNT, settings, patch_operations)

        present = await self._store.get_account(place)
        wanted = edit(present).cloudwatch_role_arn
        if wanted is not None and wanted != present.cloudwatch_role_arn:
            await self._check_log_role(context, wanted)
        return render.account(await self._store.update_account(place, edit))

    async def _check_log_role(self, context: RequestContext, role_arn: str) -> None:
        check_role(role_arn, context.account_id)
        try:
            await self._roles.assume_for_service(
                role_arn,
                SERVICE_PRINCIPAL,
                account_id=context.account_id,
                session_name=SESSION_NAME,
                source_arn=None,
            )
        except ServiceError as error:
            raise bad_request(_UNTRUSTED) from error
