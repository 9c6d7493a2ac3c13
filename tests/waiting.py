"""Waiting for what happens beside a test and sets no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WAIT_S = 20
STEP_S = 0.003


async def until(found: Callable[[], T], what: str = "something") -> T:
    """Return what `found` returns as soon as that is true; fails after `WAIT_S`."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not (result := found()):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(STEP_S)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None
    return result


async def end(server: asyncio.Server) -> None:
    """Accept no more, let what was accepted come to whoever serves it, and close.

    CPython 3.11 drops a connection that it opens when its server has been closed since: the collector finds it, in the
    middle of another test.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    # One turn opens the transport, one makes the connection of the protocol, one begins the handler.
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()
