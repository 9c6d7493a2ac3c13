"""The list of steps itself: each takes what the one before it gives."""

from __future__ import annotations

import asyncio
import itertools
import typing
from concurrent.futures import ThreadPoolExecutor

import pytest

from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.pipeline import Progress, front_steps, method_steps
from groundwatch.gateway.runtime.rendering import TemplateRunner
from groundwatch.gateway.runtime.stages import Answered, Arrived


def test_neighbours_fit():
    steps = (
        *front_steps(typing.cast(typing.Any, None), DeploymentCache(1), {}),
        *method_steps({}, TemplateRunner(ThreadPoolExecutor(1)), lambda: 0),
    )
    hints = [typing.get_type_hints(type(step).__call__) for step in steps]
    assert hints[0]["stage"] is Arrived
    assert hints[-1]["return"] is Answered
    for before, after in itertools.pairwise(hints):
        assert before["return"] is after["stage"]


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
