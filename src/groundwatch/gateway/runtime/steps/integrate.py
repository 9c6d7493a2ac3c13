"""Step 7: call the integration, within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from groundwatch.begun import Begun, in_task
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.base import Integration
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.stages import Integrated, MappedRequest


class Integrate:
    """Hands the mapped request to the integration of its type."""

    def __init__(self, integrations: Mapping[str, Integration], clock_ms: Callable[[], int]) -> None:
        self._integrations = integrations
        self._clock_ms = clock_ms

    async def __call__(self, stage: MappedRequest) -> Integrated:
        """Raise 500 for a type that is not implemented and 504 when the integration takes too long."""
        definition = stage.routed.method.integration
        integration = self._integrations.get(definition.type)
        if integration is None:
            raise configuration_error(f"integrations of type {definition.type} are not implemented")
        started_ms = self._clock_ms()
        work = Begun(integration.integrate(stage))
        answer = work.result if work.is_done else await _within(definition.timeout_in_millis, work)
        latency_ms = self._clock_ms() - started_ms
        log = stage.routed.exchange.log
        if log.active and definition.type != "MOCK":
            log.received(f"Received response. Status: {answer.status}, Integration latency: {latency_ms} ms")
        return Integrated(stage, answer, latency_ms)


async def _within(limit_ms: int, work: Begun[IntegrationAnswer]) -> IntegrationAnswer:
    await in_task()
    try:
        async with asyncio.timeout(limit_ms / 1000):
            return await work
    except TimeoutError as error:
        raise GatewayError("INTEGRATION_TIMEOUT", reason=f"no answer within {limit_ms} ms") from error
