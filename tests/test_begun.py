"""Work that may end without waiting."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.begun import Begun, in_task, uninterrupted


async def ready(value):
    return value


async def late(value, waits=3):
    for _ in range(waits):
        await asyncio.sleep(0)
    return value


async def failing(waits):
    await late(None, waits)
    raise LookupError


async def for_ever(left):
    """Wait in vain, and write down when that ends."""
    try:
        await asyncio.Event().wait()
    finally:
        left.append("ended")


@pytest.mark.parametrize(("work", "is_done"), [(ready, True), (late, False)])
async def test_the_result_is_that_of_the_work(work, is_done):
    begun = Begun(work("it"))
    assert begun.is_done is is_done
    assert await begun == "it"


async def test_an_error_before_the_first_wait_comes_at_once():
    with pytest.raises(LookupError):
        Begun(failing(0))


async def test_an_error_after_a_wait_comes_to_who_awaits():
    begun = Begun(failing(2))
    with pytest.raises(LookupError):
        await begun


async def test_the_work_may_catch_what_it_waits_for():
    async def patient():
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return await late("timed out")

    assert await Begun(patient()) == "timed out"


async def test_who_is_cancelled_cancels_the_work():
    left = []

    async def wait(begun):
        return await begun

    waiting = asyncio.ensure_future(wait(Begun(for_ever(left))))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert left == ["ended"]


async def test_a_coroutine_that_is_given_up_is_closed():
    left = []
    steps = Begun(for_ever(left)).__await__()
    next(steps)
    steps.close()
    assert left == ["ended"]


@pytest.mark.parametrize("is_begun", [True, False], ids=["begun outside of any task", "in a task"])
@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_what_is_not_to_be_interrupted_has_its_result(is_begun, waits):
    async def several_steps():
        await late(None, waits)
        if waits:
            await in_task()
            async with asyncio.timeout(60):
                return await late("it", waits)
        return "it"

    async def ask():
        return await uninterrupted(several_steps())

    begun = []
    if is_begun:
        asyncio.get_running_loop().call_soon(lambda: begun.append(Begun(ask())))
        await late(None, 1)
    assert await (begun[0] if is_begun else ask()) == "it"


@pytest.mark.parametrize("is_begun", [True, False], ids=["begun outside of any task", "in a task"])
async def test_what_is_not_to_be_interrupted_goes_on_without_who_awaits_it(is_begun):
    committed, steps = asyncio.Event(), []

    async def change():
        await committed.wait()
        steps.append("forget what is outdated")

    async def ask():
        await uninterrupted(change())

    async def wait(begun):
        await begun

    asked = []
    asyncio.get_running_loop().call_soon(lambda: asked.append(Begun(ask()) if is_begun else ask()))
    await late(None, 1)
    waiting = asyncio.ensure_future(wait(asked[0]))
    await late(None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    committed.set()
    await late(None)
    assert steps == ["forget what is outdated"]
