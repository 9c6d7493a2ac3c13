"""What the operations on subscriptions, metric filters, destinations and policies work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.metric_filters.store import MetricFilterStore
from groundwatch.logs.subscriptions.checks import DestinationChecks
from groundwatch.logs.subscriptions.permission import ReadsPolicies
from groundwatch.logs.subscriptions.policies import PolicyStore
from groundwatch.logs.subscriptions.store import SubscriptionStore


class SubscriptionDesk(msgspec.Struct, frozen=True):
    """Stores and checks, and whom to tell of changes."""

    store: SubscriptionStore
    policies: PolicyStore
    metric_filters: MetricFilterStore
    checks: DestinationChecks
    read_policy: ReadsPolicies
    changed: Callable[[], Awaitable[None]]
    """Called after every change that deliveries must follow."""

    def check_policy(self, document: str) -> None:
        """Return when the document is a resource policy; raise `InvalidParameterException` otherwise."""
        fault = self.read_policy(document)
        if fault is not None:
            raise ServiceError("InvalidParameterException", f"Invalid policy document: {fault}")
