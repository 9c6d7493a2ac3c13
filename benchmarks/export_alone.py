"""The yardstick for walks: the engine alone writes the one stream of a store out, in order, as JSON lines in memory.

Run as a process of its own (`python -m benchmarks.export_alone EVENTS_DIRECTORY ROUNDS`), after the server has let go
of the directory. It prints one JSON list: megabytes of messages a second, of every round.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import chdb
import msgspec

from groundwatch.storage.clickhouse import EMBEDDED_SETTINGS

TIMEOUT_S = 600
SETTINGS = ", ".join(f"{name} = {value}" for name, value in EMBEDDED_SETTINGS.items())
EXPORT = f"""
    SELECT timestamp, message, ingested FROM events ORDER BY group_id, stream_id, timestamp, ingested, batch, seq
    SETTINGS {SETTINGS}
"""
SIZE = "SELECT sum(length(message)) FROM events"


def measure(events: Path, rounds: int) -> list[float]:
    """Export `rounds` times in a new process; return the megabytes of messages a second."""
    command = [sys.executable, "-m", "benchmarks.export_alone", str(events), str(rounds)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"chDB alone failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=list[float])


def main() -> None:
    """Export the directory named on the command line."""
    connection = chdb.connect(sys.argv[1])  # type: ignore[no-untyped-call]
    megabytes = int(connection.query(SIZE, "TSV").bytes()) / 1e6
    rates = []
    for _ in range(int(sys.argv[2])):
        start_s = time.perf_counter()
        _ = connection.query(EXPORT, "JSONEachRow").bytes()
        rates.append(megabytes / (time.perf_counter() - start_s))
    connection.close()
    sys.stdout.buffer.write(msgspec.json.encode(rates))


if __name__ == "__main__":
    main()
