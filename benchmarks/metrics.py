"""What metrics cost: to put, to keep, and to read for 10,000 alarms at once; and how exact percentiles are.

All of it runs within this process, on an embedded store of its own. Times are processor time of the process, engine and
all: another program on the machine does not change them much.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.report import Row, Series
from benchmarks.settings import Settings
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.metrics.model import MetricKey, StatisticRequest
from groundwatch.monitoring.metrics.samples import Period, Sample, sample_of
from groundwatch.monitoring.metrics.statistics import Summary, parse_statistic
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events

NAME = "metrics"
METRICS = 10_000
MINUTES = 15
EVALUATED_MINUTES = 5
BATCH = 1_000
MINUTE_MS = 60_000
VALUES = (1, 20)
"""Values a metric has in a minute."""
READ_TARGET_S = 6.0
PUT_TARGET = 5_000
SIZE_TARGET = 64
ERROR_TARGET = 0.003
SIZE = "SELECT sum(bytes_on_disk) FROM system.parts WHERE table = 'metric_points' AND active"


class Store(msgspec.Struct, frozen=True):
    """A store and the metrics in it."""

    database: EventDatabase
    desk: MetricDesk
    keys: list[MetricKey]
    end_ms: int


def run(settings: Settings) -> list[Row]:
    """Measure a store of metrics with one value a minute, then one with twenty."""
    rows = []
    for values in VALUES:
        with tempfile.TemporaryDirectory() as directory:
            database = EventDatabase(f"chdb://{Path(directory) / 'events'}")
            try:
                rows += asyncio.run(_measure(settings, database, values))
            finally:
                database.close()
    return [*rows, _error_row(settings)]


async def _measure(settings: Settings, database: EventDatabase, values: int) -> list[Row]:
    database.run_now(migrate_events)
    count = METRICS // (1 if settings.round_s >= 10 else 20)
    store = Store(
        database,
        MetricDesk(database, lambda: time.time_ns() // 1_000_000),
        [MetricKey("000000000000", "us-east-1", "Benchmark", f"metric-{number}") for number in range(count)],
        time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS,
    )
    started = time.process_time()
    for batch in _batches(store, values):
        await store.desk.writer.append(batch)
    put_per_s = count * MINUTES / (time.process_time() - started)
    database.run_now(lambda client: client.command("OPTIMIZE TABLE metric_points FINAL"))
    stored_bytes = database.run_now(lambda client: int(client.query(SIZE).result_rows[0][0]))
    what = f"{values} value{'s' if values > 1 else ''} a minute"
    return [
        Row(NAME, f"put, {what}", Series("Groundwatch", "samples/CPU s", [put_per_s]), PUT_TARGET, "above"),
        Row(
            *(NAME, f"a minute on disk, {what}", Series("Groundwatch", "bytes", [stored_bytes / count / MINUTES])),
            *(SIZE_TARGET * values, "below"),
        ),
        await _read_row(settings, store, "Sum", what),
        await _read_row(settings, store, "p99", what),
    ]


def _batches(store: Store, values: int) -> Iterator[list[Sample]]:
    generator = random.Random(1)
    for minute in range(MINUTES):
        at = store.end_ms - (MINUTES - minute) * MINUTE_MS
        for start in range(0, len(store.keys), BATCH):
            yield [
                sample_of(key, at, [(round(generator.lognormvariate(3, 1), 2), 1.0) for _ in range(values)])
                for key in store.keys[start : start + BATCH]
            ]


async def _read_row(settings: Settings, store: Store, stat: str, what: str) -> Row:
    start_ms = store.end_ms - EVALUATED_MINUTES * MINUTE_MS
    requests = [StatisticRequest(key, stat, 60, start_ms, store.end_ms) for key in store.keys]
    rounds = []
    for _ in range(settings.rounds):
        started = time.process_time()
        answers = await store.desk.reader.read(requests)
        rounds.append(time.process_time() - started)
        if any(len(points) != EVALUATED_MINUTES for points in answers):
            raise AssertionError("points are missing")
    text = f"{stat} of {len(store.keys):,} metrics over {EVALUATED_MINUTES} minutes, {what}"
    return Row(NAME, text, Series("Groundwatch", "CPU s", rounds), READ_TARGET_S, "below")


def _error_row(settings: Settings) -> Row:
    generator = random.Random(2)
    errors = [_worst_error(generator) for _ in range(settings.rounds)]
    text = "largest relative error of a percentile of 20,000 values"
    return Row(NAME, text, Series("Groundwatch", "", errors), ERROR_TARGET, "below")


def _worst_error(generator: random.Random) -> float:
    values = sorted(generator.lognormvariate(3, 1) for _ in range(20_000))
    period = Period()
    period.add(sample_of(MetricKey("", "", "", ""), 0, [(value, 1.0) for value in values]))
    summary = Summary(period.samples, period.total, period.minimum, period.maximum, period.counted)
    worst = 0.0
    for percent in range(1, 100):
        exact = values[round(percent / 100 * (len(values) - 1))]
        kept = parse_statistic(f"p{percent}").compute(summary) or 0.0
        worst = max(worst, abs(kept - exact) / exact)
    return worst
