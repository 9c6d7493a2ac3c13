"""A store of ten million events in ten thousand streams: reads at a random time, beside writes, a restart, a deletion.

Reads are compared with the engine's bare point query on the same store. While a load of half the speed that the store
takes is written, and merged, the same reads go on, and none may wait for it long.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks import point_alone
from benchmarks.client import LoadError, Request, run_load
from benchmarks.events import EventSource
from benchmarks.figures import median, percentile
from benchmarks.log_calls import call, create_streams
from benchmarks.paced import run_paced
from benchmarks.prepared import Bodies, prepare
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "large_store"
GROUP, OTHER_GROUP = "/benchmark/large", "/benchmark/beside"
BATCH_EVENTS = 1000
EVENTS_PER_STREAM = 1000
READS = 300
READS_BESIDE = 2_000
READS_PER_S = 50.0
WRITTEN_STREAMS = 20
SEED = 11
SETTLING_S = 30
DAY_MS = 86_400_000
POINT_TARGET = 1 / 3
BESIDE_TARGET_MS, RESTART_TARGET_S, DELETION_TARGET_MS, FREED_TARGET_S = 100.0, 5.0, 1000.0, 180.0
MEMORY_TARGET_MB = 1200.0
FREED_RATIO = 0.9
"""Of what the group took: compression and indexes do not share out exactly."""
POLL_S = 1.0
BLOCK_BYTES = 512


def run(settings: Settings) -> list[Row]:
    """Fill one store and ask everything of it."""
    streams = settings.large_events // EVENTS_PER_STREAM
    # Each stream has one batch, and they lie side by side in time, as streams of instances that live for a while do.
    source = EventSource(int(time.time() * 1000) - DAY_MS, batch_events=BATCH_EVENTS)
    names = tuple(f"i-{number:05}" for number in range(streams))
    with tempfile.TemporaryDirectory(prefix="groundwatch-large-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as server:
            rate = _fill(server, source, names, settings, Path(scratch))
            time.sleep(SETTLING_S)
            reads_ms = _latencies(server, list(_random_reads(server, source, names, READS)))
            beside_ms = _beside_writes(server, source, names, rate / 2, settings)
            peak_mb = server.peak_resident_bytes() / 1e6
        alone_ms = point_alone.measure(data / "events", READS)
        with groundwatch_server(data) as server:
            restart_s = server.start_s
            deletion_ms, freed_s = _delete(server, data / "events")
    return _rows(settings, reads_ms, alone_ms, beside_ms, [restart_s, deletion_ms, freed_s, peak_mb])


def _fill(server: Server, source: EventSource, names: Sequence[str], settings: Settings, scratch: Path) -> float:
    """Return the requests per second at which the store was filled."""
    create_streams(server, GROUP, [])
    made = (msgspec.json.encode({"logGroupName": GROUP, "logStreamName": name}) for name in names)
    run_load(server.service, server.signer().requests("CreateLogStream", made), settings.connections)
    bodies = Bodies(prepare(scratch, source, GROUP, names, len(names)))
    requests = server.signer().requests("PutLogEvents", bodies.views)
    result = run_load(server.service, requests, settings.connections, refuse=b"rejectedLogEventsInfo")
    bodies.close()
    return result.per_second


def _random_reads(server: Server, source: EventSource, names: Sequence[str], count: int) -> Iterator[Request]:
    chance, signer = random.Random(SEED), server.signer()
    for _ in range(count):
        number = chance.randrange(len(names))
        start_ms = source.start_ms + number * EVENTS_PER_STREAM + chance.randrange(EVENTS_PER_STREAM)
        members = {
            "logGroupName": GROUP,
            "logStreamName": names[number],
            "startTime": start_ms,
            "startFromHead": True,
            "limit": point_alone.LIMIT,
        }
        yield signer.request("GetLogEvents", msgspec.json.encode(members))


def _latencies(server: Server, requests: list[Request]) -> list[float]:
    return run_load(server.service, requests, 1).latencies_ms


def _beside_writes(
    server: Server, source: EventSource, names: Sequence[str], per_second: float, settings: Settings
) -> list[float]:
    """Return the latencies of reads while another group is written to at this rate."""
    written = tuple(f"w-{number}" for number in range(WRITTEN_STREAMS))
    create_streams(server, OTHER_GROUP, written)
    reads = list(_random_reads(server, source, names, READS_BESIDE))
    with tempfile.TemporaryDirectory(prefix="groundwatch-beside-") as scratch:
        count = int(per_second * READS_BESIDE / READS_PER_S)
        bodies = Bodies(prepare(Path(scratch), source, OTHER_GROUP, written, count))
        puts = list(server.signer().requests("PutLogEvents", bodies.views))
        failures: list[LoadError] = []

        def write() -> None:
            try:
                run_paced(server.service, puts, settings.connections, per_second)
            except LoadError as error:
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        latencies = _paced_reads(server, reads)
        writer.join()
        bodies.close()
    if failures:
        raise failures[0]
    return latencies


def _paced_reads(server: Server, reads: Sequence[Request]) -> list[float]:
    """Send a read every so often, each in its turn, and return the latencies."""
    took_ms = []
    start_s = time.monotonic()
    for number, request in enumerate(reads):
        time.sleep(max(0.0, start_s + number / READS_PER_S - time.monotonic()))
        took_ms += run_load(server.service, [request], 1).latencies_ms
    return sorted(took_ms)


def _delete(server: Server, events: Path) -> tuple[float, float]:
    """Delete the large group; return the milliseconds to the answer and the seconds until its space is free."""
    before, share = _disk_bytes(events), _share(server)
    start_s = time.perf_counter()
    call(server, "DeleteLogGroup", {"logGroupName": GROUP})
    answered_ms = (time.perf_counter() - start_s) * 1000
    while (
        _disk_bytes(events) > before * (1 - share * FREED_RATIO) and time.perf_counter() - start_s < 2 * FREED_TARGET_S
    ):
        time.sleep(POLL_S)
    return answered_ms, time.perf_counter() - start_s


def _share(server: Server) -> float:
    """Return how much of the messages is the large group's."""
    answer = msgspec.json.decode(call(server, "DescribeLogGroups", {"logGroupNamePrefix": "/benchmark/"}))
    stored = {group["logGroupName"]: group["storedBytes"] for group in answer["logGroups"]}
    return float(stored[GROUP] / sum(stored.values()))


def _disk_bytes(directory: Path) -> int:
    """Return what the files below take on disk. Those that vanish meanwhile count for nothing."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = Path(parent, name).stat()
                # Parts share files by hard links, so each name counts for its share.
                total += status.st_blocks * BLOCK_BYTES // max(status.st_nlink, 1)
    return total


def _rows(
    settings: Settings, reads_ms: list[float], alone_ms: list[float], beside_ms: list[float], single: list[float]
) -> list[Row]:
    restart_s, deletion_ms, freed_s, peak_mb = single
    store, streams = f"{settings.large_events:,} events", settings.large_events // EVENTS_PER_STREAM
    ours = Series("Groundwatch", "reads/s", [1000 / median(reads_ms)])
    alone = Series("chDB's point query", "reads/s", [1000 / median(alone_ms)])
    note = f"{median(reads_ms):.1f} ms against {median(alone_ms):.1f}"

    def below(what: str, unit: str, figure: float, target: float) -> Row:
        return Row(NAME, what, Series("Groundwatch", unit, [figure]), target, "below")

    return [
        Row(
            NAME,
            f"GetLogEvents at a random time, {store}, {streams:,} streams",
            ours,
            POINT_TARGET,
            "times",
            alone,
            note,
        ),
        below(
            "the same beside writes at half speed and their merges, p99",
            "ms",
            percentile(beside_ms, 99),
            BESIDE_TARGET_MS,
        ),
        below(f"start to ready on {store}", "s", restart_s, RESTART_TARGET_S),
        below(f"deletion of a group of {store}, to the answer", "ms", deletion_ms, DELETION_TARGET_MS),
        below("the same, until its space is free", "s", freed_s, FREED_TARGET_S),
        below("largest resident memory through the load and the reads", "MB", peak_mb, MEMORY_TARGET_MB),
    ]
