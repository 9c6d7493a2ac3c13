"""What listeners cost: ingestion with live tails and subscription filters, and how soon a live tail sees an event."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import botocore.session
import msgspec

from benchmarks.client import Endpoint, LoadError, LoadResult, Request, request_once, run_load
from benchmarks.events import EventSource, put_body
from benchmarks.figures import percentile
from benchmarks.kinesis_sink import DELIVERED_PATH
from benchmarks.log_calls import call, create_streams
from benchmarks.paced import run_paced
from benchmarks.prepared import Bodies, prepare
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server, kinesis_sink
from benchmarks.settings import Settings
from benchmarks.tail_client import Sighting, open_tails

NAME = "fan_out"
ACCOUNT = "123456789012"
GROUPS = tuple(f"/benchmark/fan-out-{number}" for number in range(10))
"""One for each live tail: a group takes two subscription filters at most, so 20 filters need ten groups."""
STREAMS = ("app-0", "app-1")
AGE_MS = 3_600_000
REJECTED = b"rejectedLogEventsInfo"
RATIO_TARGET, DELAY_TARGET_MS = 0.7, 200.0
ROLE = "subscriptions"
STREAM_ARN = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/benchmark"
TRUST = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"""
MAY_WRITE = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": "*"}]}"""
DELIVERY_TIMEOUT_S = 120
POLL_INTERVAL_S = 0.1
PACED_EVENTS_A_SECOND = 10_000
PACED_BATCH_EVENTS = 100
SETTLING_S = 2.0
"""After this long a live tail has shown whatever it will show."""


class Selection(msgspec.Struct, frozen=True):
    """A pattern that selects few events, and the same condition in Python."""

    name: str
    pattern: str
    selects: Callable[[dict[str, Any]], bool]


FILTERS = (
    Selection("unavailable", "{ $.status = 503 }", lambda fields: fields["status"] == 503),
    Selection(
        "slow-errors",
        '{ $.level = "ERROR" && $.latency_ms > 500 }',
        lambda fields: fields["level"] == "ERROR" and fields["latency_ms"] > 500,
    ),
)
"""One in 16 events, and one in 33."""
TAILED = Selection(
    "uncached",
    "{ $.status = 503 && $.cached IS FALSE }",
    lambda fields: fields["status"] == 503 and not fields["cached"],
)
"""One in 32: at 10,000 events a second below the 500 up to which a live tail shows every one."""


class Ingestion(msgspec.Struct, frozen=True):
    """One round of the load."""

    events_per_second: float
    drained_s: float = 0
    """How long after the last acknowledgement the last delivery had come."""


class Watched(msgspec.Struct, frozen=True):
    """One round of the steady load: the delays of two live tails in ascending order, and the rate that was reached."""

    selected_ms: list[float]
    """Of every event of a pattern."""
    sample_ms: list[float]
    """Of the sample that a session without a pattern shows."""
    events_per_second: float


def run(settings: Settings) -> list[Row]:
    """Load servers with and without listeners in turn; then watch a steady load through live tails."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    batches = settings.put_events // 2 // source.batch_events // len(GROUPS)
    expected = _expected(source, batches)
    alone, listened = [], []
    with tempfile.TemporaryDirectory(prefix="groundwatch-bodies-") as scratch:
        bodies = Bodies([path for group in GROUPS for path in _prepare(Path(scratch), source, group, batches)])
        for _ in range(settings.rounds):
            alone.append(_ingest_alone(bodies.views, source, settings))
            listened.append(_ingest_with_listeners(bodies.views, source, settings, expected))
        bodies.close()
    watched = [_watch(settings) for _ in range(settings.rounds)]
    return [_ratio_row(len(GROUPS) * batches * source.batch_events, alone, listened), *_delay_rows(watched)]


def _prepare(scratch: Path, source: EventSource, group: str, batches: int) -> list[Path]:
    directory = scratch / group.rpartition("/")[2]
    directory.mkdir()
    return prepare(directory, source, group, STREAMS, batches)


def _expected(source: EventSource, batches: int) -> Counter[str]:
    """Return how many events each filter must deliver; the groups get the same events."""
    messages = (event.message for number in range(batches) for event in source.batch(number))
    parsed = [msgspec.json.decode(message) for message in messages]
    counts = {each.name: sum(map(each.selects, parsed)) for each in FILTERS}
    return Counter({f"{group}, {name}": count for group in GROUPS for name, count in counts.items()})


def _ingest_alone(bodies: Sequence[memoryview], source: EventSource, settings: Settings) -> Ingestion:
    with groundwatch_server(options=["--account", ACCOUNT]) as server:
        _create_groups(server)
        return Ingestion(_load(server, bodies, settings).per_second * source.batch_events)


def _ingest_with_listeners(
    bodies: Sequence[memoryview], source: EventSource, settings: Settings, expected: Counter[str]
) -> Ingestion:
    """Load a server that delivers to 20 subscriptions and ten live tails, and check what all of them got."""
    with _server_and_sink() as (server, sink):
        _create_groups(server)
        _subscribe(server)
        with open_tails(server, _one_tail_a_group()) as tails:
            rate = _load(server, bodies, settings).per_second * source.batch_events
            drained_s = _await_deliveries(sink, expected)
            for seen in tails.finish():
                if not any(update.timestamps for update in seen):
                    raise LoadError("a live tail has seen nothing")
    return Ingestion(rate, drained_s)


@contextmanager
def _server_and_sink() -> Iterator[tuple[Server, Endpoint]]:
    with ExitStack() as stack:
        sink = stack.enter_context(kinesis_sink())
        keys = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
        options = ["--account", ACCOUNT, "--kinesis-url", sink.url]
        yield stack.enter_context(groundwatch_server(options=options, environment=os.environ | keys)), sink


def _create_groups(server: Server) -> None:
    for group in GROUPS:
        create_streams(server, group, STREAMS)


def _subscribe(server: Server) -> None:
    _create_role(server)
    for group in GROUPS:
        for each in FILTERS:
            members = {"logGroupName": group, "filterName": each.name, "filterPattern": each.pattern}
            role = {"destinationArn": STREAM_ARN, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"}
            call(server, "PutSubscriptionFilter", members | role)


def _create_role(server: Server) -> None:
    iam = botocore.session.Session().create_client(
        "iam",
        region_name=server.key.region,
        endpoint_url=server.service.url,
        aws_access_key_id=server.key.access_key_id,
        aws_secret_access_key=server.key.secret_access_key,
    )
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName=ROLE, PolicyName="deliver", PolicyDocument=MAY_WRITE)
    iam.close()


def _one_tail_a_group() -> list[dict[str, Any]]:
    """Half of them with a pattern, which is matched with every event, and half without, which show more."""
    patterns = ("", TAILED.pattern)
    return [_tail(group, patterns[number % 2]) for number, group in enumerate(GROUPS)]


def _tail(group: str, pattern: str) -> dict[str, Any]:
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    return {"logGroupIdentifiers": [arn], "logEventFilterPattern": pattern}


def _load(server: Server, bodies: Sequence[memoryview], settings: Settings) -> LoadResult:
    requests = list(server.signer().requests("PutLogEvents", bodies))
    return run_load(server.service, requests, settings.connections, refuse=REJECTED)


def _await_deliveries(sink: Endpoint, expected: Counter[str]) -> float:
    """Return when every event has been delivered, with the seconds that took; raises `LoadError` when it does not."""
    request = Request(f"GET {DELIVERED_PATH} HTTP/1.1\r\nHost: {sink.host}\r\n\r\n".encode())
    start_s = time.perf_counter()
    delivered: Counter[str] = Counter()
    while delivered.total() < expected.total():
        if time.perf_counter() - start_s > DELIVERY_TIMEOUT_S:
            raise LoadError(f"{delivered.total():,} of {expected.total():,} events were delivered")
        time.sleep(POLL_INTERVAL_S)
        delivered = Counter(msgspec.json.decode(request_once(sink, request).body, type=dict[str, int]))
    if delivered != expected:
        raise LoadError(f"other events were delivered than expected: {delivered - expected}")
    return time.perf_counter() - start_s


def _watch(settings: Settings) -> Watched:
    """Put events at a steady rate into a group that two live tails watch."""
    source = EventSource(int(time.time() * 1000) - AGE_MS, batch_events=PACED_BATCH_EVENTS)
    per_second = PACED_EVENTS_A_SECOND / PACED_BATCH_EVENTS
    batches = [source.batch(number) for number in range(int(settings.round_s * per_second))]
    group = GROUPS[0]
    with groundwatch_server(options=["--account", ACCOUNT]) as server:
        create_streams(server, group, STREAMS)
        bodies = [put_body(group, STREAMS[number % len(STREAMS)], batch) for number, batch in enumerate(batches)]
        with open_tails(server, [_tail(group, TAILED.pattern), _tail(group, "")]) as tails:
            requests = list(server.signer().requests("PutLogEvents", bodies))
            paced = run_paced(server.service, requests, settings.connections, per_second)
            time.sleep(SETTLING_S)
            selected, sample = tails.finish()
    wanted = [event.timestamp for batch in batches for event in batch if _is_tailed(event.message)]
    if sorted(at for update in selected for at in update.timestamps) != wanted:
        raise LoadError(f"a live tail did not show exactly the {len(wanted)} events of its pattern")
    return Watched(
        selected_ms=delays_ms(selected, source, paced.acknowledged_s),
        sample_ms=delays_ms(sample, source, paced.acknowledged_s),
        events_per_second=paced.per_second * source.batch_events,
    )


def _is_tailed(message: str) -> bool:
    return TAILED.selects(msgspec.json.decode(message))


def delays_ms(seen: Sequence[Sighting], source: EventSource, acknowledged_s: Sequence[float]) -> list[float]:
    """Return how long after the acknowledgement of its batch each event arrived, sorted; 0 when it came before it."""
    arrivals = ((update.arrived_s, at) for update in seen for at in update.timestamps)
    numbers = ((arrived_s, (at - source.start_ms) // source.batch_events) for arrived_s, at in arrivals)
    return sorted(max(arrived_s - acknowledged_s[number], 0) * 1000 for arrived_s, number in numbers)


def _ratio_row(events: int, alone: list[Ingestion], listened: list[Ingestion]) -> Row:
    ours = Series("Groundwatch", "events/s", [each.events_per_second for each in listened])
    without = Series("Groundwatch without", "events/s", [each.events_per_second for each in alone])
    drained_s = median(each.drained_s for each in listened)
    what = f"PutLogEvents, {events:,} events, 20 subscription filters and 10 live tails"
    return Row(NAME, what, ours, RATIO_TARGET, "times", without, f"all delivered {drained_s:.1f} s after the last put")


def _delay_rows(watched: Sequence[Watched]) -> list[Row]:
    rate = median(each.events_per_second for each in watched)
    return [
        _delay_row("every event of a pattern", rate, [each.selected_ms for each in watched]),
        _delay_row("a sample of all events", rate, [each.sample_ms for each in watched]),
    ]


def _delay_row(shown: str, rate: float, rounds: Sequence[list[float]]) -> Row:
    what = f"live tail of {shown}, acknowledgement to arrival at {PACED_EVENTS_A_SECOND:,} events/s, p99"
    middle_ms = median(percentile(ordered_ms, 50) for ordered_ms in rounds)
    figure = Series("Groundwatch", "ms", [percentile(ordered_ms, 99) for ordered_ms in rounds])
    return Row(NAME, what, figure, DELAY_TARGET_MS, "below", note=f"median {middle_ms:.0f} ms, {rate:,.0f} events/s")
