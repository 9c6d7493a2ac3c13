"""AWS_PROXY: the request as an event of format 1.0 for a Lambda function, and its result as the client's answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from groundwatch.gateway.functions import FunctionAnswer
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.function_calls import FunctionCalls
from groundwatch.gateway.integrations.sending import forwarding
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.context import build_context
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.header_rules import check_size, header_text
from groundwatch.gateway.runtime.media import is_binary, mime
from groundwatch.gateway.runtime.overrides import NO_OVERRIDES
from groundwatch.gateway.runtime.stages import AnyStage, MappedRequest, Routed

MALFORMED = "Malformed Lambda proxy response"
MAX_HEADERS = 1000
_NULL_IDENTITY: Mapping[str, None] = dict.fromkeys((
    "cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "sourceIp", "principalOrgId", "accessKey",
    "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "userAgent", "user",
))  # fmt: skip
_NOT_IN_EVENTS = frozenset({"requestOverride", "responseOverride", "error", "awsEndpointRequestId"})

HeaderValue = str | bool


class _Result(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What a function may return: nothing is required, and nothing else is taken."""

    status_code: Annotated[int, msgspec.Meta(ge=100, le=599)] | str | None = None
    headers: dict[str, HeaderValue] | None = None
    multi_value_headers: dict[str, list[HeaderValue]] | None = None
    body: str | None = None
    is_base64_encoded: bool | None = None


_decoder = msgspec.json.Decoder(_Result)


class LambdaProxyIntegration:
    """Hands requests to functions."""

    def __init__(self, calls: FunctionCalls) -> None:
        self._calls = calls

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Return what the function wants the client to get.

        Raises:
            GatewayError: 502 for a function that fails or returns something else, and what calling it raises.
        """
        routed = mapped.routed
        answer = await self._calls.call(mapped, msgspec.json.encode(proxy_event(mapped)))
        return _client_answer(answer, routed)


def proxy_event(mapped: MappedRequest) -> dict[str, Any]:
    """Return the event of format 1.0 for a request."""
    routed = mapped.routed
    exchange = routed.exchange
    headers = event_headers(routed)
    body, coded = _event_body(mapped)
    return {
        "resource": routed.method.resource.path,
        "path": exchange.target.event_path,
        "httpMethod": exchange.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in exchange.query.items()} or None,
        "multiValueQueryStringParameters": exchange.query or None,
        "pathParameters": {**routed.path_parameters, **routed.raw_path_parameters} or None,
        "stageVariables": routed.located.stage.variables or None,
        "requestContext": event_context(mapped),
        "body": body,
        "isBase64Encoded": coded,
    }


def event_headers(routed: Routed) -> dict[str, list[str]]:
    """Return the headers, spelled as the method declares them, else with capitals: the listener keeps no case."""
    exchange, spelled = routed.exchange, routed.method.header_spelling
    headers = {spelled.get(name) or name.title(): list(values) for name, values in exchange.headers.items()}
    headers["X-Amzn-Trace-Id"] = [exchange.trace_id]
    return headers | {name: [value] for name, value in forwarding(routed)}


def _event_body(mapped: MappedRequest) -> tuple[str | None, bool]:
    routed = mapped.routed
    if not mapped.body:
        return None, False
    content_type = mime(routed.exchange.last_header("content-type"))
    if is_binary(content_type, routed.located.deployment.api.binary_media_types):
        return base64.b64encode(mapped.body).decode(), True
    return mapped.body.decode("utf-8", "replace"), False


def event_context(stage: AnyStage) -> dict[str, Any]:
    """Return the `requestContext` of an event: `$context`, with every member of `identity`."""
    context = build_context(stage, NO_OVERRIDES)
    kept = {name: value for name, value in context.items() if name not in _NOT_IN_EVENTS}
    return {**kept, "identity": {**_NULL_IDENTITY, **kept["identity"]}}


def _client_answer(answer: FunctionAnswer, routed: Routed) -> IntegrationAnswer:
    if answer.error is not None:
        raise _malformed(f"the function failed ({answer.error}): {answer.payload[:200].decode('utf-8', 'replace')}")
    try:
        result = _decoder.decode(answer.payload)
        status = 200 if result.status_code is None else int(result.status_code)
        headers = tuple(_merged(result))
        body = _body(result, routed)
    except (msgspec.DecodeError, RecursionError, ValueError, MappingError) as error:
        raise _malformed(str(error)) from error
    if not 200 <= status <= 599:
        raise _malformed(f"the status is {status}")
    return IntegrationAnswer(status, headers, body, str(status), traced=True)


def _merged(result: _Result) -> list[tuple[str, str]]:
    """Return all headers; a name in both maps has the values of both, each once."""
    single, multiple = result.headers or {}, result.multi_value_headers or {}
    if len(single) + sum(map(len, multiple.values())) > MAX_HEADERS:
        raise MappingError(f"there are more than {MAX_HEADERS} headers")
    many = {name: [_text(value) for value in values] for name, values in multiple.items()}
    spelled = {name.lower(): name for name in many}
    for name, value in single.items():
        values = many.setdefault(spelled.get(name.lower(), name), [])
        if _text(value) not in values:
            values.insert(0, _text(value))
    headers = [(name, header_text(name, value)) for name, values in many.items() for value in values]
    check_size(headers)
    return headers


def _text(value: HeaderValue) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _body(result: _Result, routed: Routed) -> bytes:
    """Return the body; base64 is undone for clients that ask for a binary type, and others get the text."""
    text = result.body or ""
    accept = mime(routed.exchange.last_header("accept"))
    if not result.is_base64_encoded or not is_binary(accept, routed.located.deployment.api.binary_media_types):
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MappingError("the body is not base64") from error


def _malformed(reason: str) -> GatewayError:
    return GatewayError("API_CONFIGURATION_ERROR", reason=f"{MALFORMED}: {reason}", status=502)
