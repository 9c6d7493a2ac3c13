"""The health of both engines: asked once for all who want to know at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from groundwatch.app.health import HEALTH_KEPT_S, HealthDesk


class Engine:
    """Counts how often it is asked, and answers when it may; stands for either store."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failure: Exception | None = None

    async def run(self, _kind: str, _work: Callable[..., object]) -> object:
        return await self.read(_work)

    async def read(self, _work: Callable[..., object]) -> object:
        self.asked += 1
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return None


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def events() -> Engine:
    return Engine()


@pytest.fixture
def metadata() -> Engine:
    return Engine()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def desk(events, metadata, seconds) -> HealthDesk:
    return HealthDesk(events, metadata, clock_s=seconds)


async def test_both_are_told(desk, metadata):
    assert json.loads((await desk.answer()).body) == {"status": "ok", "events": "ok", "metadata": "ok"}
    metadata.failure = OperationalError("SELECT 1", {}, Exception("gone"))
    assert (await desk.answer()).status == 200, "what was found is kept for a moment"


async def test_a_failure_is_seen_and_its_end_too(desk, metadata, seconds):
    metadata.failure = OperationalError("SELECT 1", {}, Exception("gone"))
    answer = await desk.answer()
    assert answer.status == 503
    assert json.loads(answer.body) == {"status": "failing", "events": "ok", "metadata": "failing"}
    metadata.failure = None
    seconds.now += HEALTH_KEPT_S
    assert (await desk.answer()).status == 200


async def test_the_engines_are_asked_once_for_all(desk, events, metadata, seconds):
    events.may_answer.clear()
    waiting = [asyncio.create_task(desk.answer()) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    events.may_answer.set()
    answers = await asyncio.gather(*waiting[1:])
    assert {answer.status for answer in answers} == {200}
    seconds.now += HEALTH_KEPT_S / 2
    await desk.answer()
    assert (events.asked, metadata.asked) == (1, 1)
    seconds.now += HEALTH_KEPT_S / 2
    await desk.answer()
    assert (events.asked, metadata.asked) == (2, 2)
