"""A load at a steady rate: requests are sent when they are due, however long the answers take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

import msgspec
import uvloop

from benchmarks.client import Connection, Endpoint, LoadError, Request, describe
from benchmarks.http1 import MalformedResponseError

TIMEOUT_S = 120
BEHIND_RATIO = 1.5
"""A load that takes this many times as long as it was to take is not the load that was asked for."""


class Paced(msgspec.Struct, frozen=True):
    """A load that went through."""

    acknowledged_s: list[float]
    """When each request was answered, by `time.monotonic`."""
    latencies_ms: list[float]
    """From when each request was due to its answer, also where it had to wait for a connection."""
    per_second: float
    """Requests per second as they were answered: less than was asked for when the server did not keep up."""


def run_paced(endpoint: Endpoint, requests: Sequence[Request], connections: int, per_second: float) -> Paced:
    """Send the requests at this rate and return when each was acknowledged.

    Raises `LoadError` at the first answer that is not 200, and when the rate was not nearly kept.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(asyncio.wait_for(_run(endpoint, requests, connections, per_second), TIMEOUT_S))
        except* (LoadError, OSError, MalformedResponseError) as failures:
            raise LoadError(repr(failures.exceptions[0])) from failures
    raise LoadError("nothing was sent")


async def _run(endpoint: Endpoint, requests: Sequence[Request], connections: int, per_second: float) -> Paced:
    acknowledged_s = [0.0] * len(requests)
    start_s = time.monotonic()
    numbers = iter(range(len(requests)))

    async def drive(connection: Connection, numbers: Iterator[int]) -> None:
        for number in numbers:
            await asyncio.sleep(start_s + number / per_second - time.monotonic())
            response = await connection.exchange(requests[number])
            acknowledged_s[number] = time.monotonic()
            if response.status != 200:
                raise LoadError(describe(requests[number], response))

    pool = [Connection(endpoint, endpoint.ssl_context()) for _ in range(connections)]
    try:
        async with asyncio.TaskGroup() as group:
            for each in pool:
                group.create_task(drive(each, numbers))
    finally:
        for each in pool:
            each.close()
    took_s = max(acknowledged_s) - start_s
    check_pace(took_s, len(requests) / per_second)
    latencies_ms = [(at_s - start_s - number / per_second) * 1000 for number, at_s in enumerate(acknowledged_s)]
    return Paced(acknowledged_s, latencies_ms, len(requests) / took_s)


def check_pace(took_s: float, due_s: float) -> None:
    """Raise `LoadError` when a load took much longer than it was to take."""
    if took_s > due_s * BEHIND_RATIO:
        raise LoadError(f"the load of {due_s:.0f} s took {took_s:.1f} s: the rate was not kept")
