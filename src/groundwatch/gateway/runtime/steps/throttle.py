"""Step 5: is the request within the limits of its key, its method and its account, and within the quota?

A request that is refused takes nothing from any limit and does not count towards the quota.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from groundwatch.gateway.catalog import Catalog
from groundwatch.gateway.definition import ApiKey, Quota, RestApi, Stage, UsagePlan
from groundwatch.gateway.limits.buckets import Limit, TokenBuckets
from groundwatch.gateway.limits.settings import plan_limits, stage_limits
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.execution_log import masked_key
from groundwatch.gateway.runtime.stages import Admitted, Routed
from groundwatch.gateway.usage_sql import UsageKey

MAX_KEPT_LIMITS = 10_000


class Usage(Protocol):
    """Counts the requests of keys."""

    async def spend(self, key: UsageKey, quota: Quota | None) -> bool:
        """Count a request; False, and it does not count, when the quota is used up."""


class _Limits(NamedTuple):
    """The limits of one method and key, and what they were read from."""

    stage: Stage
    api: RestApi
    plan: UsagePlan | None
    limits: Sequence[Limit]


class ThrottleRequests:
    """Takes a token from every bucket that applies, then one request of the quota.

    `clock_s` gives seconds that only grow.
    """

    def __init__(self, catalog: Catalog, usage: Usage, clock_s: Callable[[], float]) -> None:
        self._catalog = catalog
        self._usage = usage
        self._clock_s = clock_s
        self._buckets = TokenBuckets()
        self._limits: dict[tuple[str | None, ...], _Limits] = {}

    async def __call__(self, stage: Admitted) -> Admitted:
        """Raise 429 when a limit or the quota is exceeded; otherwise the request goes on as it came."""
        routed = stage.previous.previous
        target = routed.exchange.target
        key, plan = stage.api_key, None
        if key is not None:
            plan = await self._catalog.find_usage_plan(key, target.api_id, target.stage_name)
        exceeded = self._buckets.take(self._limits_of(routed, key, plan), self._clock_s())
        if exceeded is not None:
            raise GatewayError("THROTTLED", reason=_reason(routed, key, plan, exceeded))
        if key is not None and plan is not None and not await self._usage.spend(UsageKey(plan.id, key.id), plan.quota):
            raise GatewayError("QUOTA_EXCEEDED", reason=_quota_reason(routed, key, plan))
        if routed.exchange.log.active:
            _log(routed, key)
        return stage

    def _limits_of(self, routed: Routed, key: ApiKey | None, plan: UsagePlan | None) -> Sequence[Limit]:
        """Return the limits, which are the same as long as stage, API and plan are the same objects of the store."""
        live, api = routed.located.stage, routed.located.deployment.api
        path, verb = routed.method.resource.path, routed.exchange.method
        target = routed.exchange.target
        place = (target.api_id, target.stage_name, path, verb, None if key is None else key.id)
        kept = self._limits.get(place)
        if kept is not None and kept.stage is live and kept.api is api and kept.plan is plan:
            return kept.limits
        limits = stage_limits(api, live, path, verb)
        if key is not None and plan is not None:
            limits = plan_limits(plan, key, f"{target.api_id}:{target.stage_name}", f"{path}/{verb}") + limits
        if len(self._limits) >= MAX_KEPT_LIMITS:
            self._limits.clear()
        self._limits[place] = _Limits(live, api, plan, limits)
        return limits


def _place(routed: Routed) -> str:
    return f"{routed.exchange.target.api_id}/{routed.exchange.target.stage_name}"


def _log(routed: Routed, key: ApiKey | None) -> None:
    log, exchange, shown = routed.exchange.log, routed.exchange, masked_key(key)
    log.line(f"Verifying Usage Plan for request: {exchange.request_id}. API Key: {shown} API Stage: {_place(routed)}")
    if key is None:
        method = f"{exchange.method} {routed.method.resource.path}"
        log.line(
            f"API Key  authorized because method '{method}' does not require API Key. "
            "Request will not contribute to throttle or quota limits"
        )
    log.line(f"Usage Plan check succeeded for API Key {shown} and API Stage {_place(routed)}")
    log.line(f"Starting execution for request: {exchange.request_id}")
    log.line(f"HTTP Method: {exchange.method}, Resource Path: {routed.method.resource.path}")


def _reason(routed: Routed, key: ApiKey | None, plan: UsagePlan | None, limit: Limit) -> str:
    target = routed.exchange.target
    holder = f" for Usage Plan ID {plan.id}," if plan is not None and limit.what.startswith("Key") else ""
    return (
        f"API Key {masked_key(key)} exceeded throttle limit for API Stage {_place(routed)}: "
        f"{limit.what} throttle limit exceeded{holder} RestApi {target.api_id}, Stage {target.stage_name}, "
        f"Resource {routed.method.resource.id}, HttpMethod {routed.exchange.method}. "
        f"Limit: {limit.rate:.2f} Burst: {limit.burst:.0f}"
    )


def _quota_reason(routed: Routed, key: ApiKey, plan: UsagePlan) -> str:
    return (
        f"API Key {masked_key(key)} exceeded quota for API Stage {_place(routed)}: "
        f"Key quota exceeded for Usage Plan ID {plan.id}"
    )
