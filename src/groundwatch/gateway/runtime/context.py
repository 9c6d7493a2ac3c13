"""`$context`: what templates, mapping expressions and gateway responses may know of a request."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from groundwatch.gateway.mapping.parameters import BodyDocument, Message
from groundwatch.gateway.mapping.run import Scope
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.mapping.variables import InputVariable, template_scope
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Values
from groundwatch.gateway.runtime.overrides import NO_OVERRIDES, Overrides
from groundwatch.gateway.runtime.stages import (
    Admitted,
    AnyStage,
    Authorized,
    Integrated,
    Located,
    Routed,
    exchange_of,
    reached,
)


def build_context(stage: AnyStage, overrides: Overrides, error: GatewayError | None = None) -> ContextMap:
    """Return `$context` as far as the request has come, with maps of its own for overrides.

    The order of the members is the service's.
    """
    exchange = exchange_of(stage)
    located, routed = reached(stage, Located), reached(stage, Routed)
    context = ContextMap()
    if routed is not None:
        context["resourceId"] = routed.method.resource.id
        context["resourcePath"] = routed.method.resource.path
    context["httpMethod"] = exchange.method
    context["extendedRequestId"] = exchange.extended_request_id
    context["requestTime"] = _request_time(exchange.received_ms // 1000)
    context["path"] = exchange.target.client_path
    if located is not None:
        context["accountId"] = located.deployment.api.account_id
    context["protocol"] = exchange.protocol
    context["requestOverride"] = overrides.request_map()
    context["stage"] = exchange.target.stage_name
    context["domainPrefix"] = exchange.target.domain_name.partition(".")[0]
    context["requestTimeEpoch"] = exchange.received_ms
    context["requestId"] = exchange.request_id
    context["identity"] = _identity(stage)
    context["domainName"] = exchange.target.domain_name
    if located is not None:
        context["deploymentId"] = located.deployment.id
        if located.is_canary is not None:
            context["isCanaryRequest"] = located.is_canary
    context["responseOverride"] = overrides.response_map()
    context["apiId"] = exchange.target.api_id
    authorized = reached(stage, Authorized)
    if authorized is not None and authorized.authorizer:
        context["authorizer"] = ContextMap(authorized.authorizer)
    _add_outcome(context, stage, error)
    return context


@functools.lru_cache(maxsize=4)
def _request_time(received_s: int) -> str:
    return f"{datetime.fromtimestamp(received_s, UTC):%d/%b/%Y:%H:%M:%S} +0000"


def _identity(stage: AnyStage) -> ContextMap:
    exchange, admitted = exchange_of(stage), reached(stage, Admitted)
    identity = ContextMap(sourceIp=exchange.request.source_ip, userAgent=exchange.request.header("user-agent"))
    authorized = reached(stage, Authorized)
    if authorized is not None and authorized.principal is not None:
        principal = authorized.principal
        identity["accountId"] = principal.account_id
        identity["caller"] = identity["user"] = principal.user_id
        identity["userArn"] = principal.arn
        identity["accessKey"] = authorized.access_key_id
    if admitted is not None and admitted.api_key is not None:
        identity["apiKey"] = admitted.api_key.value
        identity["apiKeyId"] = admitted.api_key.id
    return identity


def _add_outcome(context: ContextMap, stage: AnyStage, error: GatewayError | None) -> None:
    integrated = reached(stage, Integrated)
    backend_id = None if integrated is None else backend_request_id(integrated)
    if backend_id is not None:
        context["awsEndpointRequestId"] = backend_id
    if error is not None:
        context["error"] = ContextMap(
            message=error.message,
            messageString=json.dumps(error.message, ensure_ascii=False),
            responseType=error.response_type,
            validationErrorString=error.validation_error,
        )


def backend_request_id(integrated: Integrated) -> str | None:
    """Return the id that an AWS service gave the gateway's request, None where there is none."""
    ids = (value for name, value in integrated.answer.headers if name.lower() == "x-amzn-requestid")
    return next(ids, None)


class _Context:
    """`$context` for mapping expressions, made when one reads it."""

    __slots__ = ("_error", "_made", "_stage")

    def __init__(self, stage: AnyStage, error: GatewayError | None) -> None:
        self._stage = stage
        self._error = error
        self._made: ContextMap | None = None

    def __call__(self) -> ContextMap:
        if self._made is None:
            self._made = build_context(self._stage, NO_OVERRIDES, self._error)
        return self._made


def message_for(
    stage: AnyStage,
    *,
    error: GatewayError | None = None,
    body: str | bytes = "",
    response_header: Values | None = None,
) -> Message:
    """Return what mapping expressions may read at this stage; `body` is text, or bytes of UTF-8."""
    # From the later stage to the earlier, since each look begins at the end.
    routed = reached(stage, Routed)
    located = reached(stage, Located) if routed is None else routed.located
    exchange = exchange_of(stage) if located is None else located.previous.exchange
    return Message(
        {} if routed is None else routed.path_parameters,
        exchange.query,
        exchange.headers,
        _Context(stage, error),
        {} if located is None else located.stage.variables,
        BodyDocument(body),
        response_header or {},
    )


def scope_for(
    names: frozenset[str],
    stage: AnyStage,
    routed: Routed,
    overrides: Overrides,
    payload: str | bytes,
    members: Mapping[str, object] | None = None,
) -> Scope:
    """Return fresh variables for one evaluation of a template of the method that mentions `names`.

    `payload` and `members` are as for `InputVariable`.
    """
    exchange = routed.exchange
    variable = InputVariable(
        payload,
        path=routed.path_parameters,
        querystring=exchange.query,
        header=exchange.headers,
        # The listener hands names over in lower case, but templates that go through them expect the declared ones.
        spelling=routed.method.header_spelling,
        members=members,
    )
    context = build_context(stage, overrides) if "context" in names else None
    return template_scope(variable, context, routed.located.stage.variables if "stageVariables" in names else None)
