"""Steps 7 and 12: answer from the stage's cache, and keep an answer for later.

The lookup comes after authorization, key, throttle and validation, so that a cached answer is never easier to get. A
client may ask for a fresh one with `Cache-Control: max-age=0`, if it may invalidate the entry.
"""

from __future__ import annotations

from typing import Protocol

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import MethodSetting
from groundwatch.gateway.limits.settings import EVERY_METHOD, own_setting
from groundwatch.gateway.runtime.cache_keys import cache_key
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.response_cache import CANARY, Place, ResponseCache
from groundwatch.gateway.runtime.stages import Answered, Authorized, Routed, ServedFromCache, Validated
from groundwatch.gateway.runtime.traffic import TrafficCounts

WARNING = ("Warning", '199 - "Unauthorized to invalidate the cache"')
_DEFAULT = MethodSetting()


class InvalidationGuard(Protocol):
    """Decides who may have an entry of the cache replaced."""

    async def may_invalidate(self, stage: Authorized) -> bool:
        """Tell whether the caller is allowed `execute-api:InvalidateCache` on the method."""


def caching(routed: Routed) -> MethodSetting | None:
    """Return the settings under which a request's answer is cached, or None when it is not.

    Only GET is cached unless a setting of the method's own says so.
    """
    stage = routed.located.stage
    if not stage.cache_cluster_enabled:
        return None
    verb = routed.exchange.method
    own = own_setting(stage, routed.method.resource.path, verb)
    every = stage.method_settings.get(EVERY_METHOD)
    setting = own or every or _DEFAULT
    if not _enabled(own, every, verb) or setting.cache_ttl_in_seconds <= 0:
        return None
    return setting


def _enabled(own: MethodSetting | None, every: MethodSetting | None, verb: str) -> bool:
    # A setting that was made for a log level or a limit says nothing of the cache.
    if own is not None and own.caching_enabled is not None:
        return own.caching_enabled
    return verb == "GET" and (every is None or every.caching_enabled is not False)


class LookUpResponse:
    """Ends the pipeline where the cache has the answer."""

    def __init__(self, cache: ResponseCache, guard: InvalidationGuard, counts: TrafficCounts) -> None:
        self._cache = cache
        self._guard = guard
        self._counts = counts

    async def __call__(self, stage: Validated) -> Validated | ServedFromCache:
        """Raise 403 when the client may not ask for a fresh answer and the stage says so."""
        authorized = stage.previous.previous
        routed = authorized.previous
        setting = caching(routed)
        key = cache_key(routed) if setting is not None else None
        if setting is None or key is None:
            return stage
        warned = False
        if _asks_for_fresh(routed):
            if not setting.require_authorization_for_cache_control or await self._guard.may_invalidate(authorized):
                return self._miss(stage, routed)
            strategy = setting.unauthorized_cache_control_header_strategy
            if strategy == "FAIL_WITH_403":
                raise GatewayError("ACCESS_DENIED", reason="the caller may not invalidate the cache")
            warned = strategy == "SUCCEED_WITH_RESPONSE_HEADER"
        response = self._cache.get(_place(routed), key)
        if response is None:
            return self._miss(stage, routed)
        self._counts.of(routed).cache_hits += 1
        if routed.exchange.log.active:
            routed.exchange.log.line(f"Cache hit returned for resource path: {routed.method.resource.path}")
        if warned:
            response = WireResponse(response.status, (*response.headers, WARNING), response.body)
        return ServedFromCache(stage, response)

    def _miss(self, stage: Validated, routed: Routed) -> Validated:
        self._counts.of(routed).cache_misses += 1
        return stage


class KeepResponse:
    """Keeps successful answers where the stage caches them."""

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache

    async def __call__(self, stage: Answered) -> Answered:
        """Return the stage as it is."""
        routed = stage.previous.previous.previous.routed
        setting = caching(routed)
        if setting is None or not 200 <= stage.response.status < 300:
            return stage
        key = cache_key(routed)
        if key is not None:
            kept = _without_trace(stage.response)
            asked_ms = routed.exchange.received_ms
            self._cache.put(_place(routed), key, kept, setting.cache_ttl_in_seconds, asked_ms)
        return stage


def _place(routed: Routed) -> Place:
    target, located = routed.exchange.target, routed.located
    canary = located.stage.canary_settings
    own = located.is_canary and canary is not None and not canary.use_stage_cache
    return (target.api_id, target.stage_name + CANARY if own else target.stage_name)


def _asks_for_fresh(routed: Routed) -> bool:
    values = routed.exchange.headers.get("cache-control")
    return values is not None and any(
        part.strip().lower() == "max-age=0" for value in values for part in value.split(",")
    )


def _without_trace(response: WireResponse) -> WireResponse:
    """Leave out the trace of the request that made the answer."""
    headers = tuple((name, value) for name, value in response.headers if name.lower() != "x-amzn-trace-id")
    return WireResponse(response.status, headers, response.body)
