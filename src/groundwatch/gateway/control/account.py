"""Operations on the settings of an account: the role for logs, and the throttle that holds for all its APIs."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.rules import check_role
from groundwatch.gateway.definition import AccountSettings


class AccountOperations(ControlPlane):
    """GetAccount and UpdateAccount."""

    async def get_account(self, context: RequestContext) -> dict[str, Any]:
        """Return the settings of the caller's account in this region."""
        return render.account(await self._store.get_account(place_of(context)))

    async def update_account(
        self, context: RequestContext, *, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Set or unset the role under which logs are written."""

        def edit(settings: AccountSettings) -> AccountSettings:
            patched = apply_patch(patch_tables.ACCOUNT, settings, patch_operations)
            if patched.cloudwatch_role_arn is not None:
                check_role(patched.cloudwatch_role_arn, context.account_id)
            return patched

        return render.account(await self._store.update_account(place_of(context), edit))
