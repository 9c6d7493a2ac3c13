"""Work that may end without waiting."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.begun import Begun


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
