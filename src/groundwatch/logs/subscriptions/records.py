"""What subscriptions are made of, as the metadata database keeps it and as deliveries see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Row

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.metric_filters.counting import Recipe
from groundwatch.logs.patterns.sifting import Sieve
from groundwatch.logs.subscriptions.vendors import Target

ACCOUNT_LEVEL = "ACCOUNT_LEVEL_POLICY"


class SubscriptionFilter(msgspec.Struct, frozen=True):
    """A subscription filter of a log group, as PutSubscriptionFilter was told."""

    number: int
    group_number: int
    name: str
    pattern: str
    destination_arn: str
    role_arn: str | None
    distribution: str
    created_ms: int


class Destination(msgspec.Struct, frozen=True):
    """A logical destination: a target that other accounts may subscribe to, as far as its access policy lets them."""

    tenant: Tenant
    name: str
    target_arn: str
    role_arn: str
    access_policy: str | None
    tags: dict[str, str]
    created_ms: int

    @property
    def arn(self) -> str:
        """The ARN under which it is subscribed to."""
        return destination_arn(self.tenant.region, self.tenant.account_id, self.name)


class AccountPolicy(msgspec.Struct, frozen=True):
    """An account policy, as PutAccountPolicy was told."""

    number: int
    tenant: Tenant
    name: str
    document: str
    selection_criteria: str | None
    created_ms: int
    updated_ms: int


class GroupPlace(msgspec.Struct, frozen=True):
    """What deliveries must know of a log group."""

    number: int
    tenant: Tenant
    name: str
    log_group_class: str


class Route(msgspec.Struct, frozen=True):
    """Where deliveries go and under whose role."""

    target: Target
    role_arn: str | None
    role_account_id: str


class Subscription(msgspec.Struct, frozen=True):
    """One reader of the queue: a filter of a group, an account policy applied to a group, or a metric filter."""

    key: str
    """Stable over restarts; what its progress is remembered under."""
    group: GroupPlace
    name: str
    sift: Sieve
    route: Route | None
    """None while the logical destination does not exist."""
    distribution: str
    since_ms: int
    """Events that were accepted earlier are not for this subscription."""
    policy_level: str | None = None
    extract: Callable[[str], Mapping[str, str] | None] | None = None
    """Gives the fields of a space-delimited pattern."""
    recipe: Recipe | None = None
    """What a metric filter counts; there is no route then."""


def place_of(row: Row[Any], number: int, name: str) -> GroupPlace:
    """Return a group's place from a row with its account, region and class."""
    return GroupPlace(number, Tenant(row.account_id, row.region), name, row.log_group_class)


def destination_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of a logical destination."""
    return f"arn:aws:logs:{region}:{account_id}:destination:{name}"
