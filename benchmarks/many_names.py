"""What calls cost among 100,000 streams in 10,000 groups, beside the same calls among ten."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.client import Request, run_load
from benchmarks.events import EventSource, put_body
from benchmarks.figures import median
from benchmarks.log_calls import create_streams
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "many_names"
GROUP = "/benchmark/names-{:05}"
STREAMS_A_GROUP = 10
CALLS = 300
TARGET = 0.5
"""Of the rate among ten: at most twice the latency."""
INSERT_GROUP = """
    INSERT INTO log_groups (account_id, region, name, created_ms, log_group_class, deletion_protection, tags)
    SELECT account_id, region, ?, created_ms, log_group_class, deletion_protection, tags FROM log_groups WHERE name = ?
"""
INSERT_STREAM = (
    "INSERT INTO log_streams (group_id, name, created_ms) SELECT id, ?, created_ms FROM log_groups WHERE name = ?"
)


def run(settings: Settings) -> list[Row]:
    """Ask among ten streams, write the other names into the metadata, and ask again."""
    with tempfile.TemporaryDirectory(prefix="groundwatch-names-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as server:
            create_streams(server, GROUP.format(0), [_stream(number) for number in range(STREAMS_A_GROUP)])
            few = {name: _median_ms(server, list(requests)) for name, requests in _calls(server, [GROUP.format(0)])}
        _add_names(data / "metadata.db", settings.groups)
        # As many streams as before, each of another group: what is asked of them is the same.
        groups = [GROUP.format(number * (settings.groups - 1) // 9) for number in range(STREAMS_A_GROUP)]
        with groundwatch_server(data) as server:
            many = {name: _median_ms(server, list(requests)) for name, requests in _calls(server, groups)}
    return [_row(settings, name, few[name], many[name]) for name in few]


def _stream(number: int) -> str:
    return f"i-{number}"


def _add_names(metadata: Path, groups: int) -> None:
    """Write groups and streams where the server keeps them: a hundred thousand calls would take minutes."""
    with sqlite3.connect(metadata) as connection:
        first = GROUP.format(0)
        connection.executemany(INSERT_GROUP, [(GROUP.format(number), first) for number in range(1, groups)])
        streams = [
            (_stream(stream), GROUP.format(group)) for group in range(1, groups) for stream in range(STREAMS_A_GROUP)
        ]
        connection.executemany(INSERT_STREAM, streams)
    connection.close()


def _calls(server: Server, groups: Sequence[str]) -> Iterator[tuple[str, Iterator[Request]]]:
    """Yield the calls to compare, by operation; each goes through all the groups in turn."""
    signer = server.signer()
    places = [(groups[number % len(groups)], _stream(number % STREAMS_A_GROUP)) for number in range(CALLS)]
    source = EventSource(int(time.time() * 1000) - 3_600_000, batch_events=1)
    bodies = {
        "PutLogEvents": [put_body(group, stream, source.batch(at)) for at, (group, stream) in enumerate(places)],
        "GetLogEvents": [_body(logGroupName=group, logStreamName=stream, limit=100) for group, stream in places],
        "FilterLogEvents": [_body(logGroupName=group, filterPattern="ERROR") for group, _ in places],
        "DescribeLogStreams": [_body(logGroupName=group) for group, _ in places],
        "DescribeLogGroups": [_body(logGroupNamePrefix=group, limit=10) for group, _ in places],
    }
    for operation, each in bodies.items():
        yield operation, signer.requests(operation, each)


def _body(**members: object) -> bytes:
    return msgspec.json.encode(members)


def _median_ms(server: Server, requests: list[Request]) -> float:
    """The first calls load what later ones find in memory; the median is one of the later."""
    return median(run_load(server.service, requests, 1).latencies_ms)


def _row(settings: Settings, operation: str, few_ms: float, many_ms: float) -> Row:
    what = f"{operation} among {settings.groups * STREAMS_A_GROUP:,} streams in {settings.groups:,} groups"
    ours = Series("Groundwatch", "calls/s", [1000 / many_ms])
    among_few = Series("among 10 streams", "calls/s", [1000 / few_ms])
    return Row(NAME, what, ours, TARGET, "times", among_few, f"{many_ms:.2f} ms against {few_ms:.2f}")
