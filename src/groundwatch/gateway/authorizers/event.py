"""What a function is told of a request: the two forms of event that authorizers send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.context import build_context
from groundwatch.gateway.runtime.overrides import Overrides
from groundwatch.gateway.runtime.stages import Routed

_WITHOUT = frozenset({"requestOverride", "responseOverride"})
_IDENTITY = (
    *("cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "sourceIp", "principalOrgId", "accessKey"),
    *("cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "userAgent", "user"),
)
"""The members of `requestContext.identity` that are always there, null where they do not apply."""


def token_event(method_arn: str, token: str) -> dict[str, Any]:
    """Return the event of a TOKEN authorizer."""
    return {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}


def request_event(routed: Routed, compiled: CompiledAuthorizer, method_arn: str) -> dict[str, Any]:
    """Return the event of a REQUEST authorizer: the request as a proxy integration would get it, without its body."""
    exchange = routed.exchange
    spelled = {**compiled.header_spelling, **routed.method.header_spelling}
    headers = {spelled.get(name, name): values for name, values in exchange.headers.items()}
    return {
        "type": "REQUEST",
        "methodArn": method_arn,
        "resource": routed.method.resource.path,
        "path": exchange.target.path,
        "httpMethod": exchange.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(exchange.query),
        "multiValueQueryStringParameters": exchange.query,
        "pathParameters": _path_parameters(routed),
        "stageVariables": routed.located.stage.variables,
        "requestContext": _request_context(routed),
    }


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: held[-1] for name, held in values.items()}


def _path_parameters(routed: Routed) -> dict[str, str]:
    # Paths reach functions as they were sent; only a greedy parameter holds slashes that were not escaped.
    path = routed.method.resource.path
    return {
        name: quote(value, safe="/" if f"{{{name}+}}" in path else "") for name, value in routed.path_parameters.items()
    }


def _request_context(routed: Routed) -> dict[str, VtlValue]:
    context = build_context(routed, Overrides())
    members = {name: value for name, value in context.items() if name not in _WITHOUT}
    identity = dict.fromkeys(_IDENTITY) | dict(context["identity"])
    return {**members, "identity": identity}
