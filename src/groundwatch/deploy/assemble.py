"""From a definition, and what is known of the running API, to a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from groundwatch.deploy.definition import Definition
from groundwatch.deploy.needs import LogsCall, logs_calls, methods_of
from groundwatch.deploy.policies import derived_policy, trust_policy
from groundwatch.deploy.stack import (
    AccessLogPlan,
    Document,
    DomainPlan,
    KeyPlan,
    LogGroupPlan,
    MetricFilterPlan,
    RolePlan,
    Stack,
    StagePlan,
    UsagePlanPlan,
)
from groundwatch.deploy.texts import rewritten, with_account_reference
from groundwatch.gateway.definition import RestApi

ACCESS_LOG_DAYS = 30
ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","time":"$context.requestTime",'
    '"method":"$context.httpMethod","path":"$context.path","status":"$context.status",'
    '"latency":"$context.responseLatency","error":"$context.error.message"}'
)


class RunningRole(msgspec.Struct, frozen=True):
    """A role as this server has it."""

    trust: Document
    policies: dict[str, Document]
    managed: list[str] = []


class Running(msgspec.Struct, frozen=True):
    """What a server knows about the definition's API and its surroundings; empty when no server was asked."""

    stage: StagePlan | None = None
    roles: dict[str, RunningRole] = {}
    """By name."""
    keys: list[KeyPlan] = []
    usage_plans: list[UsagePlanPlan] = []
    log_groups: list[LogGroupPlan] = []
    metric_filters: list[MetricFilterPlan] = []
    alarms: list[Document] = []
    domain: DomainPlan | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What the user asks for beside the definition."""

    stage: str
    domain: DomainPlan | None = None


def stack_of(definition: Definition, running: Running, wanted: Wanted) -> Stack:
    """Return everything that the definition needs on AWS, with the settings of the running API where there is one."""
    api = definition.api
    keys, plans = running.keys, running.usage_plans
    if not plans and any(method.api_key_required for _, method in methods_of(api)):
        # A method that asks for a key answers nobody before a plan admits one.
        keys = [KeyPlan(api.name)]
        plans = [UsagePlanPlan(api.name, [api.name])]
    return Stack(
        name=api.name,
        body=definition.body,
        stage=_stage(api, running.stage, wanted.stage),
        roles=_roles(api, running.roles),
        keys=keys,
        usage_plans=plans,
        log_groups=running.log_groups or _named_groups(logs_calls(api)),
        metric_filters=running.metric_filters,
        alarms=running.alarms,
        domain=wanted.domain or running.domain,
    )


def role_names(api: RestApi) -> dict[str, str]:
    """Return the names of the roles that a definition hands to integrations and authorizers, by ARN."""
    arns = [method.integration.credentials for _, method in methods_of(api) if method.integration is not None]
    arns += [authorizer.authorizer_credentials for authorizer in api.authorizers.values()]
    return {arn: arn.rpartition("/")[2] for arn in arns if arn and ":role/" in arn}


def _stage(api: RestApi, running: StagePlan | None, name: str) -> StagePlan:
    stage = StagePlan(name) if running is None else msgspec.structs.replace(running, name=name)
    if stage.access_log is not None:
        return stage
    log = AccessLogPlan(f"/aws/apigateway/{_group_part(api.name)}/{name}", ACCESS_LOG_FORMAT, ACCESS_LOG_DAYS)
    return msgspec.structs.replace(stage, access_log=log)


def _group_part(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)


def _roles(api: RestApi, running: Mapping[str, RunningRole]) -> list[RolePlan]:
    calls = logs_calls(api)
    to_reference = _referring(api.account_id)
    plans = []
    for arn, name in sorted(role_names(api).items()):
        known = running.get(name)
        referring = with_account_reference(arn, api.account_id)
        if known is not None:
            held = (to_reference(known.trust), {key: to_reference(each) for key, each in known.policies.items()})
            plans.append(RolePlan(name, referring, *held, managed=known.managed))
        else:
            policy = derived_policy([call for call in calls if call.role == arn])
            policies = {"read-logs": policy} if policy else {}
            plans.append(RolePlan(name, referring, trust_policy(), policies, derived=True))
    return plans


def _referring(account_id: str) -> Callable[[Document], Document]:
    return lambda document: rewritten(document, lambda text: with_account_reference(text, account_id))


def _named_groups(calls: list[LogsCall]) -> list[LogGroupPlan]:
    names = {name for call in calls for name in call.groups if "*" not in name}
    return [LogGroupPlan(name) for name in sorted(names)]
