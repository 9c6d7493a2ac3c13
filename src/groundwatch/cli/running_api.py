"""What a running server knows about an API: its stage, roles, keys, usage plans, and the log groups that it reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from groundwatch.cli.api import Wishes
from groundwatch.cli.calls import ABSENT, Calls
from groundwatch.deploy.assemble import ACCESS_LOG_DAYS, Running, RunningRole
from groundwatch.deploy.stack import (
    AccessLogPlan,
    Document,
    DomainPlan,
    KeyPlan,
    LogGroupPlan,
    MetricFilterPlan,
    StagePlan,
    UsagePlanPlan,
)
from groundwatch.deploy.texts import with_account_reference
from groundwatch.gateway.definition import MethodSetting, Quota, Throttle

SETTINGS = {
    "metricsEnabled": "metrics_enabled",
    "loggingLevel": "logging_level",
    "dataTraceEnabled": "data_trace_enabled",
    "throttlingBurstLimit": "throttling_burst_limit",
    "throttlingRateLimit": "throttling_rate_limit",
    "cachingEnabled": "caching_enabled",
    "cacheTtlInSeconds": "cache_ttl_in_seconds",
    "cacheDataEncrypted": "cache_data_encrypted",
}
"""Member of a method setting → field."""
ALARM_MEMBERS = (
    *("AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions"),
    *("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "Threshold"),
    *("EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "TreatMissingData"),
    "EvaluateLowSampleCountPercentile",
)
"""What DescribeAlarms tells and a stack's alarm takes."""


class _Names:
    """Names that tell things apart: those of keys and plans need not, and a stack knows them by name."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}

    def own(self, item_id: str, name: str) -> str:
        """Return the name of an item; that of a second one with the same name gets a number."""
        if item_id not in self._by_id:
            wanted, number = name, 2
            while wanted in self._by_id.values():
                wanted = f"{name} ({number})"
                number += 1
            self._by_id[item_id] = wanted
        return self._by_id[item_id]


class RunningApi:
    """Asks one server, with the user's credentials."""

    def __init__(self, wishes: Wishes) -> None:
        self._calls = Calls(wishes, ("apigateway", "iam", "logs", "sts", "cloudwatch"))
        self.region = self._calls.region

    def account_id(self) -> str:
        """Return the account whose APIs the credentials see."""
        return self._calls.account_id()

    def read(self, name: str, stage: str, roles: Iterable[str], groups: Iterable[str]) -> Running:
        """Return what there is of the API called `name`, of these roles and of these log groups."""
        known_groups = [found for group in groups if (found := self._log_group(group)) is not None]
        held = {role: each for role in roles if (each := self._role(role)) is not None}
        api_id = self._api_id(name)
        if api_id is None:
            return Running(roles=held, log_groups=known_groups)
        plans = list(self._usage_plans(api_id, stage))
        keys = {key.name: key for _, admitted in plans for key in admitted}
        filters = [found for group in known_groups for found in self._metric_filters(group.name)]
        return Running(
            stage=self._stage(api_id, stage),
            roles=held,
            keys=list(keys.values()),
            usage_plans=[plan for plan, _ in plans],
            log_groups=known_groups,
            metric_filters=filters,
            alarms=list(self._alarms(filters)),
            domain=self._domain(api_id, stage),
        )

    def _api_id(self, name: str) -> str | None:
        items = self._calls.pages("apigateway", "get_rest_apis", "items")
        return next((str(item["id"]) for item in items if item["name"] == name), None)

    def _stage(self, api_id: str, name: str) -> StagePlan | None:
        held = self._calls.unless(ABSENT, "apigateway", "get_stage", restApiId=api_id, stageName=name)
        if held is None:
            return None
        settings = {key.replace("~1", "/").lstrip("/"): _setting(each) for key, each in _settings(held)}
        return StagePlan(
            name,
            held.get("description"),
            dict(held.get("variables", {})),
            settings,
            self._access_log(held.get("accessLogSettings") or {}),
            held.get("cacheClusterSize") if held.get("cacheClusterEnabled") else None,
        )

    def _access_log(self, settings: Mapping[str, str]) -> AccessLogPlan | None:
        arn = settings.get("destinationArn", "")
        if ":log-group:" not in arn:
            return None
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        known = self._log_group(group)
        days = known.retention_days if known and known.retention_days else ACCESS_LOG_DAYS
        return AccessLogPlan(group, settings["format"], days)

    def _role(self, name: str) -> RunningRole | None:
        held = self._calls.unless(ABSENT, "iam", "get_role", RoleName=name)
        if held is None:
            return None
        names = self._calls.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)
        policies = {
            str(policy): document_of(
                self._calls.call("iam", "get_role_policy", RoleName=name, PolicyName=policy)["PolicyDocument"]
            )
            for policy in names
        }
        attached = self._calls.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        return RunningRole(
            document_of(held["Role"]["AssumeRolePolicyDocument"]),
            policies,
            [str(each["PolicyArn"]) for each in attached],
        )

    def _usage_plans(self, api_id: str, stage: str) -> Iterator[tuple[UsagePlanPlan, list[KeyPlan]]]:
        key_names, plan_names = _Names(), _Names()
        for plan in self._calls.pages("apigateway", "get_usage_plans", "items"):
            for held in plan.get("apiStages", ()):
                if (held["apiId"], held["stage"]) == (api_id, stage):
                    keys = [self._key(str(key["id"]), key_names) for key in self._plan_keys(str(plan["id"]))]
                    name = plan_names.own(str(plan["id"]), plan["name"])
                    yield _usage_plan({**plan, "name": name}, held, keys), keys

    def _plan_keys(self, plan_id: str) -> Iterator[Mapping[str, Any]]:
        return self._calls.pages("apigateway", "get_usage_plan_keys", "items", usagePlanId=plan_id)

    def _key(self, key_id: str, names: _Names) -> KeyPlan:
        held = self._calls.call("apigateway", "get_api_key", apiKey=key_id)
        return KeyPlan(names.own(key_id, held["name"]), held.get("description"), held["enabled"])

    def _log_group(self, name: str) -> LogGroupPlan | None:
        for held in self._calls.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name):
            if held["logGroupName"] == name:
                return LogGroupPlan(name, held.get("retentionInDays"))
        return None

    def _metric_filters(self, group: str) -> Iterator[MetricFilterPlan]:
        answer = self._calls.unless(ABSENT, "logs", "describe_metric_filters", logGroupName=group)
        for held in (answer or {}).get("metricFilters", ()):
            for each in held["metricTransformations"]:
                yield MetricFilterPlan(
                    group,
                    held["filterName"],
                    held["filterPattern"],
                    each["metricName"],
                    each["metricNamespace"],
                    each["metricValue"],
                    each.get("defaultValue"),
                    each.get("unit"),
                    dict(each.get("dimensions", {})),
                )

    def _alarms(self, filters: Iterable[MetricFilterPlan]) -> Iterator[Document]:
        """Yield the arguments of the alarms on the metrics of these filters, each alarm once."""
        account_id = self.account_id()
        # Which values the dimensions of a filter take is known to the events alone.
        metrics = {(held.namespace, held.metric_name): None for held in filters if not held.dimensions}
        for namespace, name in metrics:
            found = self._calls.unless(
                ABSENT, "cloudwatch", "describe_alarms_for_metric", Namespace=namespace, MetricName=name
            )
            for alarm in (found or {}).get("MetricAlarms", ()):
                yield {member: _portable(alarm[member], account_id) for member in ALARM_MEMBERS if member in alarm}

    def _domain(self, api_id: str, stage: str) -> DomainPlan | None:
        answer = self._calls.unless(ABSENT, "apigateway", "get_domain_names", limit=500)
        for domain in (answer or {}).get("items", ()):
            mappings = self._calls.pages(
                "apigateway", "get_base_path_mappings", "items", domainName=domain["domainName"]
            )
            for mapping in mappings:
                if (mapping["restApiId"], mapping.get("stage")) == (api_id, stage):
                    base_path = mapping["basePath"]
                    return DomainPlan(domain["domainName"], None, None if base_path == "(none)" else base_path)
        return None


def _settings(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, held in stage["methodSettings"].items():
        # Without a cache the server shows every method as not cached, which nobody has asked for.
        unsaid = not stage.get("cacheClusterEnabled") and not held.get("cachingEnabled")
        yield key, {member: value for member, value in held.items() if not (unsaid and member == "cachingEnabled")}


def _setting(held: Mapping[str, Any]) -> MethodSetting:
    return MethodSetting(**{field: held[member] for member, field in SETTINGS.items() if member in held})


def _usage_plan(plan: Mapping[str, Any], stage: Mapping[str, Any], keys: list[KeyPlan]) -> UsagePlanPlan:
    quota = plan.get("quota")
    return UsagePlanPlan(
        plan["name"],
        [key.name for key in keys],
        plan.get("description"),
        _throttle(plan.get("throttle")),
        None if quota is None else Quota(quota["limit"], quota["period"], quota.get("offset", 0)),
        {path: found for path, held in stage.get("throttle", {}).items() if (found := _throttle(held)) is not None},
    )


def _throttle(held: Mapping[str, Any] | None) -> Throttle | None:
    return None if held is None else Throttle(held.get("burstLimit"), held.get("rateLimit"))


def document_of(held: object) -> Document:
    """Return a policy document, which the SDK gives as text or already read."""
    read = json.loads(unquote(held)) if isinstance(held, str) else held
    if not isinstance(read, dict):
        raise TypeError("a policy document is no JSON object")
    return read


def _portable(value: Any, account_id: str) -> Any:  # noqa: ANN401 - members of an alarm are of many types
    """Return a member of an alarm in which topics of this account become those of the account of the stack."""
    if isinstance(value, str) and value.startswith("arn:"):
        return with_account_reference(value, account_id)
    return [_portable(each, account_id) for each in value] if isinstance(value, list) else value
