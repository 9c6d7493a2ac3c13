"""Puts the parts of subscriptions together, from the stores and interfaces that the server hands in."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from groundwatch.aws.context import Authorizer
from groundwatch.logs.intake import TOO_OLD_MS
from groundwatch.logs.metric_filters.records import MetricSink
from groundwatch.logs.metric_filters.store import MetricFilterStore
from groundwatch.logs.subscriptions.checks import DestinationChecks
from groundwatch.logs.subscriptions.delivery import Deliveries
from groundwatch.logs.subscriptions.desk import SubscriptionDesk
from groundwatch.logs.subscriptions.outbox import Outbox, Sends
from groundwatch.logs.subscriptions.permission import AssumesRoles, Decider, DeliveryPermission, ReadsPolicies
from groundwatch.logs.subscriptions.policies import PolicyStore
from groundwatch.logs.subscriptions.queue import DeliveryQueue
from groundwatch.logs.subscriptions.reader import BatchReader
from groundwatch.logs.subscriptions.store import SubscriptionStore
from groundwatch.logs.subscriptions.worker import Tools
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.sql import Database

MEMORY_BYTES = 128 * 1024 * 1024
"""How many of the newest events are kept at hand for deliveries; older ones are read from the event store."""


class Stores(msgspec.Struct, frozen=True):
    """Where subscriptions keep their things."""

    metadata: Database
    events: EventDatabase
    queue: Database
    """A database of this node alone."""


class Guards(msgspec.Struct, frozen=True):
    """What subscriptions ask of identities."""

    roles: AssumesRoles
    authorizer: Authorizer
    decider: Decider
    read_policy: ReadsPolicies


class Ends(msgspec.Struct, frozen=True):
    """Where events go to."""

    targets: Sends
    metrics: MetricSink


class Subscriptions(msgspec.Struct, frozen=True):
    """The two faces of subscriptions: for operations, and for commits."""

    desk: SubscriptionDesk
    deliveries: Deliveries


def assemble(
    stores: Stores,
    guards: Guards,
    ends: Ends,
    *,
    max_waiting_bytes: int,
    clock_ms: Callable[[], int],
    max_age_ms: int = TOO_OLD_MS,
) -> Subscriptions:
    """Return the parts, wired; nothing is opened or started. `max_age_ms` is the intake's."""
    store = SubscriptionStore(stores.metadata)
    policies, metric_filters = PolicyStore(stores.metadata), MetricFilterStore(stores.metadata)
    outbox = Outbox(ends.targets)
    permission = DeliveryPermission(guards.roles, guards.authorizer, clock_ms)
    tools = Tools(
        queue=DeliveryQueue(stores.queue, MEMORY_BYTES, clock_ms),
        reader=BatchReader(stores.events, max_age_ms),
        outbox=outbox,
        permission=permission,
        metrics=ends.metrics,
        stream_names=store.stream_names,
        clock_ms=clock_ms,
        max_waiting_bytes=max_waiting_bytes,
    )
    deliveries = Deliveries(store, policies, metric_filters, tools)
    desk = SubscriptionDesk(
        store=store,
        policies=policies,
        metric_filters=metric_filters,
        checks=DestinationChecks(store, outbox, permission, guards.decider, clock_ms),
        read_policy=guards.read_policy,
        changed=deliveries.reload,
    )
    return Subscriptions(desk, deliveries)
