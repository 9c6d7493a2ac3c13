"""Insights queries over ten million JSON events in one group, beside statements written by hand on the same table, and
beside DuckDB with the same events in columns, sorted.

A query is timed from sending StartQuery to the answer of GetQueryResults that says Complete, over a connection that is
kept, as SDKs keep theirs; and the statement that it becomes beside the one written by hand, in the same process.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks import query_alone
from benchmarks.client import Connection, LoadError, describe, run_load
from benchmarks.events import EventSource, put_body
from benchmarks.log_calls import create_streams
from benchmarks.prepared import Bodies, prepare
from benchmarks.query_alone import NEEDLE, QUERIES, Alone
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "insights"
GROUP = "/benchmark/insights"
STREAMS = tuple(f"app-{number}" for number in range(20))
BY_HAND_TARGET, DUCKDB_TARGET, OVERHEAD_TARGET_MS = 1 / 1.3, 1.0, 20.0
POLL_S = 0.003
QUIET_S, QUIET_RATIO, LONGEST_S = 30.0, 0.1, 1_800.0
"""Merges and shredding are over when the server has hardly worked for so long; shredding begins after 20 s of rest."""


class Timed(msgspec.Struct, frozen=True):
    """Seconds until a first answer about the query, and until its result."""

    first_s: float
    complete_s: float


def run(settings: Settings) -> list[Row]:
    """Fill a store, query it through the service port, stop the server, and run the yardsticks on the same events."""
    source = EventSource(int(time.time() * 1000) - settings.query_events - 60_000)
    with tempfile.TemporaryDirectory(prefix="groundwatch-queries-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as server:
            _fill(server, source, settings, Path(scratch))
            _settle(server)
            span_s = (source.start_ms // 1000, int(time.time()) + 60)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                took = runner.run(_query_all(server, span_s, settings.rounds))
        alone = query_alone.measure(data / "events", Path(scratch), settings.rounds)
    return _rows(settings, took, alone)


def _fill(server: Server, source: EventSource, settings: Settings, scratch: Path) -> None:
    create_streams(server, GROUP, STREAMS)
    bodies = Bodies(prepare(scratch, source, GROUP, STREAMS, settings.query_events // source.batch_events))
    run_load(server.service, server.signer().requests("PutLogEvents", bodies.views), settings.connections)
    bodies.close()
    for path in scratch.glob("bodies-*"):
        path.unlink()
    middle = source.batch(settings.query_events // source.batch_events // 2)[0]
    rare = msgspec.structs.replace(middle, message=f'{{"level":"ERROR","note":"a {NEEDLE} among millions"}}')
    run_load(server.service, server.signer().requests("PutLogEvents", [put_body(GROUP, STREAMS[0], [rare])]), 1)


def _settle(server: Server) -> None:
    ends_s = time.perf_counter() + LONGEST_S
    worked_s = server.cpu_s()
    while time.perf_counter() < ends_s:
        time.sleep(QUIET_S)
        before_s, worked_s = worked_s, server.cpu_s()
        if worked_s - before_s < QUIET_RATIO * QUIET_S:
            return
    raise LoadError(f"the server still works on what was put {LONGEST_S:.0f} s ago")


class _Client:
    """Calls of one connection, one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = Connection(server.service, server.service.ssl_context())

    async def call(self, operation: str, members: dict[str, Any]) -> Any:  # noqa: ANN401 - what the operation answers
        """Return the answer to a signed call. Raises `LoadError` when it is not 200."""
        request = self._server.signer().request(operation, msgspec.json.encode(members))
        response = await self._connection.exchange(request)
        if response.status != 200:
            raise LoadError(f"{operation}: {describe(request, response)}")
        return msgspec.json.decode(response.body)

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()


async def _query_all(server: Server, span_s: tuple[int, int], rounds: int) -> dict[str, list[Timed]]:
    client = _Client(server)
    took = {name: [await _query(client, text, span_s) for _ in range(rounds)] for name, text in QUERIES.items()}
    client.close()
    return took


async def _query(client: _Client, text: str, span_s: tuple[int, int]) -> Timed:
    start_s = time.perf_counter()
    members = {"logGroupName": GROUP, "queryString": text, "startTime": span_s[0], "endTime": span_s[1]}
    query_id = (await client.call("StartQuery", members))["queryId"]
    first_s = 0.0
    while True:
        answer = await client.call("GetQueryResults", {"queryId": query_id})
        took_s = time.perf_counter() - start_s
        first_s = first_s or took_s
        if answer["status"] == "Complete":
            break
        if answer["status"] not in {"Scheduled", "Running"}:
            raise LoadError(f"{text}: {answer['status']}")
        await asyncio.sleep(POLL_S)
    if not answer["results"]:
        raise LoadError(f"{text} found nothing")
    return Timed(first_s, took_s)


def _rows(settings: Settings, took: dict[str, list[Timed]], alone: Alone) -> list[Row]:
    rows = []
    for name, timed in took.items():
        complete_s = [each.complete_s for each in timed]
        what = f"{name}, {settings.query_events:,} events"
        rows.append(_row(what, complete_s, BY_HAND_TARGET, "by hand", alone.by_hand[name]))
        rows.append(_row(what, complete_s, DUCKDB_TARGET, "DuckDB", alone.duckdb[name]))
    first_ms = [each.first_s * 1_000 for timed in took.values() for each in timed]
    what = "StartQuery and the first answer of GetQueryResults"
    rows.append(Row(NAME, what, Series("Groundwatch", "ms", first_ms), OVERHEAD_TARGET_MS, "below"))
    for name, compiled_s in alone.compiled.items():
        rows.append(_row(f"the statement of {name}", compiled_s, BY_HAND_TARGET, "by hand", alone.by_hand[name]))
    return rows


def _row(what: str, took_s: Sequence[float], target: float, yardstick: str, yardstick_s: Sequence[float]) -> Row:
    """Rows compare rates, so times become queries a second."""
    ours = Series("Groundwatch", "queries/s", [1 / each for each in took_s])
    theirs = Series(yardstick, "queries/s", [1 / each for each in yardstick_s])
    note = f"{1000 / ours.median:.0f} ms against {1000 / theirs.median:.0f}"
    return Row(NAME, what, ours, target, "times", theirs, note)
