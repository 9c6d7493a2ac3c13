"""The patches of a stage that are not simple members: method settings, access log settings, the cache cluster.

Messages and defaults: "Patch operations" of the API Gateway API reference, and answers recorded from the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.patch import ADD_REMOVE, ANY, REPLACE, Rule, Step, is_true
from groundwatch.gateway.control.rules import HTTP_METHODS
from groundwatch.gateway.definition import AccessLogSettings, CacheControlStrategy, MethodSetting, Stage
from groundwatch.gateway.log_destinations import DeliveryStream, Destination, parse_destination

CACHE_SIZES_GB = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")
DEFAULT_CACHE_SIZE_GB = "0.5"
LOG_LEVELS = ("OFF", "ERROR", "INFO")
MAX_TTL_S = 3600
MAX_FORMAT_CHARACTERS = 3000
EVERY_METHOD = "*/*"
NO_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"
_REQUEST_ID = re.compile(r"\$context\.(requestId|extendedRequestId)(?![A-Za-z0-9_])")
_STRAY_REFERENCE = re.compile(r"\$(?!context\.[A-Za-z])[A-Za-z{!]")


def setting_key(resource_path: str, verb: str) -> str:
    """Return the key of a method in `methodSettings`: the path without its first slash, and the verb."""
    return f"{resource_path.removeprefix('/')}/{verb}"


# --- readers of values ---


def _level(step: Step) -> str:
    if step.value not in LOG_LEVELS:
        raise bad_request(f"Invalid logging level {step.value}. Valid levels are {', '.join(LOG_LEVELS)}")
    return step.value


def _burst(step: Step) -> int:
    return int(_number(step, int, -1))


def _rate(step: Step) -> float:
    return float(_number(step, float, -1))


def _ttl(step: Step) -> int:
    value = step.value or ""
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) <= MAX_TTL_S):
        raise bad_request(f"Invalid time-to-live setting, must be an integer no greater than {MAX_TTL_S}")
    return int(value)


def _strategy(step: Step) -> str:
    options = get_args(CacheControlStrategy)
    if step.value not in options:
        raise bad_request(f"Invalid value '{step.value}' specified for '{step.path}'. Must be one of: {list(options)}")
    return str(step.value)


def _number(step: Step, kind: Callable[[str], float], lowest: float) -> float:
    value: float | None
    try:
        value = kind(step.value or "")
    except ValueError:
        value = None
    # Also refuses NaN, which compares with nothing, and what no bucket can hold.
    if value is None or not lowest <= value < 2**31:
        raise bad_request(f"Invalid value '{step.value}' specified for '{step.path}'")
    return value


# In the order in which the service lists them.
_SETTINGS: Mapping[str, tuple[str, Callable[[Step], Any]]] = {
    "metrics/enabled": ("metrics_enabled", is_true),
    "logging/dataTrace": ("data_trace_enabled", is_true),
    "logging/loglevel": ("logging_level", _level),
    "throttling/burstLimit": ("throttling_burst_limit", _burst),
    "throttling/rateLimit": ("throttling_rate_limit", _rate),
    "caching/ttlInSeconds": ("cache_ttl_in_seconds", _ttl),
    "caching/enabled": ("caching_enabled", is_true),
    "caching/dataEncrypted": ("cache_data_encrypted", is_true),
    "caching/requireAuthorizationForCacheControl": ("require_authorization_for_cache_control", is_true),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorized_cache_control_header_strategy", _strategy),
}


def _settings_of(method: str, gap: str) -> str:
    """Return the setting paths of a method as the service lists them: it forgets two commas, hence the `gap`."""
    listed = ", ".join(f"{method}/{suffix}" for suffix in _SETTINGS)
    for suffix in ("throttling/burstLimit", "throttling/rateLimit"):
        listed = listed.replace(f"{suffix}, ", f"{suffix}{gap}")
    return listed


UNKNOWN_PATH = (
    "Invalid method setting path: {path}. Must be one of: [/deploymentId, /description, /cacheClusterEnabled, "
    "/cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, "
    f"/accessLogSettings/format, {_settings_of('/{resourcePath}/{httpMethod}', '')}, {_settings_of('/*/*', ' ')}, "
    "/variables/{variable_name}, /tracingEnabled]"
)
"""The service's answer to a path that no stage has."""


# --- rules ---


def _key(step: Step) -> str:
    path, verb = step.keys
    one_method = path != "*" and verb in HTTP_METHODS and verb != "ANY"
    # Settings are looked up by the verb of a request, which is never ANY.
    if not one_method and (path, verb) != ("*", "*"):
        raise bad_request(UNKNOWN_PATH.replace("{path}", step.path))
    return setting_key(path, verb)


def _setting_rule(suffix: str) -> Rule:
    attribute, read = _SETTINGS[suffix]

    def change(present: Mapping[str, MethodSetting], step: Step) -> dict[str, MethodSetting]:
        known = present.get(_key(step)) or MethodSetting()
        return {**present, _key(step): replace(known, **{attribute: read(step)})}

    # Terraform and the service's own examples say `replace`; the service takes `add` too.
    return Rule(
        f"/{{resourcePath...}}/{{httpMethod}}/{suffix}", "method_settings", frozenset({"replace", "add"}), change
    )


def _remove_setting(present: Mapping[str, MethodSetting], step: Step) -> dict[str, MethodSetting]:
    key = setting_key(*step.keys)
    if key not in present:
        raise bad_request(f"Cannot remove method setting {key} because there is no method setting for this method ")
    return {name: setting for name, setting in present.items() if name != key}


def _access_log(present: AccessLogSettings | None, step: Step) -> AccessLogSettings | None:
    if step.op == "remove":
        return None
    if not step.value:
        raise bad_request("Access Log value must not be empty")
    attribute = {"destinationArn": "destination_arn", "format": "format"}.get(step.key)
    if attribute is None:
        allowed = "[/accessLogSettings/destinationArn, /accessLogSettings/format]"
        raise bad_request(f"Invalid accessLogSettings path. Must be one of : {allowed}")
    return replace(present or AccessLogSettings(), **{attribute: step.value.strip()})


def _cache_size(_: object, step: Step) -> str:
    return check_cache_size(step.value)


def check_cache_size(size_gb: str | None) -> str:
    """Return the size of a cache cluster; raises for one that is not for sale."""
    if size_gb not in CACHE_SIZES_GB:
        raise bad_request(f"Invalid cache cluster size specified: {size_gb}. Must be one of: {list(CACHE_SIZES_GB)}")
    return size_gb


SIMPLE_RULES = (
    Rule("/cacheClusterEnabled", "cache_cluster_enabled", REPLACE, lambda _, step: is_true(step)),
    Rule("/cacheClusterSize", "cache_cluster_size", REPLACE, _cache_size),
    Rule("/accessLogSettings", "access_log_settings", frozenset({"remove"}), _access_log),
    Rule("/accessLogSettings/{member}", "access_log_settings", ANY - {"remove"}, _access_log),
)
METHOD_SETTING_RULES = (
    *map(_setting_rule, _SETTINGS),
    # The last of the table: it fits whatever else has two segments.
    Rule("/{resourcePath...}/{httpMethod}", "method_settings", ADD_REMOVE - {"add"}, _remove_setting),
)


# --- what must hold of the whole stage ---


class LoggingRules(msgspec.Struct, frozen=True):
    """What may be logged, and to where."""

    role_arn: str | None = None
    """The account's, without which nothing may be logged that was not logged before."""
    firehose: bool = False
    """Whether there is an endpoint for Firehose streams."""


def check_stage(before: Stage | None, after: Stage, *, account_id: str, region: str, logging: LoggingRules) -> Stage:
    """Return the stage with what follows from its settings; raises for settings that cannot be."""
    if after.cache_cluster_enabled and after.cache_cluster_size is None:
        after = replace(after, cache_cluster_size=DEFAULT_CACHE_SIZE_GB)
    if logging.role_arn is None and _begins_to_log(before, after):
        raise bad_request(NO_ROLE)
    settings = after.access_log_settings
    if settings is not None and (before is None or settings != before.access_log_settings):
        if settings.destination_arn is not None:
            _check_destination(parse_destination(settings.destination_arn, account_id, region), logging)
        _check_format(settings)
    return after


def _begins_to_log(before: Stage | None, after: Stage) -> bool:
    known = before.method_settings if before is not None else {}
    for key, setting in after.method_settings.items():
        wanted = setting.logging_level not in (None, "OFF") or setting.data_trace_enabled
        if wanted and setting != known.get(key):
            return True
    return after.access_log_settings is not None and (
        before is None or after.access_log_settings != before.access_log_settings
    )


def _check_destination(destination: Destination | None, logging: LoggingRules) -> None:
    if destination is None:
        raise bad_request(
            "Invalid ARN specified in the request. The destination must be a log group of this account and region, or "
            "a Firehose stream whose name begins with amazon-apigateway-"
        )
    if isinstance(destination, DeliveryStream) and not logging.firehose:
        raise bad_request(
            "Access logs cannot be delivered to Firehose: this server has no endpoint for it (firehose_url)"
        )


def _check_format(settings: AccessLogSettings) -> None:
    if settings.format is None:
        return
    if len(settings.format) > MAX_FORMAT_CHARACTERS or "\n" in settings.format or "\r" in settings.format:
        raise bad_request(f"Access Log format must be a single line of at most {MAX_FORMAT_CHARACTERS} characters")
    if _REQUEST_ID.search(settings.format) is None:
        raise bad_request("Access Log format must contain at least $context.requestId or $context.extendedRequestId")
    stray = _STRAY_REFERENCE.search(settings.format)
    if stray is not None:
        raise bad_request("Access Log format can contain only $context variables")
