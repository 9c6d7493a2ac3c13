"""Calls that scheduled queries make under the roles that they were given."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from groundwatch.aws.context import AccessCheck, Authorizer, RequestContext
from groundwatch.logs.schedules.store import Schedule
from groundwatch.logs.subscriptions.permission import SERVICE_PRINCIPAL, AssumesRoles

SESSION_NAME = "scheduled-query"


class RoleCalls:
    """Assumes the roles of schedules at each run, so that changes of policies count at once."""

    def __init__(self, roles: AssumesRoles, authorizer: Authorizer, clock_ms: Callable[[], int]) -> None:
        self._roles = roles
        self._authorizer = authorizer
        self._clock_ms = clock_ms

    async def context(self, schedule: Schedule, role_arn: str) -> RequestContext:
        """Return the circumstances of a call as the role; raises `ServiceError` when it does not trust the service."""
        principal = await self._roles.assume_for_service(
            role_arn,
            SERVICE_PRINCIPAL,
            account_id=schedule.tenant.account_id,
            session_name=SESSION_NAME,
            source_arn=schedule.arn,
        )
        return RequestContext(
            account_id=principal.account_id,
            region=schedule.tenant.region,
            request_id=str(uuid.uuid4()),
            principal=principal,
            source_ip="",
            user_agent=SERVICE_PRINCIPAL,
            secure=True,
            received_ms=self._clock_ms(),
            source_arn=schedule.arn,
        )

    async def authorize(self, context: RequestContext, *checks: AccessCheck) -> None:
        """Return when the role may make a call; raises `ServiceError`."""
        await self._authorizer.authorize(context, checks)

    async def allow(self, schedule: Schedule, role_arn: str, action: str, resource: str) -> None:
        """Return when the role may do one thing; raises `ServiceError`."""
        await self.authorize(await self.context(schedule, role_arn), AccessCheck(action, resource))
