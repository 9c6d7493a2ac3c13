"""Which settings of a stage hold for a method, and which limits a request has to pass, in the documented order."""

from __future__ import annotations

from groundwatch.gateway.definition import (
    ACCOUNT_BURST,
    ACCOUNT_RATE,
    ApiKey,
    MethodSetting,
    RestApi,
    Stage,
    Throttle,
    UsagePlan,
)
from groundwatch.gateway.limits.buckets import Limit

EVERY_METHOD = "*/*"
_DEFAULT = MethodSetting()


def own_setting(stage: Stage, resource_path: str, verb: str) -> MethodSetting | None:
    """Return what the stage says of this very method, by its verb or `ANY`, or None."""
    settings = stage.method_settings
    if not settings:
        return None
    path = resource_path.removeprefix("/")
    return settings.get(f"{path}/{verb}") or settings.get(f"{path}/ANY")


def method_setting(stage: Stage, resource_path: str, verb: str) -> MethodSetting:
    """Return the settings that hold for a method: its own, those of all methods, or the service's defaults."""
    settings = stage.method_settings
    if not settings:
        return _DEFAULT
    return own_setting(stage, resource_path, verb) or settings.get(EVERY_METHOD) or _DEFAULT


def plan_limits(plan: UsagePlan, key: ApiKey, api_stage: str, method: str) -> list[Limit]:
    """Return a key's limits under its plan: first those of the method (`/pets/GET`), then those of the plan."""
    limits: list[Limit] = []
    of_stage = plan.method_throttles.get(api_stage) if plan.method_throttles else None
    of_method = of_stage.get(method) if of_stage else None
    if of_method is not None:
        limits.append(_limit(("plan", plan.id, key.id, api_stage, method), of_method, "Key method"))
    if plan.throttle is not None:
        limits.append(_limit(("plan", plan.id, key.id), plan.throttle, "Key"))
    return limits


def stage_limits(api: RestApi, stage: Stage, resource_path: str, verb: str) -> list[Limit]:
    """Return the limits of everybody together: those of the method on this stage, then those of the account.

    A setting holds for each method by itself, also the one for all methods. Limits below 0 are none.
    """
    limits: list[Limit] = []
    setting = method_setting(stage, resource_path, verb)
    rate, burst = setting.throttling_rate_limit, setting.throttling_burst_limit
    # The defaults are the account's own limits, which are checked next anyway.
    if (rate, burst) != (ACCOUNT_RATE, ACCOUNT_BURST) and rate >= 0 and burst >= 0:
        limits.append(Limit(("stage", api.id, stage.name, resource_path, verb), rate, burst, "Method"))
    limits.append(Limit(("account", api.account_id, api.region), ACCOUNT_RATE, ACCOUNT_BURST, "Account"))
    return limits


def _limit(key: tuple[str, ...], throttle: Throttle, what: str) -> Limit:
    rate = ACCOUNT_RATE if throttle.rate_limit is None else throttle.rate_limit
    burst = ACCOUNT_BURST if throttle.burst_limit is None else throttle.burst_limit
    return Limit(key, rate, burst, what)
