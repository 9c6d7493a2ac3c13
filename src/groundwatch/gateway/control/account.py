"""Operations on the settings of an account: the role for logs, and the throttle that holds for all its APIs."""

from __future__ import annotations

import re
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import access_denied, bad_request
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.definition import AccountSettings

_ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/.+")


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
            _check_role(patched.cloudwatch_role_arn, context.account_id)
            return patched

        return render.account(await self._store.update_account(place_of(context), edit))


def _check_role(arn: str | None, account_id: str) -> None:
    if arn is None:
        return
    role = _ROLE.fullmatch(arn)
    if role is None:
        raise bad_request("Invalid ARN specified in the request")
    if role["account"] != account_id:
        raise access_denied("Cross-account pass role is not allowed.")
