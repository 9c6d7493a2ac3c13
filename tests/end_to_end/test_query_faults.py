"""Many queries at once: some run, some wait, the others are refused, and puts are acknowledged meanwhile."""

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest
from botocore.exceptions import ClientError

GROUP = "/faults/app"
QUOTA = 100
QUERY = "filter level = 'error' | stats count(*), pct(ms, 99) by bin(1m), path"
P99_S = 0.25


PUTTER = """
import json, select, sys, time
import boto3

logs = boto3.client("logs")
place = {"logGroupName": sys.argv[1], "logStreamName": sys.argv[2]}
latencies_s = []
while not select.select([sys.stdin], [], [], 0.02)[0]:
    event = {"timestamp": int(time.time() * 1000), "message": "x" * 200}
    begun_s = time.monotonic()
    logs.put_log_events(**place, logEvents=[event] * 10)
    latencies_s.append(time.monotonic() - begun_s)
print(json.dumps(latencies_s))
"""


class Putter:
    """Puts a small batch again and again until the end, and notes how long each took.

    In a process of its own: beside the threads that start queries it would measure how long it waits for them.
    """

    def __init__(self, server, stream: str) -> None:
        self.latencies_s: list[float] = []
        server.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=stream)
        command = [sys.executable, "-c", PUTTER, GROUP, stream]
        self._process = subprocess.Popen(
            command, env=server.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        out, _ = self._process.communicate(timeout=60)
        self.latencies_s = json.loads(out)


def fill(server, events: int) -> None:
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="filled")
    now_ms = int(time.time() * 1000)
    for start in range(0, events, 8_000):
        batch = [
            {
                "timestamp": now_ms - 60_000 + n % 60_000,
                "message": json.dumps({"level": "error" if n % 3 else "info", "path": f"/p/{n % 9}", "ms": n % 1_000}),
            }
            for n in range(start, min(start + 8_000, events))
        ]
        batch.sort(key=lambda event: event["timestamp"])
        logs.put_log_events(logGroupName=GROUP, logStreamName="filled", logEvents=batch)


def start_at_once(server, count: int) -> tuple[list[str], Counter]:
    """Start so many queries, and return the ids of those that were taken and what the others were refused with."""
    logs = server.client("logs")
    now_s = int(time.time())
    refusals: Counter = Counter()

    def start(_: int) -> str | None:
        try:
            members = {"logGroupName": GROUP, "queryString": QUERY, "startTime": now_s - 3_600, "endTime": now_s}
            return logs.start_query(**members)["queryId"]
        except ClientError as error:
            refusals[error.response["Error"]["Code"]] += 1
            return None

    with ThreadPoolExecutor(10) as pool:
        return [query_id for query_id in pool.map(start, range(count)) if query_id], refusals


def ended(server) -> Counter:
    """Return the statuses of all queries, once none of them waits or runs."""
    logs = server.client("logs")
    deadline = time.monotonic() + 600
    while True:
        statuses = Counter(query["status"] for query in logs.describe_queries()["queries"])
        if not {"Scheduled", "Running"} & statuses.keys():
            return statuses
        assert time.monotonic() < deadline, statuses
        time.sleep(0.2)


def check(server, count: int, events: int, quota: int = QUOTA) -> list[float]:
    fill(server, events)
    with Putter(server, "puts") as putter:
        taken, refusals = start_at_once(server, count)
        statuses = ended(server)
    assert quota <= len(taken) < count
    assert refusals == {"LimitExceededException": count - len(taken)}
    assert statuses == {"Complete": len(taken)}
    assert putter.latencies_s
    return sorted(putter.latencies_s)


def test_queries_beyond_the_quota_are_refused_and_all_others_answered(make_server):
    check(make_server("--queries-per-account", "15").start(), 40, 2_000, quota=15)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_thousand_queries_at_once_hold_up_no_put(make_server):
    latencies_s = check(make_server().start(), 1_000, 200_000)
    p99_s = latencies_s[int(len(latencies_s) * 0.99)]
    assert p99_s < P99_S, f"{len(latencies_s)} puts, median {latencies_s[len(latencies_s) // 2] * 1000:.0f} ms"
