"""The store of metrics: what is added up, how it grows coarse, many requests at once, and the queue for own samples."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics import searching
from groundwatch.monitoring.metrics import writer as writing
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.metrics.model import MetricDataQuery, MetricKey, MetricStat, StatisticRequest
from groundwatch.monitoring.metrics.queries import QueryReader
from groundwatch.monitoring.metrics.samples import SECOND_MS, Sample, metric_number, sample_of
from groundwatch.monitoring.metrics.searching import Searcher
from groundwatch.storage.errors import StorageError

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def desk(metric_store) -> MetricDesk:
    return MetricDesk(metric_store, now_ms)


def metric(account: str, name: str = "m", region: str = "us-east-1") -> MetricKey:
    return MetricKey(account, region, "N", name)


def hours_ago(hours: int) -> int:
    return now_ms() // HOUR_MS * HOUR_MS - hours * HOUR_MS


async def read(
    desk: MetricDesk, key: MetricKey, stat: str, start_ms: int, end_ms: int, period_s: int = 60
) -> list[float]:
    points = (await desk.reader.read([StatisticRequest(key, stat, period_s, start_ms, end_ms)]))[0]
    return [point.value for point in points]


async def test_samples_of_a_minute_add_up_over_inserts(desk, account):
    at, key = hours_ago(1), metric(account)
    for value in (1.0, 2.0, 9.0):
        await desk.writer.append([sample_of(key, at + 1000, [(value, 2.0)])])
    assert await read(desk, key, "Sum", at, at + MINUTE_MS) == [24.0]
    assert await read(desk, key, "SampleCount", at, at + MINUTE_MS) == [6.0]
    assert await read(desk, key, "p50", at, at + MINUTE_MS) == [2.0]
    assert await read(desk, key, "Sum", at + MINUTE_MS, at + 2 * MINUTE_MS) == []


@pytest.mark.parametrize(
    ("hours", "rows"),
    [
        pytest.param(1, 600, id="seconds are kept for three hours"),
        pytest.param(5, 10, id="minutes for 15 days"),
        pytest.param(16 * 24, 2, id="five minutes for 63 days"),
        pytest.param(70 * 24, 1, id="hours for 455 days"),
        pytest.param(460 * 24, 0, id="nothing is kept for ever"),
    ],
)
async def test_old_periods_grow_coarse_and_keep_their_sums(desk, account, metric_store, hours, rows):
    at, key = hours_ago(hours), metric(account)
    samples = [sample_of(key, at + 1000 * n, [(float(n), 1.0)], resolution_ms=SECOND_MS) for n in range(600)]
    # In two inserts, so that rows of different parts have to be put together.
    await desk.writer.append(samples[::2])
    await desk.writer.append(samples[1::2])
    metric_store.run_now(lambda client: client.command("OPTIMIZE TABLE metric_points FINAL"))
    stored = metric_store.run_now(
        lambda client: client.query(
            "SELECT count() FROM metric_points WHERE metric = {metric:UInt128}",
            parameters={"metric": metric_number(key)},
        ).result_rows[0][0]
    )
    assert stored == rows
    for stat, expected in (("Sum", 179_700.0), ("SampleCount", 600.0), ("Maximum", 599.0), ("Minimum", 0.0)):
        assert await read(desk, key, stat, at, at + HOUR_MS, 3600) == ([expected] if rows else [])
    if rows:
        assert await read(desk, key, "p50", at, at + HOUR_MS, 3600) == [pytest.approx(299.5, rel=0.003)]


@pytest.mark.parametrize(
    ("hours", "period_s", "is_answered"),
    [
        pytest.param(2, 10, True, id="seconds within three hours"),
        pytest.param(4, 10, False, id="seconds, older"),
        pytest.param(4, 60, True, id="minutes within 15 days"),
        pytest.param(16 * 24, 60, False, id="minutes, older"),
        pytest.param(16 * 24, 300, True, id="five minutes within 63 days"),
        pytest.param(64 * 24, 300, False, id="five minutes, older"),
        pytest.param(64 * 24, 3600, True, id="hours"),
    ],
)
async def test_a_coarse_period_is_not_taken_for_a_finer_one(desk, account, hours, period_s, is_answered):
    at, key = hours_ago(hours), metric(account)
    await desk.writer.append([sample_of(key, at, [(1.0, 1.0)], resolution_ms=SECOND_MS)])
    assert await read(desk, key, "Sum", at, at + HOUR_MS, period_s) == ([1.0] if is_answered else [])


async def test_a_search_over_too_many_metrics_is_refused(desk, account, monkeypatch):
    monkeypatch.setattr(searching, "MAX_LOOKED_AT", 3)
    at = hours_ago(1)
    await desk.writer.append([sample_of(metric(account, f"m{n}"), at, [(1.0, 1.0)]) for n in range(3)])
    queries = [MetricDataQuery("e", expression="SEARCH('m1', 'Sum', 60)")]
    with pytest.raises(ServiceError, match="Error in expression 'e': SEARCH is over 3 metrics and more"):
        await desk.reader.evaluate(account, "us-east-1", queries, at, at + HOUR_MS)


async def test_periods_may_slide(desk, account):
    at, key = hours_ago(1), metric(account)
    await desk.writer.append([sample_of(key, at + n * MINUTE_MS, [(float(n), 1.0)]) for n in range(10)])
    request = StatisticRequest(key, "Sum", 300, at + 2 * MINUTE_MS, at + 7 * MINUTE_MS, offset_ms=at + 2 * MINUTE_MS)
    points = (await desk.reader.read([request]))[0]
    assert [(point.timestamp_ms - at, point.value, point.sample_count) for point in points] == [
        (2 * MINUTE_MS, 20.0, 5.0)
    ]


async def test_many_requests_cost_few_statements(desk, account, metric_store, monkeypatch):
    at = hours_ago(1)
    keys = [metric(account, f"m{n}") for n in range(3000)]
    await desk.writer.append([sample_of(key, at, [(float(n), 1.0)]) for n, key in enumerate(keys)])
    statements = []
    run = metric_store.run

    async def counting(purpose, work):
        statements.append(purpose)
        return await run(purpose, work)

    monkeypatch.setattr(metric_store, "run", counting)
    requests = [StatisticRequest(key, stat, 60, at, at + 3 * MINUTE_MS) for key in keys for stat in ("Sum", "Maximum")]
    answers = await desk.reader.read(requests)
    assert [[point.value for point in points] for points in answers[:4]] == [[0.0], [0.0], [1.0], [1.0]]
    assert answers[-1][0].value == 2999.0
    assert len(statements) <= 3


async def test_accounts_and_regions_are_apart(desk, account):
    at, key = hours_ago(1), metric(account)
    await desk.writer.append([sample_of(key, at, [(1.0, 1.0)])])
    for other in (metric("999999999999"), metric(account, region="eu-west-1")):
        assert await read(desk, other, "Sum", at, at + MINUTE_MS) == []
        found = await desk.reader.evaluate(
            other.account_id,
            other.region,
            [MetricDataQuery("e", expression="SEARCH('{N} m', 'Sum', 60)")],
            *(at, at + MINUTE_MS),
        )
        assert found == []


async def test_queries_of_alarms(desk, account):
    at, key = hours_ago(1), metric(account)
    await desk.writer.append([sample_of(key, at + n * MINUTE_MS, [(float(n), 1.0)]) for n in range(3)])
    queries = [
        MetricDataQuery("m", MetricStat(key, "Sum", 60), return_data=False),
        MetricDataQuery("e", expression="FILL(m, 0) * 2"),
    ]
    series = await desk.reader.evaluate(account, "us-east-1", queries, at, at + 4 * MINUTE_MS)
    assert [[(when - at, value) for when, value in one.points] for one in series] == [
        [(0, 0.0), (MINUTE_MS, 2.0), (2 * MINUTE_MS, 4.0), (3 * MINUTE_MS, 0.0)]
    ]
    with pytest.raises(ServiceError, match="Error in expression 'e': Function 'NO' not found"):
        await desk.reader.evaluate(account, "us-east-1", [MetricDataQuery("e", expression="NO()")], at, at + 1)


class FailingStore:
    """A store whose disk is full."""

    async def run(self, purpose, work):
        raise StorageError("no space left")


async def test_a_put_that_is_not_stored_is_not_acknowledged(account):
    desk = MetricDesk(FailingStore(), now_ms)
    with pytest.raises(ServiceError) as caught:
        await desk.writer.append([sample_of(metric(account), now_ms(), [(1.0, 1.0)])])
    assert caught.value.code == "InternalServiceFault"


async def test_what_the_server_records_is_stored_in_the_background(desk, account, monkeypatch):
    monkeypatch.setattr(writing, "RECORD_INTERVAL_S", 0.01)
    at, key = hours_ago(1), metric(account)
    for value in (1.0, 2.0):
        desk.recorder.add(sample_of(key, at, [(value, 1.0)]))
    await asyncio.wait_for(desk.recorder._task, 20)
    assert await read(desk, key, "Sum", at, at + MINUTE_MS) == [3.0]
    assert desk.recorder.lost == 0


async def test_recorded_samples_that_cannot_be_stored_are_counted(account):
    desk = MetricDesk(FailingStore(), now_ms)
    desk.recorder.add(sample_of(metric(account), now_ms(), [(1.0, 1.0)]))
    await desk.recorder.stop()
    assert desk.recorder.lost == 2


async def test_the_queue_for_recorded_samples_is_bounded(account, monkeypatch):
    monkeypatch.setattr(writing, "MAX_RECORDED_VALUES", 10)
    desk = MetricDesk(FailingStore(), now_ms)
    for _ in range(100):
        desk.recorder.add(sample_of(metric(account), now_ms(), [(1.0, 1.0)]))
    assert desk.recorder.lost == 190
    await desk.recorder.stop()


async def test_puts_that_wait_are_bounded(account, monkeypatch):
    monkeypatch.setattr(writing, "MAX_WAITING_VALUES", 0)
    desk = MetricDesk(FailingStore(), now_ms)
    sample = Sample(metric(account), now_ms(), 1, 1, 1, 1)
    first = asyncio.create_task(desk.writer.append([sample]))
    await asyncio.sleep(0)
    with pytest.raises(ServiceError, match="Rate exceeded"):
        await desk.writer.append([sample])
    with pytest.raises(ServiceError, match="cannot complete the request"):
        await first


def expected_periods(samples: list[Sample], period_ms: int) -> dict[int, tuple[float, float, float, float]]:
    """Return what samples add up to, worked out in the plainest way."""
    found: dict[int, list[float]] = {}
    for sample in samples:
        stored_ms = sample.timestamp_ms // sample.resolution_ms * sample.resolution_ms
        for value, count in sample.values:
            found.setdefault(stored_ms // period_ms * period_ms, []).extend([value] * int(count))
    return {start: (len(v), sum(v), min(v), max(v)) for start, v in sorted(found.items())}


@pytest.mark.parametrize("seed", range(4))
async def test_any_samples_read_in_any_period_are_what_they_add_up_to(desk, account, seed):
    generator = random.Random(seed)
    start_ms, key = hours_ago(1), metric(account)
    samples = [
        sample_of(
            key,
            start_ms + generator.randrange(HOUR_MS),
            [
                (float(generator.randint(-50, 500)), float(generator.randint(1, 3)))
                for _ in range(generator.randint(1, 4))
            ],
            resolution_ms=generator.choice([SECOND_MS, MINUTE_MS]),
        )
        for _ in range(300)
    ]
    for part in range(3):
        await desk.writer.append(samples[part::3])
    for period_s in (1, 10, 60, 300, 3600):
        requests = [
            StatisticRequest(key, stat, period_s, start_ms, start_ms + HOUR_MS)
            for stat in ("SampleCount", "Sum", "Minimum", "Maximum")
        ]
        answers = await desk.reader.read(requests)
        starts = [point.timestamp_ms for point in answers[0]]
        values = zip(*([point.value for point in points] for points in answers), strict=True)
        assert dict(zip(starts, values, strict=True)) == expected_periods(samples, period_s * 1000)


@pytest.mark.parametrize(
    ("expression", "days", "in_thread"),
    [
        pytest.param("m * 2", 60, False, id="one datapoint stays one"),
        pytest.param("FILL(m, 0)", 1, False, id="a day of minutes"),
        pytest.param("FILL(m, 0)", 60, True, id="datapoints that are made count like those that are read"),
        pytest.param("FILL(m, 0) + " * 20 + "m", 1, True, id="every step of an expression counts"),
    ],
)
async def test_large_expressions_run_beside_the_event_loop(desk, account, expression, days, in_thread):
    at, key = hours_ago(1), metric(account)
    await desk.writer.append([sample_of(key, at, [(1.0, 1.0)])])
    queries = [
        MetricDataQuery("m", MetricStat(key, "Sum", 60), return_data=False),
        MetricDataQuery("e", expression=expression),
    ]
    threads = RecordingThreads()
    reader = QueryReader(desk.statistics, Searcher(desk.directory, now_ms), threads)
    (series,) = await reader.evaluate(account, "us-east-1", queries, at - (days - 1) * DAY_MS, at + DAY_MS)
    assert max(value for _, value in series.points) >= 1.0
    assert bool(threads.used) is in_thread


async def test_long_expressions_are_read_beside_the_event_loop(desk, account):
    threads = RecordingThreads()
    reader = QueryReader(desk.statistics, Searcher(desk.directory, now_ms), threads)
    queries = [MetricDataQuery(f"e{number}", expression="1" + " + 1" * 500) for number in range(3)]
    unfinished = MetricDataQuery("e", expression="1 +")
    with pytest.raises(ServiceError, match="Error in expression 'e': Unexpected end"):
        await reader.evaluate(account, "us-east-1", [*queries, unfinished], 0, DAY_MS)
    assert threads.used == 1


class RecordingThreads(ThreadPoolExecutor):
    """Counts what it is given."""

    used = 0

    def submit(self, *words):
        self.used += 1
        return super().submit(*words)
