"""A whole stream of a million events, page by page through GetLogEvents, beside the engine's own export of it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks import export_alone
from benchmarks.client import Connection, LoadError, describe
from benchmarks.events import EventSource
from benchmarks.log_calls import create_streams, fill_stream
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "walk"
GROUP, STREAM = "/benchmark/walk", "app-1"
AGE_MS = 3_600_000
MB_PER_S_TARGET, EXPORT_TARGET = 100.0, 0.5


class Walk(msgspec.Struct, frozen=True):
    """One way from the first event of a stream to its last."""

    events: int
    message_bytes: int
    elapsed_s: float

    @property
    def mb_per_s(self) -> float:
        """Megabytes of messages a second."""
        return self.message_bytes / 1e6 / self.elapsed_s


class _Event(msgspec.Struct):
    timestamp: int
    message: str


class _Page(msgspec.Struct):
    events: list[_Event]
    nextForwardToken: str  # noqa: N815 - the API's spelling


def run(settings: Settings) -> list[Row]:
    """Fill a stream, walk through it in every round, and let the engine write it out alone."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with tempfile.TemporaryDirectory(prefix="groundwatch-walk-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as server:
            create_streams(server, GROUP, [STREAM])
            fill_stream(server, GROUP, STREAM, source, settings.put_events)
            walks = [_walk(server, settings.put_events) for _ in range(settings.rounds)]
        alone = export_alone.measure(data / "events", settings.rounds)
    ours = Series("Groundwatch", "MB/s", [walk.mb_per_s for walk in walks])
    theirs = Series("chDB alone", "MB/s", alone)
    what = f"GetLogEvents, a stream of {settings.put_events:,} events from first to last"
    # The target is the lesser of the two.
    target = min(EXPORT_TARGET, MB_PER_S_TARGET / theirs.median)
    return [Row(NAME, what, ours, target, "times", theirs)]


def _walk(server: Server, events: int) -> Walk:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        walk = runner.run(_pages(server))
    if walk.events != events:
        raise LoadError(f"{walk.events} events on the way, not {events}")
    return walk


async def _pages(server: Server) -> Walk:
    """Read page after page over one connection, as SDKs do."""
    signer, connection = server.signer(), Connection(server.service, None)
    members: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": STREAM, "startFromHead": True}
    decoder = msgspec.json.Decoder(_Page)
    seen = message_bytes = 0
    start_s = time.perf_counter()
    try:
        while True:
            request = signer.request("GetLogEvents", msgspec.json.encode(members))
            response = await connection.exchange(request)
            if response.status != 200:
                raise LoadError(describe(request, response))
            page = decoder.decode(response.body)
            if not page.events:
                return Walk(seen, message_bytes, time.perf_counter() - start_s)
            seen += len(page.events)
            message_bytes += sum(len(event.message) for event in page.events)
            members["nextToken"] = page.nextForwardToken
    finally:
        connection.close()
