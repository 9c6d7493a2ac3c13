"""May a service deliver there? What subscriptions ask of this server's identities, as small interfaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from groundwatch.aws.context import AccessCheck, Authorizer, Principal, RequestContext
from groundwatch.logs.arns import log_group_arn
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.subscriptions.records import Route
from groundwatch.logs.subscriptions.vendors import VENDORS

SERVICE_PRINCIPAL = "logs.amazonaws.com"
SESSION_NAME = "log-subscription"


class AssumesRoles(Protocol):
    """Gives sessions of roles to services; implemented by `identity/`."""

    async def assume_for_service(
        self, role_arn: str, service: str, *, account_id: str, session_name: str, source_arn: str | None
    ) -> Principal:
        """Return a session of the role; raises `ServiceError` when the role does not trust the service."""


class Decision(Protocol):
    """The outcome of one check."""

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""


class Decider(Protocol):
    """Decides on one check against a caller's policies and that of the resource; implemented by `identity/`."""

    async def decide(self, context: RequestContext, check: AccessCheck, resource_policy: str | None = None) -> Decision:
        """Return the decision; never raises for a denial."""


class ReadsPolicies(Protocol):
    """Judges the form of a policy document; implemented by `identity/`."""

    def __call__(self, document: str) -> str | None:
        """Return what is wrong with a resource policy, None when nothing is."""


class DeliveryPermission:
    """Asks the role of a subscription, each time something is delivered, so that changes of policies count at once."""

    def __init__(self, roles: AssumesRoles, authorizer: Authorizer, clock_ms: Callable[[], int]) -> None:
        self._roles = roles
        self._authorizer = authorizer
        self._clock_ms = clock_ms

    async def check(self, route: Route, tenant: Tenant, group_name: str) -> None:
        """Return when the role trusts the service and may write to the target.

        Raises `ServiceError`. Targets without a role (functions) have policies of their own, beyond this server.
        """
        action = VENDORS[route.target.vendor].write_action
        if route.role_arn is None or action is None:
            return
        source_arn = f"{log_group_arn(tenant.region, tenant.account_id, group_name)}:*"
        principal = await self._roles.assume_for_service(
            route.role_arn,
            SERVICE_PRINCIPAL,
            account_id=route.role_account_id,
            session_name=SESSION_NAME,
            source_arn=source_arn,
        )
        context = RequestContext(
            account_id=principal.account_id,
            region=tenant.region,
            # No client's request. Drawing an id would hand the interpreter to another thread, which costs milliseconds.
            request_id="",
            principal=principal,
            source_ip="",
            user_agent=SERVICE_PRINCIPAL,
            secure=True,
            received_ms=self._clock_ms(),
            source_arn=source_arn,
        )
        await self._authorizer.authorize(context, [AccessCheck(action, route.target.arn)])
