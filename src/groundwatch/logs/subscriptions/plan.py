"""Who gets what: from the stored filters, destinations and policies to subscriptions by log group."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import STANDARD, Tenant
from groundwatch.logs.metric_filters.counting import recipe_of
from groundwatch.logs.metric_filters.records import MetricFilter
from groundwatch.logs.metric_filters.store import MetricFilterStore
from groundwatch.logs.patterns.nodes import Pattern
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.sifting import Sieve, compile_sieve
from groundwatch.logs.subscriptions.extraction import Extract, field_extractor
from groundwatch.logs.subscriptions.policies import PolicyStore, placed_policies, read_document, read_selection
from groundwatch.logs.subscriptions.records import (
    ACCOUNT_LEVEL,
    AccountPolicy,
    Destination,
    GroupPlace,
    Route,
    Subscription,
    SubscriptionFilter,
)
from groundwatch.logs.subscriptions.store import SubscriptionStore
from groundwatch.logs.subscriptions.vendors import LOGS, parse_target

log = logging.getLogger(__name__)


class _Order(msgspec.Struct, frozen=True):
    """What a filter and an account policy have in common."""

    key: str
    name: str
    pattern: str
    destination_arn: str
    role_arn: str | None
    distribution: str
    since_ms: int
    policy_level: str | None = None


class _Matching(msgspec.Struct, frozen=True):
    """A filter pattern, ready for use."""

    tree: Pattern
    sift: Sieve
    extract: Extract | None


@lru_cache(maxsize=4096)
def _matching(pattern: str) -> _Matching:
    """Return the compiled pattern; remembered, since every change of a filter makes a new plan of all of them."""
    tree = parse_pattern(pattern)
    return _Matching(tree, compile_sieve(tree), field_extractor(tree))


class Plan:
    """A snapshot of every subscription. Groups that only an account policy covers are added as they come up."""

    def __init__(
        self,
        filters: Iterable[tuple[SubscriptionFilter, GroupPlace]] = (),
        destinations: Iterable[Destination] = (),
        policies: Iterable[AccountPolicy] = (),
        metric_filters: Iterable[tuple[MetricFilter, GroupPlace]] = (),
    ) -> None:
        self._destinations = {destination.arn: destination for destination in destinations}
        self._policies = placed_policies(list(policies))
        self._filters: dict[int, list[SubscriptionFilter]] = {}
        self._metric_filters: dict[int, list[MetricFilter]] = {}
        self._groups: dict[int, tuple[Subscription, ...]] = {}
        places = {}
        for filter_, place in filters:
            self._filters.setdefault(place.number, []).append(filter_)
            places[place.number] = place
        for metric_filter, place in metric_filters:
            self._metric_filters.setdefault(place.number, []).append(metric_filter)
            places[place.number] = place
        for place in places.values():
            self.add_group(place)

    @property
    def tenants(self) -> Iterable[Tenant]:
        """The accounts and regions that have an account policy."""
        return self._policies.keys()

    @property
    def groups(self) -> Mapping[int, tuple[Subscription, ...]]:
        """Subscriptions by the number of their log group; empty for a group that is known to have none."""
        return self._groups

    def concerns(self, group_id: int) -> bool:
        """Return whether a batch of this group may have to be delivered: one look-up for nearly all."""
        subscriptions = self._groups.get(group_id)
        return bool(self._policies) if subscriptions is None else bool(subscriptions)

    def add_group(self, place: GroupPlace) -> None:
        """Work out a group's subscriptions."""
        orders = [_of_filter(filter_) for filter_ in self._filters.get(place.number, ())]
        if place.log_group_class == STANDARD:
            orders += _of_policies(self._policies.get(place.tenant, ()), place)
        subscriptions = [self._subscription(order, place) for order in orders]
        subscriptions += [_counted(filter_, place) for filter_ in self._metric_filters.get(place.number, ())]
        self._groups[place.number] = tuple(item for item in subscriptions if item is not None)

    def add_unknown(self, group_id: int) -> None:
        """Take note of a group that does not exist any more."""
        self._groups[group_id] = ()

    def subscriptions(self) -> dict[str, Subscription]:
        """Return every subscription that has been worked out, by key."""
        return {item.key: item for items in self._groups.values() for item in items}

    def _subscription(self, order: _Order, place: GroupPlace) -> Subscription | None:
        try:
            matching = _matching(order.pattern)
            route = self._route(order, place.tenant.account_id)
        except ServiceError as error:
            # It was checked when it was made; another version of the server may have made it.
            log.error("subscription %s of %s is left out: %s", order.name, place.name, error)  # noqa: TRY400
            return None
        return Subscription(
            key=order.key,
            group=place,
            name=order.name,
            sift=matching.sift,
            route=route,
            distribution=order.distribution,
            since_ms=order.since_ms,
            policy_level=order.policy_level,
            extract=matching.extract,
        )

    def _route(self, order: _Order, account_id: str) -> Route | None:
        target = parse_target(order.destination_arn)
        if target.vendor != LOGS:
            return Route(target, order.role_arn, account_id)
        destination = self._destinations.get(order.destination_arn)
        if destination is None:
            return None
        return Route(parse_target(destination.target_arn), destination.role_arn, destination.tenant.account_id)


async def load_plan(store: SubscriptionStore, policies: PolicyStore, metric_filters: MetricFilterStore) -> Plan:
    """Return the plan as the metadata database has it now."""
    return Plan(
        await store.all_filters(),
        await store.all_destinations(),
        await policies.account_policies(),
        await metric_filters.all(),
    )


def _counted(filter_: MetricFilter, place: GroupPlace) -> Subscription | None:
    try:
        matching = _matching(filter_.pattern)
    except ServiceError as error:
        # As with subscription filters: another version of the server may have made it.
        log.error("metric filter %s of %s is left out: %s", filter_.name, place.name, error)  # noqa: TRY400
        return None
    return Subscription(
        key=f"metric:{filter_.number}",
        group=place,
        name=filter_.name,
        sift=matching.sift,
        route=None,
        distribution="",
        since_ms=filter_.created_ms,
        recipe=recipe_of(filter_, matching.tree, place.tenant),
    )


def _of_filter(filter_: SubscriptionFilter) -> _Order:
    return _Order(
        key=f"filter:{filter_.number}",
        name=filter_.name,
        pattern=filter_.pattern,
        destination_arn=filter_.destination_arn,
        role_arn=filter_.role_arn,
        distribution=filter_.distribution,
        since_ms=filter_.created_ms,
    )


def _of_policies(policies: Iterable[AccountPolicy], place: GroupPlace) -> list[_Order]:
    orders = []
    for policy in policies:
        if place.name in read_selection(policy.selection_criteria):
            continue
        document = read_document(policy.document)
        orders.append(
            _Order(
                key=f"account:{policy.number}:{place.number}",
                name=policy.name,
                pattern=document.filter_pattern,
                destination_arn=document.destination_arn,
                role_arn=document.role_arn,
                distribution=document.distribution,
                since_ms=policy.created_ms,
                policy_level=ACCOUNT_LEVEL,
            )
        )
    return orders
