"""The gateway port: an application that serves deployed stages, a health route, and nothing else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from groundwatch.aws.exchange import BodyTooLargeError, ClientLeftError, HttpExchange
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.intake import MAX_HELD_BYTES, Intake, OverloadedError
from groundwatch.aws.request_ids import RandomPool
from groundwatch.begun import Begun
from groundwatch.gateway.authorizers.custom import FunctionMethods
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.invalidation import InvalidationPolicies
from groundwatch.gateway.catalog import Catalog
from groundwatch.gateway.integrations.base import Upstreams
from groundwatch.gateway.integrations.table import integrations_by_type
from groundwatch.gateway.log_destinations import DeliveryStream, LogGroup
from groundwatch.gateway.runtime.access import AccessLog
from groundwatch.gateway.runtime.addressing import Addresses, Domains
from groundwatch.gateway.runtime.authorizer_tester import AuthorizerTester
from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.compression import Compressor
from groundwatch.gateway.runtime.departure import Departure
from groundwatch.gateway.runtime.errors import GatewayError, unknown_stage, uri_too_long
from groundwatch.gateway.runtime.exchange import RANDOM_BYTES, new_exchange
from groundwatch.gateway.runtime.execution_log import StageLog
from groundwatch.gateway.runtime.gateway_responses import plain_response
from groundwatch.gateway.runtime.handler import RequestHandler
from groundwatch.gateway.runtime.media import MAX_PAYLOAD_BYTES
from groundwatch.gateway.runtime.method_tester import MethodTester
from groundwatch.gateway.runtime.pipeline import front_steps, method_steps
from groundwatch.gateway.runtime.reporting import Reporter
from groundwatch.gateway.runtime.response_cache import DEFAULT_MAX_BYTES, ResponseCache
from groundwatch.gateway.runtime.stage_caches import RuntimeCaches
from groundwatch.gateway.runtime.stage_logs import StageLogs
from groundwatch.gateway.runtime.steps.authorize import authorizations_by_type
from groundwatch.gateway.runtime.steps.cache import KeepResponse, LookUpResponse
from groundwatch.gateway.runtime.steps.throttle import ThrottleRequests, Usage
from groundwatch.gateway.runtime.traffic import TrafficCounts
from groundwatch.gateway.testing import StageCaches, TestInvoker

_TOO_LARGE = plain_response(GatewayError("REQUEST_TOO_LARGE"))
# The service has no other word for a server that has no room.
_OVERLOADED = plain_response(GatewayError("THROTTLED"))
_BAD_REQUEST = WireResponse(400, (("Content-Type", "application/json"),), b'{"message":"Bad Request"}')
_HEADERS_TOO_LARGE = WireResponse(
    431, (("Content-Type", "application/json"),), b'{"message":"Request Header Fields Too Large"}'
)


class GatewaySettings(msgspec.Struct, frozen=True):
    """What the gateway port can be told."""

    region: str
    domain_suffix: str = "amazonaws.com"
    """Ends the host name that is shown as `$context.domainName` for requests in path style."""
    health_path: str = "/health"
    max_header_bytes: int = 10240
    """All names and values together; the service's own limit."""
    max_uri_bytes: int = 10240
    """Path and query string; the service's own limit for regional APIs."""
    max_held_bytes: int = MAX_HELD_BYTES
    """What all large payloads of unanswered requests together may hold, in memory."""
    max_deployments: int = 2048
    """How many deployments are kept compiled."""
    cache_bytes: int = DEFAULT_MAX_BYTES
    """What all stages together keep of their answers, in memory."""
    template_threads: int = 2
    """Threads for templates, schemas and compression that are too large or slow for the event loop."""
    watch_client_after_ms: int = 100
    """From when on a client that leaves ends its request."""


class GatewayApp:
    """The application of the gateway port, over the pipeline.

    `access_log` must not block; `health` gives the answer of the health route; `clock_ms` is the time since the epoch,
    `clock_s` one that only grows.
    """

    def __init__(  # noqa: PLR0913 -- the composition root names every collaborator
        self,
        catalog: Catalog,
        upstreams: Upstreams,
        *,
        guards: MethodGuards,
        usage: Usage,
        access_log: AccessLog,
        settings: GatewaySettings,
        health: Callable[[], Awaitable[WireResponse]],
        clock_ms: Callable[[], int],
        clock_s: Callable[[], float] = time.monotonic,
        domains: Domains | None = None,
    ) -> None:
        self._settings = settings
        self._health = health
        self._clock_ms = clock_ms
        self._draw = RandomPool(RANDOM_BYTES)
        self._intake = Intake(settings.max_held_bytes)
        self._addresses = Addresses(f"{settings.region}.{settings.domain_suffix}", domains)
        self._executor = ThreadPoolExecutor(settings.template_threads, thread_name_prefix="template")
        cache = DeploymentCache(settings.max_deployments)
        self.traffic = TrafficCounts()
        """The figures of every method, for metrics."""
        self.stage_logs: StageLogs[LogGroup] = StageLogs()
        """The logs that stages ask for; to be started and stopped."""
        self.stream_logs: StageLogs[DeliveryStream] = StageLogs()
        """Access logs for Firehose, in a queue of their own: what is slow there must not hold up the others."""
        responses = ResponseCache(clock_ms, settings.cache_bytes)
        keep = KeepResponse(responses)
        look_up = LookUpResponse(responses, InvalidationPolicies(guards.policies), self.traffic)
        steps = method_steps(integrations_by_type(upstreams), self._executor, clock_ms, look_up, keep)
        functions = FunctionMethods(guards, upstreams.roles, clock_ms)
        throttle = ThrottleRequests(catalog, usage, clock_s)
        front = front_steps(catalog, guards.accounts, cache, authorizations_by_type(guards, functions), throttle)
        reporter = Reporter(access_log, self.traffic, self.stage_logs, self.stream_logs, clock_ms)
        self._handler = RequestHandler((*front, *steps), Compressor(self._executor), reporter, clock_ms)
        self.test_invoker: TestInvoker = MethodTester(
            steps, AuthorizerTester(guards, upstreams.roles, clock_ms), clock_ms
        )
        """Runs methods for the control plane on the same steps."""
        self.stage_caches: StageCaches = RuntimeCaches(responses, [functions])
        """Forgets, for the control plane, what is kept of a stage's answers."""

    def close(self) -> None:
        """End the template threads; requests must have been answered."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, exchange: HttpExchange) -> WireResponse:
        """Answer one request."""
        head = exchange.head
        host = head.header("host") or ""
        if head.path == self._settings.health_path and not self._addresses.own_every_path(host):
            return await self._health()
        refusal = self._refusal(exchange)
        if refusal is not None:
            return _with_request_id(refusal).closing()
        with self._intake.hold() as holding:
            try:
                body = await holding.read(exchange, MAX_PAYLOAD_BYTES)
            except BodyTooLargeError:
                return _with_request_id(_TOO_LARGE).closing()
            except OverloadedError:
                return _with_request_id(_OVERLOADED).closing()
            answer = Begun(self._answer(head.with_body(body), host, exchange.version))
            if answer.is_done:
                return answer.result
            async with Departure(exchange.left, self._settings.watch_client_after_ms / 1000) as departure:
                response = await answer
            if departure.happened:
                raise ClientLeftError
            return response

    def _refusal(self, exchange: HttpExchange) -> WireResponse | None:
        """Return the answer to a request that is too large or ambiguous, before its body is read."""
        head = exchange.head
        hosts = [name for name, _ in head.headers].count("host")
        # Whoever stands before the gateway may have judged by another one (RFC 9112, 3.2).
        if hosts > 1 or (not hosts and exchange.version == "1.1"):
            return _BAD_REQUEST
        uri_bytes = len(head.path) + len(head.query_string)
        if uri_bytes > self._settings.max_uri_bytes:
            return plain_response(uri_too_long(f"{uri_bytes} bytes"))
        if (head.declared_bytes() or 0) > MAX_PAYLOAD_BYTES:
            return _TOO_LARGE
        header_bytes = sum([len(name) + len(value) for name, value in head.headers])
        return _HEADERS_TOO_LARGE if header_bytes > self._settings.max_header_bytes else None

    async def _answer(self, request: WireRequest, host: str, version: str) -> WireResponse:
        target = await self._addresses.target(host, request.path)
        if target is None:
            return _with_request_id(plain_response(unknown_stage()))
        exchange = new_exchange(
            request,
            target,
            received_ms=self._clock_ms(),
            protocol=f"HTTP/{version}",
            log=StageLog(),
            draw=self._draw,
        )
        return await self._handler.handle(exchange)


def _with_request_id(response: WireResponse) -> WireResponse:
    """Give an id to an answer that is made before there is an exchange."""
    return response.with_header("x-amzn-RequestId", str(uuid.uuid4()))
