"""The background work of the reclaimer ends with the server."""

import asyncio

import pytest


@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_is_not_lost_when_something_was_just_deleted(room, turns):
    async def idle() -> None:
        done.set()

    done = asyncio.Event()
    room.reclaimer.expire = idle
    room.reclaimer.start()
    await done.wait()
    await take_turns(5)
    room.reclaimer.wake()
    await take_turns(turns)
    async with asyncio.timeout(5):
        await room.reclaimer.stop()


async def take_turns(count: int) -> None:
    """Let the other tasks of the loop run, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)
