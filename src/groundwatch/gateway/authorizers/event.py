"""What a function is told of a request: the two forms of event that authorizers send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.integrations.lambda_proxy import event_context, event_headers
from groundwatch.gateway.runtime.execution_log import SECRET_HEADERS, masked
from groundwatch.gateway.runtime.stages import Routed


def token_event(method_arn: str, token: str) -> dict[str, Any]:
    """Return the event of a TOKEN authorizer."""
    return {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}


def request_event(routed: Routed, compiled: CompiledAuthorizer, method_arn: str) -> dict[str, Any]:
    """Return the event of a REQUEST authorizer: the request as a proxy integration would get it, without its body."""
    exchange = routed.exchange
    # A header that the authorizer reads is spelled as its owner writes it.
    spelled = compiled.header_spelling
    headers = {spelled.get(name.lower(), name): values for name, values in event_headers(routed).items()}
    return {
        "type": "REQUEST",
        "methodArn": method_arn,
        "resource": routed.method.resource.path,
        "path": exchange.target.event_path,
        "httpMethod": exchange.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(exchange.query),
        "multiValueQueryStringParameters": exchange.query,
        "pathParameters": {**routed.path_parameters, **routed.raw_path_parameters},
        "stageVariables": routed.located.stage.variables,
        "requestContext": event_context(routed),
    }


def shown_event(event: Mapping[str, Any], identity: Sequence[str]) -> dict[str, Any]:
    """Return an event as a log may show it: without what callers prove with who they are."""
    return {name: _shown(name, value, frozenset(identity)) for name, value in event.items()}


def _shown(name: str, value: Any, secrets: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return masked(value) if value in secrets or name.lower() in SECRET_HEADERS else value
    if isinstance(value, Mapping):
        return {key: _shown(key, held, secrets) for key, held in value.items()}
    if isinstance(value, list):
        return [_shown(name, held, secrets) for held in value]
    return value


def _last(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: held[-1] for name, held in values.items()}
