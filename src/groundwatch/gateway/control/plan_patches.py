"""Throttles and quotas of a usage plan: from a create request, from patches, and what must hold of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from msgspec.structs import replace

from groundwatch.gateway.control.errors import bad_request, not_found
from groundwatch.gateway.control.patch import ADD_REMOVE, ANY, REPLACE, Rule, Step, text
from groundwatch.gateway.definition import Quota, QuotaPeriod, Throttle, UsagePlan

LAST_OFFSET: Mapping[str, tuple[int, str]] = {"DAY": (0, "zero"), "WEEK": (6, "six"), "MONTH": (27, "27")}
"""The last day on which a period may begin, and how the service spells it."""
_LIMITS = {"rateLimit": "rate_limit", "burstLimit": "burst_limit"}
_SET = frozenset({"add", "replace"})


def throttle_of(given: Mapping[str, Any] | None) -> Throttle | None:
    """Return ThrottleSettings as the model has them; None when nothing is limited."""
    if not given or (given.get("burstLimit") is None and given.get("rateLimit") is None):
        return None
    return Throttle(burst_limit=given.get("burstLimit"), rate_limit=given.get("rateLimit"))


def quota_of(given: Mapping[str, Any] | None) -> Quota | None:
    """Return QuotaSettings as the model has them; raises when limit or period lack."""
    if not given:
        return None
    if given.get("limit") is None or given.get("period") is None:
        raise bad_request("Usage Plan quota limit and period must be specified")
    return Quota(limit=given["limit"], period=given["period"], offset=given.get("offset") or 0)


def method_throttles_of(stages: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Throttle]]:
    """Return the limits of methods by stage, from a list of ApiStage."""
    found: dict[str, dict[str, Throttle]] = {}
    for stage in stages:
        limits = {_method_key(path): throttle_of(given) for path, given in (stage.get("throttle") or {}).items()}
        kept = {path: throttle for path, throttle in limits.items() if throttle is not None}
        if kept:
            found[f"{stage['apiId']}:{stage['stage']}"] = kept
    return found


def check_plan(plan: UsagePlan, before: UsagePlan | None = None) -> UsagePlan:
    """Return the plan without limits of stages that it lost; raises for limits that cannot be."""
    # Limits of a stage that the plan never had are a mistake; those of one that was taken out just go with it.
    for stage in plan.method_throttles.keys() - plan.api_stages:
        if before is None or stage not in before.api_stages:
            api_id, _, name = stage.partition(":")
            raise not_found(f"Invalid API Stage {{api: {api_id}, stage: {name}}} specified for usageplan {plan.id}")
    quota = plan.quota
    if quota is not None:
        last, spelled = LAST_OFFSET[quota.period]
        if not 0 <= quota.offset <= last:
            must = "zero" if last == 0 else f"between zero and {spelled} inclusive"
            raise bad_request(f"Usage Plan quota offset must be {must} in the {quota.period} period")
        if not 0 <= quota.limit < 2**31:
            raise bad_request("Usage Plan quota limit must be a positive number")
    methods = [throttle for limits in plan.method_throttles.values() for throttle in limits.values()]
    for throttle in (plan.throttle, *methods):
        if throttle is not None:
            _check_throttle(throttle)
    kept = {stage: limits for stage, limits in plan.method_throttles.items() if stage in plan.api_stages}
    return replace(plan, method_throttles=kept)


def _check_throttle(throttle: Throttle) -> None:
    # NaN and infinity are numbers to a parser, but no bucket can hold them; NaN fails every comparison.
    rate, burst = throttle.rate_limit, throttle.burst_limit
    if (rate is not None and not 0 <= rate < 2**31) or (burst is not None and not 0 <= burst < 2**31):
        raise bad_request("Usage Plan throttle limits must be positive numbers")


# --- patches ---


def _number(step: Step) -> float:
    try:
        number = float(step.value or "")
        return number if step.key == "rateLimit" else int(step.value or "")
    except ValueError as error:
        raise bad_request(f"Invalid value '{step.value}' specified for '{step.path}'. Must be a number") from error


def _with_limit(present: Throttle | None, step: Step, member: str) -> Throttle:
    attribute = _LIMITS.get(member)
    if attribute is None:
        raise bad_request(f"Invalid patch path {step.path}")
    return replace(present or Throttle(), **{attribute: _number(step)})


def _throttle(present: Throttle | None, step: Step) -> Throttle | None:
    return None if step.op == "remove" else _with_limit(present, step, step.key)


def _quota(present: Quota | None, step: Step) -> Quota | None:
    if step.op == "remove":
        return None
    # Terraform patches limit, period and offset one by one; only the result is checked.
    known = present or Quota(limit=0, period="DAY")
    if step.key == "period":
        if step.value not in get_args(QuotaPeriod):
            raise bad_request(f"Invalid value '{step.value}' specified for '{step.path}'")
        return replace(known, period=step.value)
    if step.key not in ("limit", "offset"):
        raise bad_request(f"Invalid patch path {step.path}")
    return replace(known, **{step.key: int(_number(step))})


def _method_throttle(present: Mapping[str, dict[str, Throttle]], step: Step) -> dict[str, dict[str, Throttle]]:
    stage, path, *members = step.keys
    key = _method_key(path)
    limits = dict(present.get(stage, {}))
    if members:
        limits[key] = _with_limit(limits.get(key), step, members[0])
    elif key in limits:
        del limits[key]
    else:
        raise not_found(f"Invalid patch path {step.path}")
    return {**present, stage: limits}


def _no_method_throttle(present: Mapping[str, dict[str, Throttle]], step: Step) -> dict[str, dict[str, Throttle]]:
    return {stage: limits for stage, limits in present.items() if stage != step.key}


def _method_key(path: str) -> str:
    # `/pets/GET`, written with and without escaped slashes, and by some clients with two at the start.
    return "/" + path.lstrip("/")


RULES = (
    text("/productCode", "product_code"),
    Rule("/productCode", "product_code", ADD_REMOVE - {"add"}, lambda *_: None),
    Rule("/throttle", "throttle", ADD_REMOVE - {"add"}, _throttle),
    Rule("/throttle/{limit}", "throttle", _SET, _throttle),
    Rule("/quota", "quota", ADD_REMOVE - {"add"}, _quota),
    Rule("/quota/{member}", "quota", _SET, _quota),
    Rule("/apiStages/{apiId:stage}/throttle", "method_throttles", ANY - _SET, _no_method_throttle),
    Rule("/apiStages/{apiId:stage}/throttle/{path...}/{limit}", "method_throttles", _SET, _method_throttle),
    Rule("/apiStages/{apiId:stage}/throttle/{path...}", "method_throttles", ANY - _SET - REPLACE, _method_throttle),
)
LISTINGS = {
    "remove": "[/apiStages, /quota, /throttle, /productCode, "
    "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, /apiStages/<apidId:stageName>/throttle]"
}
"""What the service says can be removed, in its spelling."""
