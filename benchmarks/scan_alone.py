"""The yardstick for searches: hand-written statements in chDB on the store that Groundwatch has just filled.

Run as a process of its own (`python -m benchmarks.scan_alone EVENTS_DIRECTORY ROUNDS`), after the server has let go of
the directory. It prints one JSON object: seconds of every round, by name.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from groundwatch.storage.clickhouse import Client, open_client

TIMEOUT_S = 600
NEEDLE = "zanzibar"
HUGE_LATENCY_MS = 100_000
COLUMNS = "stream_id, timestamp, ingested, batch, seq, message"
ORDER = "ORDER BY timestamp, ingested, batch, seq LIMIT 10001"
LAZY = "SETTINGS query_plan_max_limit_for_lazy_materialization = 20000"
SELECT = f"SELECT {COLUMNS} FROM events WHERE"
STATEMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "like": (
        f"{SELECT} message LIKE {{wanted:String}} {ORDER} {LAZY}, use_skip_indexes = 0",
        {"wanted": f"%{NEEDLE}%"},
    ),
    "json": (
        f"{SELECT} JSONExtractFloat(message, 'latency_ms') > {{wanted:Float64}} {ORDER} {LAZY}",
        {"wanted": HUGE_LATENCY_MS},
    ),
}


def measure(events: Path, rounds: int) -> dict[str, list[float]]:
    """Run every statement `rounds` times in a new process on the events directory; return their seconds."""
    command = [sys.executable, "-m", "benchmarks.scan_alone", str(events), str(rounds)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"chDB alone failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=dict[str, list[float]])


def _timed(client: Client, sql: str, parameters: dict[str, Any]) -> float:
    start_s = time.perf_counter()
    _ = client.query(sql, parameters=parameters).result_rows
    return time.perf_counter() - start_s


def main() -> None:
    """Time the statements on the directory named on the command line."""
    client = open_client(f"chdb://{sys.argv[1]}")
    took = {name: [_timed(client, *each) for _ in range(int(sys.argv[2]))] for name, each in STATEMENTS.items()}
    client.close()
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main()
