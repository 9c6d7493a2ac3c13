"""AWS: a call of an AWS service with the credentials of the integration's role.

The request is what the service sends: the mapped parameters and body, and its own headers. Only the signature is
missing, since the backend is told who calls. Lambda functions are not in this server: `FunctionCalls` has them.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from groundwatch.aws.context import Principal
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.base import Backend, UnknownServiceError
from groundwatch.gateway.integrations.function_calls import FunctionCalls
from groundwatch.gateway.integrations.roles import RoleSessions, source_arn_of
from groundwatch.gateway.integrations.sending import content_type, log_answer, log_request, query_text, user_agent
from groundwatch.gateway.integrations.upstream import UpstreamCalls
from groundwatch.gateway.integrations.uri import AwsTarget, fill_stage_variables, parse_aws_uri
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import MappedRequest


class AwsIntegration:
    """Calls `backend` with a session of the integration's role, or a function, or a service elsewhere."""

    def __init__(
        self, backend: Backend, sessions: RoleSessions, functions: FunctionCalls, elsewhere: UpstreamCalls | None
    ) -> None:
        self._backend = backend
        self._sessions = sessions
        self._functions = functions
        self._elsewhere = elsewhere

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Return the service's answer, its errors included: they go through response selection like any status.

        Raises:
            GatewayError: when the URI, the role or the service cannot be used.
        """
        routed = mapped.routed
        definition = routed.method.integration
        variables = routed.located.stage.variables
        try:
            target = parse_aws_uri(fill_stage_variables(definition.uri or "", variables), mapped.path)
            role_arn = fill_stage_variables(definition.credentials or "", variables)
        except MappingError as error:
            raise configuration_error(str(error)) from error
        if target.service == "lambda":
            return await self._functions.integrate(mapped)
        source_arn = source_arn_of(routed)
        request = _wire_request(mapped, target, definition.http_method or "POST", source_arn)
        if routed.exchange.log.enabled:
            uri = f"https://{target.host}{request.path}" + (f"?{request.query_string}" if request.query_string else "")
            log_request(routed, uri, request.headers, request.body)
        endpoint = self._elsewhere.endpoint(target, request) if self._elsewhere else None
        if self._elsewhere is not None and endpoint is not None:
            answer = await self._elsewhere.call(mapped, target, endpoint, request, role_arn)
        else:
            principal = await self._sessions.principal(mapped, role_arn, source_arn)
            answer = await self._call(target, request, principal, source_arn)
        log_answer(routed, answer.headers, answer.body)
        return IntegrationAnswer(
            answer.status, answer.headers, answer.body, str(answer.status), traced=True, members=answer.members
        )

    async def _call(
        self, target: AwsTarget, request: WireRequest, principal: Principal, source_arn: str
    ) -> WireResponse:
        try:
            return await self._backend.call(
                target.service, request, principal, region=target.region, source_arn=source_arn
            )
        except UnknownServiceError as error:
            raise configuration_error(f"AWS service {target.service} is not available here") from error


def _wire_request(mapped: MappedRequest, target: AwsTarget, method: str, source_arn: str) -> WireRequest:
    action = None if target.action is None else _action_query(target.action)
    query = query_text(mapped.query) if mapped.query else ""
    body = b"" if method in ("GET", "HEAD") else mapped.body
    return WireRequest(
        method=method,
        path=target.path,
        query_string=f"{action}&{query}" if action and query else action or query,
        headers=_headers(mapped, target, source_arn, len(body)),
        body=body,
        source_ip=mapped.routed.exchange.request.source_ip,
        secure=True,
    )


@functools.lru_cache(maxsize=1024)
def _action_query(action: str) -> str:
    return query_text([("Action", action)])


@functools.lru_cache(maxsize=4)
def _amz_date(time_s: int) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y%m%dT%H%M%SZ}"


def _headers(mapped: MappedRequest, target: AwsTarget, source_arn: str, length: int) -> tuple[tuple[str, str], ...]:
    """Return the service's own headers, replaced or joined by the mapped ones."""
    exchange = mapped.routed.exchange
    headers = {
        "accept": JSON,
        "user-agent": user_agent(mapped.routed),
        "content-type": content_type(mapped.routed),
        **{name.lower(): value for name, value in mapped.headers.items()},
        "host": target.host,
        "content-length": str(length),
        "x-amzn-apigateway-api-id": exchange.target.api_id,
        "x-amzn-trace-id": exchange.trace_id,
        "x-amz-date": _amz_date(exchange.received_ms // 1000),
        "x-amz-source-arn": source_arn,
    }
    return tuple(headers.items())
