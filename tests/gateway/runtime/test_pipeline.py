"""The list of steps itself: each takes what the one before it gives."""

from __future__ import annotations

import asyncio
import itertools
import typing

import pytest

from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.pipeline import Progress, front_steps, method_steps
from groundwatch.gateway.runtime.stages import Answered, Arrived, ServedFromCache
from groundwatch.gateway.runtime.steps.cache import KeepResponse, LookUpResponse
from groundwatch.gateway.runtime.steps.throttle import ThrottleRequests


def test_neighbours_fit():
    anything = typing.cast(typing.Any, None)
    steps = (
        *front_steps(anything, anything, DeploymentCache(1), {}, ThrottleRequests(anything, anything, lambda: 0.0)),
        *method_steps({}, anything, lambda: 0, LookUpResponse(anything, anything, anything), KeepResponse(anything)),
    )
    hints = [typing.get_type_hints(type(step).__call__) for step in steps]
    assert hints[0]["stage"] is Arrived
    assert hints[-1]["return"] is Answered
    for before, after in itertools.pairwise(hints):
        # An answer from the cache ends the pipeline.
        given = [kind for kind in typing.get_args(before["return"]) if kind is not ServedFromCache]
        assert (given or [before["return"]]) == [after["stage"]]


async def test_a_pipeline_that_does_not_answer_is_an_error(make_gateway, mock):
    with pytest.raises(TypeError):
        await Progress(typing.cast(typing.Any, None)).run(())


async def test_requests_do_not_disturb_each_other(make_gateway, aws):
    gateway = make_gateway({"/{group}": aws()})

    async def echo(request):
        await asyncio.sleep(0)
        from groundwatch.aws.http import WireResponse

        return WireResponse(200, (), request.body)

    gateway.backend.answer = echo
    answers = await asyncio.gather(*(gateway.request(f"/g{n}") for n in range(20)))
    assert [answer.body for answer in answers] == [f'{{"logGroupName":"g{n}"}}' for n in range(20)]
