"""What in a definition behaves differently on AWS than here: a table of rules, each with what it looks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from groundwatch.deploy.needs import logs_calls, methods_of, service_of
from groundwatch.gateway.definition import Integration, Method, RestApi

COGNITO_POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[a-z0-9-]+_[A-Za-z0-9]+")
MAX_READS_PER_SECOND = 25
"""GetLogEvents, per account and region; AWS documentation, CloudWatch Logs quotas."""
MAX_FILTERS_PER_SECOND = 10
"""FilterLogEvents in most regions, likewise."""


class Difference(msgspec.Struct, frozen=True):
    """Something to know before the definition runs on AWS."""

    where: str
    what: str
    blocking: bool = False
    """True when AWS does not take it, or it cannot work there."""


Rule = Callable[[RestApi], Iterator[Difference]]


def differences(api: RestApi) -> list[Difference]:
    """Return what differs, in the order of the rules."""
    return [found for rule in RULES for found in rule(api)]


def _integrations(api: RestApi) -> Iterator[tuple[str, Method, Integration]]:
    for path, method in methods_of(api):
        if method.integration is not None:
            yield f"{method.http_method} {path}", method, method.integration


def _without_signing(api: RestApi) -> Iterator[Difference]:
    """Find open methods: harmless on a laptop, public on AWS."""
    for path, method in methods_of(api):
        is_open = method.authorization_type == "NONE" and not method.api_key_required and not api.policy
        if is_open and method.http_method != "OPTIONS":
            what = "has no authorization, no API key and no resource policy: on AWS the whole Internet can call it"
            yield Difference(f"{method.http_method} {path}", what)


def _token_issuers(api: RestApi) -> Iterator[Difference]:
    for authorizer in api.authorizers.values():
        where = f"authorizer {authorizer.name}"
        if authorizer.type == "COGNITO_USER_POOLS":
            for arn in authorizer.provider_arns:
                if not COGNITO_POOL.fullmatch(arn):
                    what = (
                        f"{arn} is no Cognito user pool: AWS takes only those, other issuers need a Lambda authorizer"
                    )
                    yield Difference(where, what, blocking=True)
        elif authorizer.type == "JWT":
            what = "is a native JWT authorizer; check that your region's API Gateway takes them for REST APIs"
            yield Difference(where, what)


def _private_hosts(api: RestApi) -> Iterator[Difference]:
    for where, _, integration in _integrations(api):
        host = re.match(r"https?://([^/:]+)", integration.uri or "")
        if host and integration.type in ("HTTP", "HTTP_PROXY") and _is_private(host[1]):
            yield Difference(where, f"{host[1]} is not reachable from AWS without a VPC link", blocking=True)


def _is_private(host: str) -> bool:
    internal = (".internal", ".local", ".localhost", ".lan")
    numbers = re.match(r"(10|127|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)\.", host)
    return host == "localhost" or host.endswith(internal) or numbers is not None


def _read_limits(api: RestApi) -> Iterator[Difference]:
    limits = {"GetLogEvents": MAX_READS_PER_SECOND, "FilterLogEvents": MAX_FILTERS_PER_SECOND}
    for call in logs_calls(api):
        if call.operation in limits:
            what = (
                f"{call.operation} is limited to about {limits[call.operation]} calls a second in an account and region"
            )
            yield Difference(f"{call.verb} {call.path}", f"{what}; cache the method or limit the usage plan")


def _freshness(api: RestApi) -> Iterator[Difference]:
    if logs_calls(api):
        yield Difference("reads", "see an event here as soon as it is acknowledged, on AWS after some seconds")


def _chosen_operation(api: RestApi) -> Iterator[Difference]:
    for where, _, integration in _integrations(api):
        targets = {name.lower(): value for name, value in integration.request_parameters.items()}
        mapped = targets.get("integration.request.header.x-amz-target")
        if service_of(integration) == "logs" and mapped is not None and not mapped.startswith("'"):
            what = f"takes the operation from the request ({mapped}); only the role's policy limits which one"
            yield Difference(where, what)


def _other_roles(api: RestApi) -> Iterator[Difference]:
    for where, _, integration in _integrations(api):
        if service_of(integration) not in (None, "logs", "lambda") and integration.credentials:
            what = f"calls {service_of(integration)}: its permissions are not derived, write the role's policy yourself"
            yield Difference(where, what)


def _regular_expressions(api: RestApi) -> Iterator[Difference]:
    for where, _, integration in _integrations(api):
        patterns = [held.selection_pattern or "" for held in integration.responses.values()]
        templates = [text or "" for text in integration.request_templates.values()]
        uses = any("matches(" in text or "replaceAll(" in text for text in templates)
        if uses or any("\\b" in pattern for pattern in patterns):
            yield Difference(where, "uses regular expressions: RE2 here, Java's on AWS; they agree on plain patterns")


def _payloads(api: RestApi) -> Iterator[Difference]:
    for where, _, integration in _integrations(api):
        if integration.timeout_in_millis > 29_000:
            yield Difference(where, "has a time limit above 29 s, which needs a raised quota on AWS", blocking=True)


RULES: tuple[Rule, ...] = (
    _without_signing,
    _token_issuers,
    _private_hosts,
    _payloads,
    _chosen_operation,
    _other_roles,
    _read_limits,
    _regular_expressions,
    _freshness,
)
