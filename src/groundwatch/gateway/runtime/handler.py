"""One request from exchange to answer: runs the pipeline, turns errors into gateway responses, and reports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.compression import Compressor
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.exchange import Exchange
from groundwatch.gateway.runtime.execution_log import failure_lines
from groundwatch.gateway.runtime.gateway_responses import error_response, plain_response
from groundwatch.gateway.runtime.log_format import Outcome
from groundwatch.gateway.runtime.pipeline import Progress, Step
from groundwatch.gateway.runtime.reporting import Reporter
from groundwatch.gateway.runtime.stages import AnyStage, Arrived, Located, exchange_of, stages_of

_log = logging.getLogger(__name__)
CLIENT_LEFT = 499
"""What logs and figures show for a request that was given up since its client had gone; nobody is ever sent it."""


class RequestHandler:
    """Answers requests; wraps the pipeline with error responses, request ids, logs and figures."""

    def __init__(
        self, steps: Sequence[Step], compressor: Compressor, reporter: Reporter, clock_ms: Callable[[], int]
    ) -> None:
        self._steps = steps
        self._compressor = compressor
        self._reporter = reporter
        self._clock_ms = clock_ms

    async def handle(self, exchange: Exchange) -> WireResponse:
        """Return the answer for a request; never raises but for cancellation, which is reported too."""
        progress = Progress(Arrived(exchange))
        try:
            response, error = await run_to_answer(progress, self._steps)
            stages = stages_of(progress.stage)
            located: Located | None = stages.get(Located)
            if located is not None and located.deployment.api.minimum_compression_size is not None:
                response = await self._compressor.compressed(response, located)
        except asyncio.CancelledError:
            left = Outcome(progress.stage, CLIENT_LEFT, 0, self._latency_ms(exchange), None)
            self._reporter.report(left, stages_of(progress.stage))
            raise
        headers = (
            *response.headers,
            ("x-amzn-RequestId", exchange.request_id),
            ("x-amz-apigw-id", exchange.extended_request_id),
        )
        latency_ms = self._latency_ms(exchange)
        outcome = Outcome(progress.stage, response.status, len(response.body), latency_ms, error)
        self._reporter.report(outcome, stages)
        return WireResponse(response.status, headers, response.body)

    def _latency_ms(self, exchange: Exchange) -> int:
        return self._clock_ms() - exchange.received_ms


async def run_to_answer(progress: Progress, steps: Sequence[Step]) -> tuple[WireResponse, GatewayError | None]:
    """Run the steps and return the answer, with the error that it stands for if it is one."""
    try:
        answered = await progress.run(steps)
    except GatewayError as error:
        _report(error, progress.stage)
        return _answer(error, progress.stage), error
    except Exception:  # noqa: BLE001 -- the outermost exit: what no step foresaw is logged, and the client learns nothing
        _log.exception("request %s failed", exchange_of(progress.stage).request_id)
        failure = configuration_error("unexpected failure")
        exchange_of(progress.stage).log.line("Execution failed due to an internal error")
        return plain_response(failure), failure
    return answered.response, None


def _answer(error: GatewayError, stage: AnyStage) -> WireResponse:
    try:
        return error_response(error, stage)
    except MappingError as problem:
        _log.warning("gateway response %s cannot be used: %s", error.response_type, problem)
        return plain_response(error)


def _report(error: GatewayError, stage: AnyStage) -> None:
    """Write why a request failed on the server's side; refusals of clients are only in the access log."""
    exchange = exchange_of(stage)
    if error.status >= 500:
        _log.warning(
            "request %s to %s/%s: %s: %s",
            exchange.request_id,
            exchange.target.api_id,
            exchange.target.stage_name,
            error.response_type,
            error.reason,
        )
    if exchange.log.active:
        for line in failure_lines(error, exchange.request_id):
            exchange.log.line(line)
