"""The yardstick for reads at a random time: the engine's bare point query, hand-written, on the store just filled.

Run as a process of its own (`python -m benchmarks.point_alone EVENTS_DIRECTORY QUERIES`), after the server has let go
of the directory. It prints one JSON list: milliseconds of each query.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from groundwatch.storage.clickhouse import open_client

TIMEOUT_S = 600
SEED = 7
WARM_UP = 20
LIMIT = 100
SPANS = "SELECT group_id, stream_id, min(timestamp), max(timestamp) FROM events GROUP BY group_id, stream_id"
POINT = f"""
    SELECT timestamp, message, ingested FROM events
    WHERE group_id = {{group:UInt64}} AND stream_id = {{stream:UInt64}} AND timestamp >= {{start:Int64}}
    ORDER BY timestamp LIMIT {LIMIT}
"""


def measure(events: Path, queries: int) -> list[float]:
    """Return the milliseconds of so many point queries, one after the other, in a new process."""
    command = [sys.executable, "-m", "benchmarks.point_alone", str(events), str(queries)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"chDB alone failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=list[float])


def main() -> None:
    """Query the directory named on the command line."""
    client = open_client(f"chdb://{sys.argv[1]}")
    spans = client.query(SPANS).result_rows
    chance = random.Random(SEED)
    took_ms = []
    for _ in range(WARM_UP + int(sys.argv[2])):
        group, stream, first, last = chance.choice(spans)
        parameters = {"group": group, "stream": stream, "start": chance.randint(first, last)}
        start_s = time.perf_counter()
        _ = client.query(POINT, parameters=parameters).result_rows
        took_ms.append((time.perf_counter() - start_s) * 1000)
    client.close()
    sys.stdout.buffer.write(msgspec.json.encode(took_ms[WARM_UP:]))


if __name__ == "__main__":
    main()
