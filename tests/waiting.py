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
