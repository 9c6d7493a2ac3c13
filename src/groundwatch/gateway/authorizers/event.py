"""What a function is told of a request: the two forms of event that authorizers send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.integrations.lambda_proxy import event_context, event_headers
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
        "path": exchange.target.path,
        "httpMethod": exchange.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(exchange.query),
        "multiValueQueryStringParameters": exchange.query,
        "pathParameters": {**routed.path_parameters, **routed.raw_path_parameters},
        "stageVariables": routed.located.stage.variables,
        "requestContext": event_context(routed),
    }


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: held[-1] for name, held in values.items()}
