"""What the server says of itself: as metrics of CloudWatch, and to Prometheus."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.live import wait_for

from groundwatch.aws.http import WireRequest
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.own.collector import OwnMetrics, Place
from groundwatch.monitoring.own.gateway import GatewayCounts
from groundwatch.monitoring.own.page import MetricsPage
from groundwatch.monitoring.own.readings import Reading, Spread

NOW_MS = 1_767_322_800_000


class Remembering:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.samples = []
        self.lost = 3

    def add(self, sample) -> None:
        self.samples.append(sample)

    def values(self, namespace: str = "Groundwatch") -> dict:
        return {
            (s.metric.name, *(value for _, value in s.metric.dimensions)): (s.samples, s.total, s.minimum, s.maximum)
            for s in self.samples
            if s.metric.namespace == namespace
        }


class Times:
    def __init__(self, *times_ms: int) -> None:
        self.count, self.total_ms = len(times_ms), sum(times_ms)
        self.least_ms, self.most_ms = min(times_ms), max(times_ms)
        self.counted = Counter(times_ms)


class Figures:
    account_id, region, api_name = "111122223333", "eu-west-1", "pets"
    count, errors_4xx, errors_5xx = 5, 2, 1
    latency, integration_latency = Times(2, 2, 6, 10, 30), Times(1, 9, 20)
    cache_hits, cache_misses = 0, 0

    def __init__(self, *, detailed: bool) -> None:
        self.detailed = detailed


class Pets:
    api_id, stage, resource_path, verb = "a1", "live", "/pets", "GET"


class Traffic:
    lost = 7

    def __init__(self, *, detailed: bool = True) -> None:
        self.waiting = [(Pets(), Figures(detailed=detailed))]

    def take(self):
        taken, self.waiting = self.waiting, []
        return taken


class Room:
    def __init__(self) -> None:
        self.events = 10
        self.lag = Spread()

    async def readings(self):
        lag, self.lag = self.lag, Spread()
        return [
            Reading("Events", "events", "Events.", "Count", self.events, "counter"),
            Reading("Depth", "depth", "Depth.", "Count", 4),
            Reading("Lag", "lag_seconds", "Lag.", "Milliseconds", lag, "spread", 0.001),
        ]


class Broken:
    async def readings(self):
        raise ConnectionError("the engine is down")


@pytest.fixture
def recorder() -> Remembering:
    return Remembering()


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def own(recorder, room) -> OwnMetrics:
    place = Place("999999999999", "us-east-1")
    sources = (Broken().readings, room.readings)
    return OwnMetrics(recorder, GatewayCounts(Traffic()), sources, place, lambda: NOW_MS)


async def test_counters_are_recorded_as_what_came_since_and_gauges_as_they_are(own, recorder, room):
    await own.flush()
    assert recorder.values()["Events",] == (1.0, 10.0, 10.0, 10.0)
    recorder.samples.clear()
    room.events = 12
    await own.flush()
    assert recorder.values()["Events",] == (1.0, 2.0, 2.0, 2.0)
    assert recorder.values()["Depth",] == (1.0, 4.0, 4.0, 4.0)
    assert recorder.samples[0].metric == MetricKey("999999999999", "us-east-1", "Groundwatch", "LostMetricValues")


async def test_spreads_are_recorded_once_whoever_asks(own, recorder, room):
    room.lag.add(100)
    room.lag.add(300)
    shown = {reading.name: reading.value for reading in await own.readings()}
    assert (shown["Lag"].count, shown["Lag"].total) == (2, 400)
    await own.flush()
    assert [s.total for s in recorder.samples if s.metric.name == "Lag"] == [400.0]


async def test_the_gateways_metrics_have_the_names_of_the_real_service(own, recorder):
    await own.flush()
    found = recorder.values("AWS/ApiGateway")
    for dimensions in (("pets",), ("pets", "live"), ("pets", "GET", "/pets", "live")):
        assert found["Count", *dimensions] == (5, 5, 1, 1)
        assert found["4XXError", *dimensions] == (5, 2, 0, 1)
        assert found["5XXError", *dimensions] == (5, 1, 0, 1)
        assert found["Latency", *dimensions] == (5, 50, 2, 30)
        assert found["IntegrationLatency", *dimensions] == (3, 30, 1, 20)
    latency = next(s for s in recorder.samples if s.metric.name == "Latency")
    assert sorted(latency.values) == [(2, 2), (6, 1), (10, 1), (30, 1)]
    assert not any(name.startswith("Cache") for name, *_ in found)
    owners = {
        (s.metric.account_id, s.metric.region) for s in recorder.samples if s.metric.namespace == "AWS/ApiGateway"
    }
    assert owners == {("111122223333", "eu-west-1")}


async def test_methods_have_metrics_of_their_own_only_where_the_stage_wants_them(recorder, room):
    place = Place("999999999999", "us-east-1")
    gateway = GatewayCounts(Traffic(detailed=False))
    await OwnMetrics(recorder, gateway, (), place, lambda: NOW_MS).flush()
    assert {len(key) - 1 for key in recorder.values("AWS/ApiGateway")} == {1, 2}


def request(source_ip: str = "127.0.0.1", authorization: str | None = None) -> WireRequest:
    headers = () if authorization is None else (("authorization", authorization),)
    return WireRequest("GET", "/metrics", "", headers, b"", source_ip)


async def test_prometheus_reads_the_page(own, room):
    room.lag.add(1500)
    answer = await MetricsPage(own, None).answer(request())
    assert answer.status == 200
    assert answer.header("content-type").startswith("text/plain")
    samples = {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    assert samples["groundwatch_events_total",] == 10
    assert samples["groundwatch_depth",] == 4
    assert samples["groundwatch_lost_metric_values_total",] == 3
    assert (samples["groundwatch_lag_seconds_count",], samples["groundwatch_lag_seconds_sum",]) == (1, 1.5)
    labels = ("a1", "GET", "/pets", "live")
    assert samples["groundwatch_gateway_requests_total", *labels] == 5
    assert samples["groundwatch_gateway_latency_seconds_sum", *labels] == 0.05


@pytest.mark.parametrize(
    ("token", "asked", "status"),
    [
        pytest.param(None, request("127.0.0.1"), 200, id="this machine"),
        pytest.param(None, request("::1"), 200, id="this machine, IPv6"),
        pytest.param(None, request("::ffff:127.0.0.1"), 200, id="this machine, IPv4 in IPv6"),
        pytest.param(None, request("10.0.0.5"), 403, id="another machine"),
        pytest.param(None, request(""), 403, id="nobody knows who"),
        pytest.param(None, request("10.0.0.5", "Bearer None"), 403, id="a token where there is none"),
        pytest.param("t0ken", request("10.0.0.5", "Bearer t0ken"), 200, id="the token from elsewhere"),
        pytest.param("t0ken", request("10.0.0.5", "bearer  t0ken"), 200, id="the scheme in any case"),
        pytest.param("t0ken", request("127.0.0.1"), 401, id="no token from this machine"),
        pytest.param("t0ken", request("127.0.0.1", "Bearer other"), 401, id="a wrong token"),
        pytest.param("t0ken", request("127.0.0.1", "Basic t0ken"), 401, id="another scheme"),
        pytest.param("t0ken", request("127.0.0.1", "Bearer é"), 401, id="a token that is not ASCII"),
    ],
)
async def test_who_may_read_the_page(own, token, asked, status):
    assert (await MetricsPage(own, token).answer(asked)).status == status


def test_a_running_server_tells_of_itself(make_server):
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": time.time_ns() // 1_000_000, "message": "hello"}]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    with urllib.request.urlopen(f"{server.service_url}/metrics", timeout=20) as answer:
        page = answer.read().decode()
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(values["groundwatch_ingested_events_total"]) >= 1
    assert 0 <= float(values["groundwatch_newest_event_age_seconds"]) < 60
    assert float(values["groundwatch_engine_memory_bytes"]) > 1_000_000
    assert float(values["groundwatch_process_memory_bytes"]) > 10_000_000
    # A stop records what the last minute has counted.
    assert server.stop() == 0
    server.start()
    found = wait_for(
        lambda: server.client("cloudwatch").list_metrics(Namespace="Groundwatch")["Metrics"], "own metrics"
    )
    names = {metric["MetricName"] for metric in found}
    assert {"IngestedEvents", "IngestionLag", "DeliveryQueueBytes", "EngineMemory", "NewestEventAge"} <= names
