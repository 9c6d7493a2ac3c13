"""The order in which a request is processed.

Each step takes the stage that the step before it made and returns the next one, or raises a `GatewayError`. A new step
is a module in `steps/`, a line here and its stage in `stages`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from groundwatch.gateway.authorizers.guards import Accounts
from groundwatch.gateway.authorizers.identity import Authorization
from groundwatch.gateway.catalog import Catalog
from groundwatch.gateway.integrations.base import Integration
from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.rendering import TemplateRunner
from groundwatch.gateway.runtime.stages import Answered, AnyStage, ServedFromCache
from groundwatch.gateway.runtime.steps.api_key import CheckApiKey
from groundwatch.gateway.runtime.steps.authorize import Authorize
from groundwatch.gateway.runtime.steps.cache import KeepResponse, LookUpResponse
from groundwatch.gateway.runtime.steps.integrate import Integrate
from groundwatch.gateway.runtime.steps.locate import Locate
from groundwatch.gateway.runtime.steps.map_request import MapRequest
from groundwatch.gateway.runtime.steps.map_response import MapResponse
from groundwatch.gateway.runtime.steps.route import Route
from groundwatch.gateway.runtime.steps.select_response import SelectResponse
from groundwatch.gateway.runtime.steps.start_log import StartLog
from groundwatch.gateway.runtime.steps.throttle import ThrottleRequests
from groundwatch.gateway.runtime.steps.validate import Validate

Step = Callable[[Any], Awaitable[AnyStage]]
"""From one stage to the next; a test holds neighbours' types together."""


def front_steps(
    catalog: Catalog,
    accounts: Accounts,
    cache: DeploymentCache,
    authorizations: Mapping[str, Authorization],
    throttle: ThrottleRequests,
) -> tuple[Step, ...]:
    """Return the steps that find the method and decide who may call it, and how often."""
    return (
        Locate(catalog, accounts, cache),
        Route(),
        StartLog(),
        Authorize(authorizations),
        CheckApiKey(catalog),
        throttle,
    )


def method_steps(
    integrations: Mapping[str, Integration],
    executor: Executor,
    clock_ms: Callable[[], int],
    look_up: LookUpResponse,
    keep: KeepResponse,
) -> tuple[Step, ...]:
    """Return the steps that carry out the method: all that a test invocation runs.

    What takes long, in templates and schemas, goes on in `executor`.
    """
    runner = TemplateRunner(executor)
    return (
        Validate(executor),
        look_up,
        MapRequest(runner),
        Integrate(integrations, clock_ms),
        SelectResponse(),
        MapResponse(runner),
        keep,
    )


class Progress:
    """How far one request has come: the last stage that was reached, also after an error."""

    __slots__ = ("stage",)

    def __init__(self, stage: AnyStage) -> None:
        self.stage = stage

    async def run(self, steps: Sequence[Step]) -> Answered | ServedFromCache:
        """Run all steps, of which the last answers, or those up to an answer from the cache.

        Raises:
            GatewayError: from the first step that refuses.
        """
        stage = self.stage
        for step in steps:
            self.stage = stage = await step(stage)
            if type(stage) is ServedFromCache:
                return stage
        if not isinstance(stage, Answered):
            raise TypeError("the last step does not answer")
        return stage
