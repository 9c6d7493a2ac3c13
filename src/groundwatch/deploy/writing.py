"""What every format of a stack is written with: distinct names, settings that were changed, the snapshot's hash."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from groundwatch.deploy.stack import Document
from groundwatch.gateway.definition import MethodSetting, Quota, Throttle

METHOD_SETTINGS = (
    "metrics_enabled",
    "logging_level",
    "data_trace_enabled",
    "throttling_burst_limit",
    "throttling_rate_limit",
    "caching_enabled",
    "cache_ttl_in_seconds",
    "cache_data_encrypted",
)
"""Fields of a method setting that all formats have, under the same words. What guards invalidation, none has."""


def distinct(
    names: Iterable[str], spelled: Callable[[str], str], *, between: str = "", taken: Collection[str] = ()
) -> dict[str, str]:
    """Return for each name what a format may call it; names that are spelled alike get numbers."""
    found: dict[str, str] = {}
    used = set(taken)
    # In the order given, so that a stack that grows at its end keeps the names that its resources have.
    for name in names:
        wanted = spelled(name)
        numbered = (f"{wanted}{between}{number}" for number in itertools.count(2))
        found[name] = next(each for each in itertools.chain([wanted], numbered) if each not in used)
        used.add(found[name])
    return found


def filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members without those that are not set."""
    # Not by truth: 0 and False are settings.
    return {name: value for name, value in members.items() if value is not None and value not in ({}, [])}


def body_hash(body: Document) -> str:
    """Return a hash that changes with a definition: a deployment is a snapshot, a changed one needs another."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def changed_settings(held: MethodSetting) -> dict[str, Any]:
    """Return the settings of a method that differ from what they are by themselves, by field."""
    default = MethodSetting()
    return {name: getattr(held, name) for name in METHOD_SETTINGS if getattr(held, name) != getattr(default, name)}


def throttle_limits(throttle: Throttle | None) -> dict[str, Any]:
    """Return what a throttle limits, by field."""
    if throttle is None:
        return {}
    return filled({"burst_limit": throttle.burst_limit, "rate_limit": throttle.rate_limit})


def quota_limits(quota: Quota | None) -> dict[str, Any]:
    """Return what a quota limits, by field."""
    if quota is None:
        return {}
    return filled({"limit": quota.limit, "period": quota.period, "offset": quota.offset or None})
