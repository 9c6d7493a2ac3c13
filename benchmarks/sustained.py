"""Ten million events without a pause: the rate while merges and indexing go on, latencies, and memory all the while.

One server, one run: full speed, then the time until its merges are done, then half that speed, then single puts with
nothing else going on. Resident memory is sampled from before the first event to the end.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import chdb_alone
from benchmarks.client import Request, run_load
from benchmarks.events import Event, EventSource, put_body
from benchmarks.figures import percentile
from benchmarks.log_calls import create_streams
from benchmarks.paced import run_paced
from benchmarks.prepared import Bodies, prepare
from benchmarks.put_log_events import (
    CHDB_TARGET,
    GROUP,
    MOTO_TARGET,
    REJECTED,
    STREAMS,
    check_stored,
    load,
)
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server, moto_server
from benchmarks.settings import Settings

NAME = "sustained"
AGE_MS = 4 * 3_600_000
"""Events are a millisecond apart, and the last must not lie further in the future than events may."""
HALF_RATE_SHARE, YARDSTICK_SHARE = 10, 10
"""One event in so many is sent once more at half speed; one in so many is enough to measure the yardsticks."""
SINGLE_STREAM = "single"
SINGLE_PUTS = 200
SINGLE_PAUSE_S = 0.05
SAMPLE_INTERVAL_S = 0.2
SETTLED_CPU_RATIO = 0.05
"""A server that uses less of a processor than this has nothing left to merge."""
SETTLED_S = 5.0
SETTLE_TIMEOUT_S = 900.0
HALF_RATE_P99_TARGET_MS, SINGLE_TARGET_MS, PEAK_TARGET_MB, GROWTH_TARGET = 250.0, 15.0, 1200.0, 1.5


class Sustained(msgspec.Struct, frozen=True):
    """What one run showed."""

    per_second: float
    cpu_s_per_million: float
    """Processor time of the server until it had settled."""
    settled_s: float
    """From the last acknowledgement until nothing was left to merge."""
    half_rate_ms: list[float]
    """From when a batch was due to its acknowledgement, in ascending order; likewise below."""
    single_ms: list[float]
    base_mb: float
    peak_mb: float
    after_mb: float


def run(settings: Settings) -> list[Row]:
    """Measure once, however many rounds there are; the yardsticks get the first tenth of the same events."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    batches = settings.sustained_events // source.batch_events
    more = batches // HALF_RATE_SHARE
    with tempfile.TemporaryDirectory(prefix="groundwatch-bodies-") as scratch:
        paths = prepare(Path(scratch), source, GROUP, STREAMS, batches + more)
        bodies = Bodies(paths)
        ours = _measure(source, bodies.views, batches, settings.connections)
        yardstick = bodies.views[: batches // YARDSTICK_SHARE]
        moto = load(moto_server, yardstick, source, settings.connections).events_per_second
        del yardstick
        bodies.close()
        alone = chdb_alone.measure(paths, batches // YARDSTICK_SHARE).per_second
    return _rows(settings, ours, moto, alone)


def _measure(source: EventSource, bodies: Sequence[memoryview], batches: int, connections: int) -> Sustained:
    with groundwatch_server() as server:
        create_streams(server, GROUP, (*STREAMS, SINGLE_STREAM))
        _single_puts(server, source, len(bodies))
        base_bytes, base_cpu_s = server.resident_bytes(), server.cpu_s()
        with _sampled_memory(server) as samples:
            requests = list(server.signer().requests("PutLogEvents", bodies[:batches]))
            full = run_load(server.service, requests, connections, refuse=REJECTED)
            settled_s = _settle(server)
            cpu_s = server.cpu_s() - base_cpu_s
            # Signed only now: a signature is good for a quarter of an hour.
            requests = list(server.signer().requests("PutLogEvents", bodies[batches:]))
            half = run_paced(server.service, requests, connections, full.per_second / 2)
            check_stored(server, source, len(bodies))
            _settle(server)
            single_ms = _single_puts(server, source, len(bodies))
        return Sustained(
            per_second=full.per_second * source.batch_events,
            cpu_s_per_million=cpu_s / (batches * source.batch_events) * 1e6,
            settled_s=settled_s,
            half_rate_ms=sorted(half.latencies_ms),
            single_ms=single_ms,
            base_mb=base_bytes / 1e6,
            peak_mb=max(samples) / 1e6,
            after_mb=samples[-1] / 1e6,
        )


@contextmanager
def _sampled_memory(server: Server) -> Iterator[list[int]]:
    """Sample the resident bytes of a server until the block ends; the last sample is from after it."""
    samples: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_INTERVAL_S):
            samples.append(server.resident_bytes())

    thread = threading.Thread(target=sample, name="resident-memory")
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
        samples.append(server.resident_bytes())


def _settle(server: Server) -> float:
    """Wait until the server has been idle for some seconds, or far too long; return how long it was not."""
    start_s = idle_since_s = time.monotonic()
    used_s = server.cpu_s()
    while (now_s := time.monotonic()) - start_s < SETTLE_TIMEOUT_S:
        time.sleep(1)
        before_s, used_s = used_s, server.cpu_s()
        if used_s - before_s > SETTLED_CPU_RATIO:
            idle_since_s = now_s + 1
        elif now_s - idle_since_s > SETTLED_S:
            break
    return idle_since_s - start_s


def _single_puts(server: Server, source: EventSource, number: int) -> list[float]:
    """Put one event at a time, with pauses, and return the latencies in ascending order."""
    events = source.batch(number)
    bodies = [put_body(GROUP, SINGLE_STREAM, [Event(each.timestamp, each.message)]) for each in events[:SINGLE_PUTS]]
    requests: list[Request] = list(server.signer().requests("PutLogEvents", bodies))
    return sorted(run_paced(server.service, requests, 1, 1 / SINGLE_PAUSE_S).latencies_ms)


def _rows(settings: Settings, ours: Sustained, moto: float, alone: float) -> list[Row]:
    events = f"{settings.sustained_events:,} events"
    rate = Series("Groundwatch", "events/s", [ours.per_second])
    note = f"merged {ours.settled_s:.0f} s later; {ours.cpu_s_per_million:.1f} s of processor time a million"
    half = Series("Groundwatch", "ms", [percentile(ours.half_rate_ms, 99)])
    half_note = f"median {percentile(ours.half_rate_ms, 50):.0f} ms"
    single = Series("Groundwatch", "ms", [percentile(ours.single_ms, 50)])
    peak = Series("Groundwatch", "MB", [ours.peak_mb])
    after, base = Series("Groundwatch", "MB", [ours.after_mb]), Series("before", "MB", [ours.base_mb])
    return [
        Row(
            NAME,
            f"PutLogEvents, {events} without a pause, {settings.connections} connections, fsynced",
            rate,
            MOTO_TARGET,
            "times",
            Series("moto_server", "events/s", [moto]),
            note,
        ),
        Row(
            NAME,
            "the same, beside the engine alone in batches of 50,000",
            rate,
            CHDB_TARGET,
            "times",
            Series("chDB alone", "rows/s", [alone]),
        ),
        Row(NAME, "acknowledgement at half that rate, p99", half, HALF_RATE_P99_TARGET_MS, "below", note=half_note),
        Row(
            NAME,
            f"a single small put, nothing else going on, {events} stored, median",
            single,
            SINGLE_TARGET_MS,
            "below",
            note=f"p99 {percentile(ours.single_ms, 99):.1f} ms",
        ),
        Row(NAME, f"resident memory through {events}, peak", peak, PEAK_TARGET_MB, "below"),
        Row(
            NAME,
            f"resident memory after {events}",
            after,
            GROWTH_TARGET * ours.base_mb,
            "below",
            note=f"before: {base.median:.0f} MB",
        ),
    ]
