"""AWS: a call of an AWS service with the credentials of the integration's role.

The request is what the service sends: the mapped parameters and body, and its own headers. Only the signature is
missing, since the backend is told who calls.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.base import Backend, RoleSource, UnknownServiceError
from groundwatch.gateway.integrations.uri import AwsTarget, fill_stage_variables, parse_aws_uri
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import Authorized, MappedRequest, Routed, reached

SESSION_NAME = "BackplaneAssumeRoleSession"
"""The session name that the service uses, and that policies and audit logs show."""
SERVICE_PRINCIPAL = "apigateway.amazonaws.com"
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_CALLER_CREDENTIALS = re.compile(r"arn:aws[a-z-]*:iam::\*:user/\*")


class AwsIntegration:
    """Calls `backend` with a session of the integration's role."""

    def __init__(self, backend: Backend, roles: RoleSource) -> None:
        self._backend = backend
        self._roles = roles

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
        source_arn = _source_arn(routed)
        principal = await self._principal(mapped, role_arn, source_arn)
        request = _wire_request(mapped, target, definition.http_method or "POST", source_arn)
        _log_request(routed, target, request)
        answer = await self._call(target, request, principal, source_arn)
        _log_answer(routed, answer)
        return IntegrationAnswer(answer.status, answer.headers, answer.body, str(answer.status), traced=True)

    async def _principal(self, mapped: MappedRequest, role_arn: str, source_arn: str) -> Principal:
        routed = mapped.routed
        api = routed.located.deployment.api
        if not role_arn:
            raise configuration_error("Role ARN must be specified for AWS integrations")
        if _CALLER_CREDENTIALS.fullmatch(role_arn):
            return _caller(mapped)
        if _account_of(role_arn) != api.account_id:
            raise configuration_error(f"Cross-account pass role is not allowed: {role_arn}")
        try:
            return await self._roles.assume_for_service(
                role_arn,
                SERVICE_PRINCIPAL,
                account_id=api.account_id,
                session_name=SESSION_NAME,
                source_arn=source_arn,
            )
        except ServiceError as error:
            reason = f"API Gateway does not have permission to assume the provided role {role_arn}"
            raise configuration_error(f"{reason} ({error.code})") from error

    async def _call(
        self, target: AwsTarget, request: WireRequest, principal: Principal, source_arn: str
    ) -> WireResponse:
        try:
            return await self._backend.call(
                target.service, request, principal, region=target.region, source_arn=source_arn
            )
        except UnknownServiceError as error:
            raise configuration_error(f"AWS service {target.service} is not available here") from error


def _caller(mapped: MappedRequest) -> Principal:
    """Return who signed the request; the backend's policies then decide on the caller's own rights."""
    authorized = reached(mapped, Authorized)
    if authorized is None or authorized.principal is None:
        raise configuration_error("the caller's own credentials need a method with the authorization type AWS_IAM")
    return authorized.principal


def _account_of(role_arn: str) -> str | None:
    try:
        return parse_arn(role_arn).account_id
    except ValueError:
        return None


def _source_arn(routed: Routed) -> str:
    api, target = routed.located.deployment.api, routed.exchange.target
    resource = f"{api.id}/{target.stage_name}/{routed.exchange.method}{routed.method.resource.path}"
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{resource}"


def _wire_request(mapped: MappedRequest, target: AwsTarget, method: str, source_arn: str) -> WireRequest:
    query = [("Action", target.action), *mapped.query] if target.action else mapped.query
    body = b"" if method in ("GET", "HEAD") else mapped.body
    return WireRequest(
        method=method,
        path=target.path,
        query_string="&".join(f"{quote(name, safe='~')}={quote(value or '', safe='~')}" for name, value in query),
        headers=_headers(mapped, target, source_arn, len(body)),
        body=body,
        source_ip=mapped.routed.exchange.request.source_ip,
        secure=True,
    )


def _headers(mapped: MappedRequest, target: AwsTarget, source_arn: str, length: int) -> tuple[tuple[str, str], ...]:
    """Return the service's own headers, replaced or joined by the mapped ones."""
    exchange = mapped.routed.exchange
    now = datetime.fromtimestamp(exchange.received_ms / 1000, UTC)
    headers = {
        "accept": JSON,
        "user-agent": f"AmazonAPIGateway_{exchange.target.api_id}",
        "content-type": _content_type(mapped.routed),
    }
    headers |= {name.lower(): value for name, value in mapped.headers.items()}
    headers |= {
        "host": target.host,
        "content-length": str(length),
        "x-amzn-apigateway-api-id": exchange.target.api_id,
        "x-amzn-trace-id": exchange.trace_id,
        "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
        "x-amz-source-arn": source_arn,
    }
    return tuple(headers.items())


def _content_type(routed: Routed) -> str:
    given = routed.exchange.last_header("content-type")
    return JSON if given is None or routed.exchange.method in _BODILESS else given


def _log_request(routed: Routed, target: AwsTarget, request: WireRequest) -> None:
    log = routed.exchange.log
    if log.enabled:
        uri = f"https://{target.host}{request.path}" + (f"?{request.query_string}" if request.query_string else "")
        log.line(f"Endpoint request URI: {uri}")
        log.line(f"Endpoint request headers: {java_map(request.headers)}")
        log.line(f"Endpoint request body after transformations: {request.body.decode('utf-8', 'replace')}")
        log.line(f"Sending request to {uri}")


def _log_answer(routed: Routed, answer: WireResponse) -> None:
    log = routed.exchange.log
    if log.enabled:
        log.line(f"Endpoint response headers: {java_map(answer.headers)}")
        body = answer.body.decode("utf-8", "replace")
        log.line(f"Endpoint response body before transformations: {body}")
