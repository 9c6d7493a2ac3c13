"""The yardstick for puts: chDB alone, fed with columns from Python, into the events table that Groundwatch uses.

Run as a process of its own (`python -m benchmarks.chdb_alone COUNT FILE…`): an engine opens one directory a process.
The rows are those of the prepared PutLogEvents bodies. It prints one JSON object: rows and seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.events import PutBody
from benchmarks.prepared import Bodies
from groundwatch.storage.clickhouse import Client, open_client
from groundwatch.storage.event_schema import migrate_events

COLUMNS = ("group_id", "stream_id", "timestamp", "ingested", "batch", "seq", "message")
TYPES = ("UInt64", "UInt64", "Int64", "Int64", "UInt64", "UInt16", "String")
INSERT_ROWS = 50_000
# What makes small inserts cheaper is not for batches of this size; only the indexes are left to the merges as well.
SETTINGS = {"materialize_skip_indexes_on_insert": "0"}
GROUP_ID = 1
TIMEOUT_S = 600
Columns = list[list[object]]


class InsertResult(msgspec.Struct, frozen=True):
    """What one load took, all rows on disk."""

    rows: int
    elapsed_s: float

    @property
    def per_second(self) -> float:
        """Rows per second."""
        return self.rows / self.elapsed_s


def measure(paths: Sequence[Path], bodies: int | None = None) -> InsertResult:
    """Insert the rows of the first prepared bodies, or of all, in a new process and a fresh directory.

    Return what it took.
    """
    command = [sys.executable, "-m", "benchmarks.chdb_alone", str(bodies or 0), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"chDB alone failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=InsertResult)


def insert_all(client: Client, blocks: Sequence[Columns]) -> InsertResult:
    """Insert the blocks one after the other, each fsynced by the table's settings, and return what it took."""
    start_s = time.perf_counter()
    for block in blocks:
        client.insert(
            "events",
            block,
            column_names=COLUMNS,
            column_type_names=TYPES,
            column_oriented=True,
            settings=SETTINGS,
        )
    return InsertResult(sum(len(block[0]) for block in blocks), time.perf_counter() - start_s)


def blocks_of(bodies: Sequence[memoryview | bytes], block_rows: int = INSERT_ROWS) -> Iterator[Columns]:
    """Yield the rows of PutLogEvents bodies as columns of the events table, `block_rows` at a time."""
    rows = _rows(bodies)
    while block := list(islice(rows, block_rows)):
        yield [list(column) for column in zip(*block, strict=True)]


def _rows(bodies: Sequence[memoryview | bytes]) -> Iterator[tuple[object, ...]]:
    decoder = msgspec.json.Decoder(PutBody)
    stream_ids: dict[str, int] = {}
    for number, raw in enumerate(bodies):
        body = decoder.decode(raw)
        stream_id = stream_ids.setdefault(body.logStreamName, len(stream_ids) + 1)
        # The server draws its batch numbers at random; equally incompressible here, but repeatable.
        batch = number * 0x9E3779B97F4A7C15 % (1 << 64)
        ingested_ms = body.logEvents[-1].timestamp
        for position, event in enumerate(body.logEvents):
            yield GROUP_ID, stream_id, event.timestamp, ingested_ms, batch, position, event.message


def main() -> None:
    """Load the bodies named on the command line and print the result."""
    count, *paths = sys.argv[1:]
    bodies = Bodies([Path(path) for path in paths])
    blocks = list(blocks_of(bodies.views[: int(count) or None]))
    with tempfile.TemporaryDirectory(prefix="chdb-bench-") as directory:
        client = open_client(f"chdb://{directory}/events")
        migrate_events(client)
        result = insert_all(client, blocks)
        client.close()
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
