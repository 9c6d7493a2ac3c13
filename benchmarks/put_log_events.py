"""A million events in batches of 1,000, beside moto_server and chDB alone; the memory that Groundwatch then holds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from benchmarks import chdb_alone
from benchmarks.client import run_load
from benchmarks.events import EventSource
from benchmarks.log_calls import check_page, create_streams, newest_page
from benchmarks.prepared import Bodies, prepare
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server, moto_server
from benchmarks.settings import Settings

NAME = "put_log_events"
GROUP = "/benchmark/load"
STREAMS = tuple(f"app-{number}" for number in range(20))
AGE_MS = 3_600_000
CHECKED_EVENTS = 100
REJECTED = b"rejectedLogEventsInfo"
MOTO_TARGET, CHDB_TARGET, MEMORY_TARGET_MB = 2.5, 0.25, 900.0


class PutResult(msgspec.Struct, frozen=True):
    """One round against one server."""

    events_per_second: float
    p99_ms: float
    resident_mb: float


def run(settings: Settings) -> list[Row]:
    """Load a fresh Groundwatch, a fresh moto_server and a fresh chDB in every round."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with tempfile.TemporaryDirectory(prefix="groundwatch-bodies-") as scratch:
        batches = settings.put_events // source.batch_events
        paths = prepare(Path(scratch), source, GROUP, STREAMS, batches)
        bodies = Bodies(paths)
        ours, moto, alone = [], [], []
        for _ in range(settings.rounds):
            ours.append(load(groundwatch_server, bodies.views, source, settings.connections))
            moto.append(load(moto_server, bodies.views, source, settings.connections))
            alone.append(chdb_alone.measure(paths).per_second)
        bodies.close()
    return _rows(settings, ours, moto, alone)


def load(
    start: Callable[[], AbstractContextManager[Server]],
    bodies: Sequence[memoryview],
    source: EventSource,
    connections: int,
) -> PutResult:
    """Start a server, send it all bodies, check that the events are there, and return what was measured."""
    with start() as server:
        create_streams(server, GROUP, STREAMS)
        requests = list(server.signer().requests("PutLogEvents", bodies))
        result = run_load(server.service, requests, connections, refuse=REJECTED)
        resident_mb = server.resident_bytes() / 1e6
        check_stored(server, source, len(bodies))
    return PutResult(result.per_second * source.batch_events, result.latency_ms(99), resident_mb)


def check_stored(server: Server, source: EventSource, batches: int) -> None:
    """Raise `LoadError` unless the last batch of each stream can be read back."""
    for number in range(max(batches - len(STREAMS), 0), batches):
        page = newest_page(server, GROUP, STREAMS[number % len(STREAMS)], CHECKED_EVENTS)
        check_page(page, source.batch(number)[-CHECKED_EVENTS:])


def _rows(settings: Settings, ours: list[PutResult], moto: list[PutResult], alone: list[float]) -> list[Row]:
    rate = Series("Groundwatch", "events/s", [each.events_per_second for each in ours])
    p99_ms = Series("Groundwatch", "ms", [each.p99_ms for each in ours]).median
    memory = Series("Groundwatch", "MB", [each.resident_mb for each in ours])
    moto_rate = Series("moto_server", "events/s", [each.events_per_second for each in moto])
    alone_rate = Series("chDB alone", "rows/s", alone)
    puts = f"PutLogEvents, {settings.put_events:,} events, {settings.connections} connections"
    note = f"p99 {p99_ms:.0f} ms"
    return [
        Row(NAME, f"{puts}, fsynced", rate, MOTO_TARGET, "times", moto_rate, note),
        Row(NAME, "the same, beside the engine alone in batches of 50,000", rate, CHDB_TARGET, "times", alone_rate),
        Row(NAME, f"resident memory after {settings.put_events:,} events", memory, MEMORY_TARGET_MB, "below"),
    ]
