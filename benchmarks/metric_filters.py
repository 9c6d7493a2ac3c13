"""Ingestion into a group with 20 metric filters, beside the same without any; and whether all of it was counted."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import msgspec

from benchmarks.client import LoadError, run_load
from benchmarks.events import PATHS, SERVICES, EventSource
from benchmarks.figures import median
from benchmarks.log_calls import call, create_streams
from benchmarks.prepared import Bodies, prepare
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "metric_filters"
GROUP = "/benchmark/counted"
STREAMS = tuple(f"app-{number}" for number in range(20))
NAMESPACE = "Benchmark"
AGE_MS = 3_600_000
REJECTED = b"rejectedLogEventsInfo"
TARGET = 0.7
COUNTING_TIMEOUT_S = 300
POLL_S = 0.5
PERIOD_S = 3600


class Filter(msgspec.Struct, frozen=True):
    """A metric filter of the benchmark."""

    metric: str
    pattern: str
    value: str = "1"


FILTERS = (
    *(Filter(f"status-{status}", f"{{ $.status = {status} }}") for status in (400, 401, 429, 500, 503)),
    *(Filter(f"service-{name}", f'{{ $.level = "ERROR" && $.service = "{name}" }}') for name in SERVICES),
    *(Filter(f"path-{path}", f'"{path}"') for path in PATHS[:4]),
    Filter("errors", '{ $.level = "ERROR" }'),
    Filter("slow", "{ $.latency_ms > 600 }", "$.latency_ms"),
    Filter("timeouts", "timeout"),
)


class Round(msgspec.Struct, frozen=True):
    """One round of the load."""

    events_per_second: float
    counted_s: float = 0
    """How long after the last acknowledgement the last event was counted."""


def run(settings: Settings) -> list[Row]:
    """Load servers with and without filters in turn."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    batches = settings.put_events // 2 // source.batch_events
    errors = sum('"level":"ERROR"' in event.message for number in range(batches) for event in source.batch(number))
    alone, counted = [], []
    with tempfile.TemporaryDirectory(prefix="groundwatch-bodies-") as scratch:
        bodies = Bodies(prepare(Path(scratch), source, GROUP, STREAMS, batches))
        for _ in range(settings.rounds):
            alone.append(_load(bodies.views, source, settings, ()))
            counted.append(_load(bodies.views, source, settings, FILTERS, errors))
        bodies.close()
    ours = Series("Groundwatch", "events/s", [each.events_per_second for each in counted])
    without = Series("Groundwatch without", "events/s", [each.events_per_second for each in alone])
    what = f"PutLogEvents, {batches * source.batch_events:,} events, {len(FILTERS)} metric filters on the group"
    note = f"all counted {median([each.counted_s for each in counted]):.1f} s after the last put"
    return [Row(NAME, what, ours, TARGET, "times", without, note)]


def _load(
    bodies: Sequence[memoryview], source: EventSource, settings: Settings, filters: Sequence[Filter], errors: int = 0
) -> Round:
    with groundwatch_server() as server:
        create_streams(server, GROUP, STREAMS)
        for each in filters:
            _put_filter(server, each)
        requests = list(server.signer().requests("PutLogEvents", bodies))
        result = run_load(server.service, requests, settings.connections, refuse=REJECTED)
        counted_s = _await_count(server, source, errors) if filters else 0
    return Round(result.per_second * source.batch_events, counted_s)


def _put_filter(server: Server, wanted: Filter) -> None:
    transformation = {"metricName": wanted.metric, "metricNamespace": NAMESPACE, "metricValue": wanted.value}
    members = {"logGroupName": GROUP, "filterName": wanted.metric.replace("/", "-"), "filterPattern": wanted.pattern}
    call(server, "PutMetricFilter", members | {"metricTransformations": [transformation]})


def _await_count(server: Server, source: EventSource, errors: int) -> float:
    """Return when the errors of all services together are counted; raises `LoadError` when they are not."""
    cloudwatch = botocore.session.Session().create_client(
        "cloudwatch",
        region_name=server.key.region,
        endpoint_url=server.service.url,
        aws_access_key_id=server.key.access_key_id,
        aws_secret_access_key=server.key.secret_access_key,
    )
    start_s, wanted = time.perf_counter(), {"errors", *(f"service-{name}" for name in SERVICES)}
    while sum(_sum(cloudwatch, source, name) for name in wanted) != 2 * errors:
        if time.perf_counter() - start_s > COUNTING_TIMEOUT_S:
            raise LoadError(f"not all of the {errors:,} errors were counted")
        time.sleep(POLL_S)
    cloudwatch.close()
    return time.perf_counter() - start_s


def _sum(cloudwatch: Any, source: EventSource, metric: str) -> float:  # noqa: ANN401 - a client of botocore
    answer = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        StartTime=datetime.fromtimestamp(source.start_ms // 1000 - PERIOD_S, UTC),
        EndTime=datetime.fromtimestamp(source.start_ms // 1000 + 3 * PERIOD_S, UTC),
        Period=PERIOD_S,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
