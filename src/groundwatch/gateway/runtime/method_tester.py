"""TestInvokeMethod: one method of the current definition, on the steps of the real pipeline, with an execution log.

There is no stage and no deployment, and neither authorizers nor keys nor throttling are asked.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence

from groundwatch.aws.context import RequestContext
from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import Authorizer, Method, Resource, RestApi, Stage
from groundwatch.gateway.runtime.authorizer_tester import AuthorizerTester, test_wire_request
from groundwatch.gateway.runtime.compiled import CompiledDeployment
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Exchange, Target, new_exchange
from groundwatch.gateway.runtime.execution_log import RecordedLog
from groundwatch.gateway.runtime.gateway_responses import plain_response
from groundwatch.gateway.runtime.handler import run_to_answer
from groundwatch.gateway.runtime.pipeline import Progress, Step
from groundwatch.gateway.runtime.routing import Router
from groundwatch.gateway.runtime.stages import Admitted, Arrived, Authorized, Located, Routed
from groundwatch.gateway.testing import AuthorizerTestResult, TestRequest, TestResult

STAGE_NAME = "test-invoke-stage"
"""The stage that ARNs and `$context` show for test invocations."""
_PARAMETER = re.compile(r"\{([^{}+]+)\+?\}")


class MethodTester:
    """Implements `TestInvoker` on the steps that follow authorization."""

    def __init__(self, steps: Sequence[Step], authorizers: AuthorizerTester, clock_ms: Callable[[], int]) -> None:
        self._steps = steps
        self._authorizers = authorizers
        self._clock_ms = clock_ms

    async def test_invoke(
        self, api: RestApi, resource: Resource, method: Method, request: TestRequest, context: RequestContext
    ) -> TestResult:
        """Run the method; a failure is a result with its status and the reason in the log."""
        started_ms = self._clock_ms()
        request_id = str(uuid.uuid4())
        log = RecordedLog(request_id, self._clock_ms)
        path, _, query = (request.path_with_query_string or resource.path).partition("?")
        exchange = new_exchange(
            test_wire_request(method, request, path, query, context),
            Target(api.id, STAGE_NAME, path, f"{api.id}.execute-api.{api.region}.amazonaws.com"),
            received_ms=started_ms,
            log=log,
            request_id=request_id,
        )
        log.line(f"Starting execution for request: {request_id}")
        log.line(f"HTTP Method: {exchange.request.method}, Resource Path: {path}")
        response = await self._run(api, resource, method, exchange, request)
        log.line(f"Method completed with status: {response.status}")
        return _result(response, self._clock_ms() - started_ms, log.text())

    async def test_authorizer(
        self, api: RestApi, authorizer: Authorizer, request: TestRequest, context: RequestContext
    ) -> AuthorizerTestResult:
        """Ask the authorizer; a failure is a result with its status and the reason in the log."""
        return await self._authorizers.test(api, authorizer, request, context)

    async def _run(
        self, api: RestApi, resource: Resource, method: Method, exchange: Exchange, request: TestRequest
    ) -> WireResponse:
        stage = Stage(
            name=STAGE_NAME,
            deployment_id="",
            created_ms=exchange.received_ms,
            updated_ms=exchange.received_ms,
            variables=request.stage_variables,
            client_certificate_id=request.client_certificate_id,
        )
        located = Located(Arrived(exchange), stage, CompiledDeployment("", api))
        try:
            compiled = located.deployment.method(resource, exchange.method)
        except GatewayError as error:
            exchange.log.line(f"Execution failed due to configuration error: {error.reason}")
            return _bare(plain_response(error))
        if compiled is None:
            exchange.log.line(f"Execution failed: the resource has no method {method.http_method}")
            return _bare(plain_response(GatewayError("MISSING_AUTHENTICATION_TOKEN")))
        routed = Routed(located, located.previous.exchange, compiled, *_path_parameters(resource, request))
        progress = Progress(Admitted(Authorized(routed, principal=None), api_key=None))
        response, failure = await run_to_answer(progress, self._steps)
        return response if failure is None else _bare(response)


def _path_parameters(resource: Resource, request: TestRequest) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters, decoded and as given.

    They are literally `{name}` without a path, and none when the path is another resource's.
    """
    if request.path_with_query_string is None:
        literal = {name: f"{{{name}}}" for name in _PARAMETER.findall(resource.path)}
        return literal, literal
    match = Router([resource]).match(request.path_with_query_string.partition("?")[0])
    return ({}, {}) if match is None else (match.parameters, match.raw)


def _bare(response: WireResponse) -> WireResponse:
    """Leave only the error type of a failure's headers, as the service does."""
    kept = tuple((name, value) for name, value in response.headers if name == "x-amzn-ErrorType")
    return WireResponse(response.status, kept, response.body)


def _result(response: WireResponse, latency_ms: int, log: str) -> TestResult:
    values: dict[str, list[str]] = {}
    for name, value in response.headers:
        values.setdefault(name, []).append(value)
    return TestResult(
        status=response.status,
        body=response.body.decode("utf-8", "replace"),
        headers={name: found[-1] for name, found in values.items()},
        multi_value_headers=values,
        latency_ms=latency_ms,
        log=log,
    )
