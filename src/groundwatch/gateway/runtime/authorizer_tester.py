"""TestInvokeAuthorizer: what an authorizer of the current definition says of a request, with an execution log.

Nothing that was remembered is used, and nothing is remembered.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from groundwatch.aws.context import RequestContext
from groundwatch.aws.http import WireRequest
from groundwatch.gateway.authorizers.custom import FunctionMethods
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.pools import JwtMethods, PoolMethods, TokenMethods, authorizer_of
from groundwatch.gateway.authorizers.question import Question
from groundwatch.gateway.definition import Authorizer, Integration, Method, Resource, RestApi, Stage
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.runtime.compiled import CompiledDeployment, CompiledMethod
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Target, new_exchange
from groundwatch.gateway.runtime.execution_log import RecordedLog, failure_lines
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import Arrived, Located, Routed
from groundwatch.gateway.testing import AuthorizerTestResult, TestRequest

STAGE_NAME = "ESTestInvoke-stage"
"""The stage that ARNs show for tests of authorizers."""


class AuthorizerTester:
    """Runs authorizers for the control plane."""

    def __init__(self, guards: MethodGuards, roles: RoleSource, clock_ms: Callable[[], int]) -> None:
        self._functions = FunctionMethods(guards, roles, clock_ms)
        self._tokens: Mapping[str, TokenMethods] = {
            "COGNITO_USER_POOLS": PoolMethods(guards),
            "JWT": JwtMethods(guards),
        }
        self._clock_ms = clock_ms

    async def test(
        self, api: RestApi, authorizer: Authorizer, request: TestRequest, context: RequestContext
    ) -> AuthorizerTestResult:
        """Return the verdict; a failure is a result with its status and the reason in the log."""
        started_ms = self._clock_ms()
        request_id = str(uuid.uuid4())
        log = RecordedLog(request_id, self._clock_ms)
        log.line(f"Starting authorizer: {authorizer.id} for request: {request_id}")
        try:
            found = await self._ask(_routed(api, authorizer, request, context, log))
        except GatewayError as error:
            for line in failure_lines(error, request_id):
                log.line(line)
            return AuthorizerTestResult(error.status, self._clock_ms() - started_ms, log.text())
        log.line("Successfully completed authorizer execution")
        principal_id, policy, claims = found
        return AuthorizerTestResult(200, self._clock_ms() - started_ms, log.text(), principal_id, policy, claims)

    async def _ask(self, routed: Routed) -> tuple[str | None, str | None, dict[str, str]]:
        compiled = authorizer_of(routed)
        tokens = self._tokens.get(compiled.definition.type)
        if tokens is not None:
            return None, None, await tokens.claims(routed, compiled)
        verdict = await self._functions.verdict(routed, compiled, Question.of(routed), fresh=True)
        return verdict.principal_id, verdict.policy, {}


def _routed(
    api: RestApi, authorizer: Authorizer, request: TestRequest, context: RequestContext, log: RecordedLog
) -> Routed:
    """Return the request as one for a method that has this authorizer."""
    method = Method("GET", authorizer_id=authorizer.id)
    path, _, query = (request.path_with_query_string or "/").partition("?")
    wire = test_wire_request(method, request, path, query, context)
    target = Target(api.id, STAGE_NAME, path, f"{api.id}.execute-api.{api.region}.amazonaws.com")
    exchange = new_exchange(wire, target, received_ms=context.received_ms, log=log)
    stage = Stage(STAGE_NAME, "", context.received_ms, context.received_ms, variables=request.stage_variables)
    located = Located(Arrived(exchange), stage, CompiledDeployment("", api))
    compiled = CompiledMethod(Resource(api.root_resource_id, "/"), method, Integration("MOCK"))
    return Routed(located, located.previous.exchange, compiled, {})


def test_wire_request(
    method: Method, request: TestRequest, path: str, query: str, context: RequestContext
) -> WireRequest:
    """Return a made-up request as if it had arrived."""
    headers = [(name.lower(), value) for name, values in request.multi_value_headers.items() for value in values]
    given = {name for name, _ in headers}
    headers += [(name.lower(), value) for name, value in request.headers.items() if name.lower() not in given]
    # Which method runs is said by the operation, which is what the caller was authorized for.
    headers = [(name, value) for name, value in headers if name not in ("content-type", "x-http-method-override")]
    return WireRequest(
        method="GET" if method.http_method == "ANY" else method.http_method,
        path=path,
        query_string=query,
        # The service takes every test payload for JSON.
        headers=(*headers, ("content-type", JSON)),
        body=(request.body or "").encode("utf-8", "replace"),
        source_ip=context.source_ip,
        secure=context.secure,
    )
