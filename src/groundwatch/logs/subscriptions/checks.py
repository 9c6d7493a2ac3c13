"""What must hold of a destination before deliveries to it are set up; texts are the service's own, as observed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.subscriptions.outbox import Outbox
from groundwatch.logs.subscriptions.payload import control_message
from groundwatch.logs.subscriptions.permission import Decider, DeliveryPermission
from groundwatch.logs.subscriptions.records import Destination, Route
from groundwatch.logs.subscriptions.store import SubscriptionStore
from groundwatch.logs.subscriptions.targets import TargetError
from groundwatch.logs.subscriptions.vendors import LOGS, VENDORS, Target, parse_target

log = logging.getLogger(__name__)
FOREIGN_FUNCTION = (
    "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account "
    "lambda triggers."
)
FAILED_TESTS: Mapping[str, str] = {
    "kinesis": "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in "
    "ACTIVE state.",
    "firehose": "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in "
    "ACTIVE state.",
    "lambda": "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
    "your function.",
    LOGS: "Could not deliver test message to specified destination. Check if the destination is valid.",
}
CONTROL_NAMES: Mapping[str, str] = {"kinesis": "Kinesis stream", "firehose": "Firehose", "lambda": "Lambda"}


class Wish(msgspec.Struct, frozen=True):
    """A destination as a caller asks for it."""

    target: Target
    role_arn: str | None


def read_wish(destination_arn: str, role_arn: str | None) -> Wish:
    """Return the destination of a filter or policy; `InvalidParameterException` when vendor and role do not fit."""
    target = parse_target(destination_arn)
    vendor = target.vendor
    if vendor == "lambda" and role_arn:
        raise _invalid("destinationArn for vendor lambda cannot be used with roleArn")
    if vendor not in ("lambda", LOGS) and not role_arn:
        raise _invalid(f"destinationArn for vendor {vendor} cannot be used without roleArn")
    if vendor not in (*VENDORS, LOGS):
        raise _invalid(f"PutSubscriptionFilter operation cannot work with destinationArn for vendor {vendor}")
    return Wish(target, role_arn)


class DestinationChecks:
    """Asks identities and targets whether deliveries would arrive."""

    def __init__(
        self,
        store: SubscriptionStore,
        outbox: Outbox,
        permission: DeliveryPermission,
        decider: Decider,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._permission = permission
        self._decider = decider
        self._clock_ms = clock_ms

    async def check_function(self, context: RequestContext, wish: Wish) -> None:
        """Return unless the destination is a function that is not the caller's, or cannot be run.

        The service answers this before it looks at the log group.
        """
        target = wish.target
        if target.vendor != "lambda":
            return
        if target.account_id != context.account_id:
            raise ServiceError("AccessDeniedException", FOREIGN_FUNCTION)
        try:
            await self._probe(target)
        except TargetError as error:
            if error.code == "ResourceNotFoundException":
                raise ServiceError("AccessDeniedException", FOREIGN_FUNCTION) from error
            raise _failed_test(target, error) from error

    async def check_stream(self, context: RequestContext, wish: Wish, group_name: str) -> None:
        """Return when a test message arrived at the stream, or the logical destination lets the caller subscribe."""
        if wish.target.vendor == LOGS:
            await self._check_destination(context, wish.target)
        elif wish.target.vendor != "lambda":
            tenant = Tenant(context.account_id, context.region)
            await self._check_route(Route(wish.target, wish.role_arn, context.account_id), tenant, group_name, None)

    async def check_target(self, destination: Destination) -> None:
        """Return when a test message arrived at the target of a logical destination."""
        target = parse_target(destination.target_arn)
        if target.vendor not in ("kinesis", "firehose"):
            raise _invalid(f"Invalid destination. Vendor {target.vendor} not supported.")
        route = Route(target, destination.role_arn, destination.tenant.account_id)
        await self._check_route(route, destination.tenant, "*", FAILED_TESTS[LOGS])

    async def _check_route(self, route: Route, tenant: Tenant, group_name: str, text: str | None) -> None:
        try:
            await self._permission.check(route, tenant, group_name)
            await self._probe(route.target)
        except (ServiceError, TargetError) as error:
            raise _failed_test(route.target, error, text) from error

    async def _check_destination(self, context: RequestContext, target: Target) -> None:
        destination = await self._store.destination(Tenant(target.account_id, target.region), target.name)
        # Deliveries look for it by the whole ARN: another spelling would be found here and never again.
        if destination is None or destination.arn != target.arn:
            raise _invalid(FAILED_TESTS[LOGS])
        check = AccessCheck("logs:PutSubscriptionFilter", target.arn)
        decision = await self._decider.decide(context, check, destination.access_policy)
        if not decision.allowed:
            raise ServiceError(
                "AccessDeniedException",
                f"User with accountId: {context.account_id} is not authorized to perform: {check.action} "
                f"on resource: {target.arn}",
            )

    async def _probe(self, target: Target) -> None:
        await self._outbox.probe(target, control_message(CONTROL_NAMES[target.vendor], self._clock_ms()))


def _failed_test(target: Target, error: Exception, text: str | None = None) -> ServiceError:
    # The service's sentence does not say why; whoever runs this server finds the reason in its log.
    log.warning("test message to %s failed: %s", target.arn, error)
    return _invalid(text or FAILED_TESTS[target.vendor])


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
