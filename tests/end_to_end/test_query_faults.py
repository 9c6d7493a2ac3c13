"""Many queries at once: some run, some wait, the others are refused, and puts are acknowledged meanwhile."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

GROUP = "/faults/app"
QUOTA = 100
QUERY = "filter level = 'error' | stats count(*), pct(ms, 99) by bin(1m), path"
P99_S = 0.25


class Putter:
    """Puts a small batch again and again, and notes how long each took."""

    def __init__(self, server, stream: str) -> None:
        self.latencies_s: list[float] = []
        self._logs = server.client("logs")
        self._place = {"logGroupName": GROUP, "logStreamName": stream}
        self._logs.create_log_stream(**self._place)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Putter":  # noqa: PYI034 - not to be extended
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            event = {"timestamp": int(time.time() * 1000), "message": "x" * 200}
            begun_s = time.monotonic()
            self._logs.put_log_events(**self._place, logEvents=[event] * 10)
            self.latencies_s.append(time.monotonic() - begun_s)


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
