"""Searches over five million events in 200 streams, beside hand-written statements in the engine alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks import scan_alone
from benchmarks.client import LoadError, run_load
from benchmarks.events import EventSource, put_body
from benchmarks.log_calls import call, create_streams
from benchmarks.prepared import Bodies, prepare
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "filter_log_events"
GROUP = "/benchmark/search"
STREAMS = tuple(f"app-{number}" for number in range(200))
AGE_MS = 7_200_000
SETTLING_S = 20
"""Merges build the skip index; they are given this long after the load."""
NEEDLE_TARGET, JSON_TARGET = 10.0, 1 / 1.5


def run(settings: Settings) -> list[Row]:
    """Fill a store, search it through the service port, stop the server, and run the statements on the same store."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with tempfile.TemporaryDirectory(prefix="groundwatch-search-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as server:
            _fill(server, source, settings, Path(scratch))
            needle = [_search(server, f'"{scan_alone.NEEDLE}"', found=1) for _ in range(settings.rounds)]
            pattern = f"{{ $.latency_ms > {scan_alone.HUGE_LATENCY_MS} }}"
            nothing = [_search(server, pattern, found=0) for _ in range(settings.rounds)]
        alone = scan_alone.measure(data / "events", settings.rounds)
    return _rows(settings, needle, nothing, alone)


def _fill(server: Server, source: EventSource, settings: Settings, scratch: Path) -> None:
    create_streams(server, GROUP, STREAMS)
    bodies = Bodies(prepare(scratch, source, GROUP, STREAMS, settings.search_events // source.batch_events))
    run_load(server.service, server.signer().requests("PutLogEvents", bodies.views), settings.connections)
    bodies.close()
    middle = source.batch(settings.search_events // source.batch_events // 2)[0]
    rare = msgspec.structs.replace(middle, message=f"a {scan_alone.NEEDLE} among millions")
    run_load(server.service, server.signer().requests("PutLogEvents", [put_body(GROUP, STREAMS[0], [rare])]), 1)
    time.sleep(SETTLING_S)


def _search(server: Server, pattern: str, found: int) -> float:
    start_s = time.perf_counter()
    answer = call(server, "FilterLogEvents", {"logGroupName": GROUP, "filterPattern": pattern})
    took_s = time.perf_counter() - start_s
    events = msgspec.json.decode(answer)["events"]
    if len(events) != found:
        raise LoadError(f"{pattern} found {len(events)} events, not {found}")
    return took_s


def _rows(settings: Settings, needle: list[float], nothing: list[float], alone: dict[str, list[float]]) -> list[Row]:
    over = f"over {settings.search_events:,} events"
    return [
        _row(
            f"FilterLogEvents, a rare word {over}", needle, NEEDLE_TARGET, "chDB alone, LIKE, no index", alone["like"]
        ),
        _row(
            f"FilterLogEvents, a JSON pattern that matches nothing {over}", nothing, JSON_TARGET, "chDB", alone["json"]
        ),
    ]


def _row(what: str, took_s: list[float], target: float, yardstick: str, yardstick_s: list[float]) -> Row:
    """Rows compare rates, so times become searches per second."""
    ours = Series("Groundwatch", "searches/s", [1 / each for each in took_s])
    theirs = Series(yardstick, "searches/s", [1 / each for each in yardstick_s])
    return Row(
        NAME, what, ours, target, "times", theirs, f"{1000 / ours.median:.0f} ms against {1000 / theirs.median:.0f}"
    )
