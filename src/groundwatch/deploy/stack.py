"""A stack in neutral terms: everything that a definition needs on AWS, for writers of one format each.

Texts may hold `${AWS::AccountId}`, `${AWS::Region}` and `${AWS::Partition}`; each format writes them in its own way.
"""

from __future__ import annotations

from typing import Any

import msgspec

from groundwatch.gateway.definition import MethodSetting, Quota, Throttle

Document = dict[str, Any]


class RolePlan(msgspec.Struct, frozen=True):
    """A role that integrations or authorizers of the definition name."""

    name: str
    arn: str
    """As the definition spells it, but for the account's number."""
    trust: Document
    policies: dict[str, Document]
    """Inline policies by name."""
    managed: list[str] = []
    """ARNs of attached managed policies."""
    derived: bool = False
    """True when the policies were derived from the integrations, since no running role is known."""


class AccessLogPlan(msgspec.Struct, frozen=True):
    """Where the stage writes a line for each request, and which."""

    group: str
    format: str
    retention_days: int


class StagePlan(msgspec.Struct, frozen=True):
    """The stage, with the settings that the running one has."""

    name: str
    description: str | None = None
    variables: dict[str, str] = {}
    method_settings: dict[str, MethodSetting] = {}
    """By path without its first slash and verb, or `*/*`."""
    access_log: AccessLogPlan | None = None
    cache_cluster_size: str | None = None
    """None for a stage without cache."""


class KeyPlan(msgspec.Struct, frozen=True):
    """An API key; AWS makes its value, so that no secret is in the stack."""

    name: str
    description: str | None = None
    enabled: bool = True


class UsagePlanPlan(msgspec.Struct, frozen=True):
    """A usage plan of the stage, with the keys that it admits."""

    name: str
    keys: list[str]
    """Names of keys of the same stack."""
    description: str | None = None
    throttle: Throttle | None = None
    quota: Quota | None = None
    method_throttles: dict[str, Throttle] = {}
    """By path and verb, such as `/pets/GET`."""


class LogGroupPlan(msgspec.Struct, frozen=True):
    """A log group that the definition's integrations read."""

    name: str
    retention_days: int | None = None


class MetricFilterPlan(msgspec.Struct, frozen=True):
    """A metric filter of one of these groups."""

    group: str
    name: str
    pattern: str
    metric_name: str
    namespace: str
    value: str
    default_value: float | None = None
    unit: str | None = None
    dimensions: dict[str, str] = {}


class DomainPlan(msgspec.Struct, frozen=True):
    """A custom domain name that leads to the stage."""

    name: str
    certificate_arn: str | None
    """None where the user must give it when the stack is made."""
    base_path: str | None = None


ALARM_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
"""Arguments of an alarm that are lists of topics; those of the account refer to it."""


class Stack(msgspec.Struct, frozen=True):
    """Everything that is created."""

    name: str
    """The API's."""
    body: Document
    stage: StagePlan
    roles: list[RolePlan]
    keys: list[KeyPlan] = []
    usage_plans: list[UsagePlanPlan] = []
    log_groups: list[LogGroupPlan] = []
    metric_filters: list[MetricFilterPlan] = []
    alarms: list[Document] = []
    """Arguments of PutMetricAlarm, of alarms on the metrics of these filters."""
    domain: DomainPlan | None = None
