"""How long 10,000 alarms take that are due at the same moment: when none changes its state, and when all do.

The target is a tenth of the minute that there is. All of it runs within this process, on embedded stores of its own;
each alarm watches a metric of its own, with a datapoint a minute.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.client import LoadError
from benchmarks.report import Row, Series
from benchmarks.settings import Settings
from groundwatch.monitoring.alarms.checks import OF_ONE_METRIC, metric_digest
from groundwatch.monitoring.alarms.evaluator import Evaluator
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.samples import Sample, sample_of
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.alarms import alarms as table

NAME = "alarms"
TARGET_S = 6.0
ACCOUNT, REGION, NAMESPACE = "000000000000", "us-east-1", "Benchmark"
MINUTE_MS = 60_000
# The engine puts old minutes together by its own clock, so the run is about now.
START_MS = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
HISTORY_MIN = 10
THRESHOLD = 10.0
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


class Clock:
    """The time of the run."""

    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def run(settings: Settings) -> list[Row]:
    """Measure moments at which nothing happens and moments at which everything goes off, in turns."""
    rows = []
    for kind, alarms in (("alarms", _alarms(settings.alarms)), ("math alarms", _math_alarms(settings.alarms))):
        quiet, loud = asyncio.run(_rounds(settings.rounds, alarms))
        what = f"{settings.alarms:,} {kind} evaluated"
        rows += [
            Row(NAME, f"{what}, none changes", Series("Groundwatch", "s", quiet), TARGET_S, "below"),
            Row(NAME, f"{what}, all change and notify", Series("Groundwatch", "s", loud), TARGET_S, "below"),
        ]
    return rows


async def _rounds(rounds: int, alarms: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    quiet: list[float] = []
    loud: list[float] = []
    clock, count = Clock(), len(alarms)
    with _stores() as (metadata, events):
        metrics = MetricDesk(events, clock)
        evaluator = Evaluator(metadata, metrics.alarm_reader, clock)
        await metadata.write(lambda connection: connection.execute(insert(table), alarms))
        for minute in range(-HISTORY_MIN, 0):
            await metrics.writer.append(_samples(count, minute, value=1))
        await _evaluate(evaluator, clock, 0, count)
        for round_ in range(1, rounds + 1):
            minute = 2 * round_ - 2
            await metrics.writer.append(_samples(count, minute, value=1 if round_ % 2 else 20))
            quiet.append(await _evaluate(evaluator, clock, minute + 1, 0))
            await metrics.writer.append(_samples(count, minute + 1, value=20 if round_ % 2 else 1))
            loud.append(await _evaluate(evaluator, clock, minute + 2, count))
        await metrics.stop()
    return quiet, loud


async def _evaluate(evaluator: Evaluator, clock: Clock, minute: int, changing: int) -> float:
    clock.now_ms = START_MS + minute * MINUTE_MS
    start_s = time.perf_counter()
    outcome = await evaluator.evaluate(clock.now_ms, 60)
    elapsed_s = time.perf_counter() - start_s
    if not outcome.complete or outcome.changed != changing:
        raise LoadError(f"{outcome.changed} of {changing} alarms changed at minute {minute}")
    return elapsed_s


@contextmanager
def _stores() -> Iterator[tuple[Database, EventDatabase]]:
    with tempfile.TemporaryDirectory() as directory:
        metadata = Database(f"sqlite:///{Path(directory) / 'metadata.db'}")
        migrate(metadata.engine)
        events = EventDatabase(f"chdb://{Path(directory) / 'events'}")
        try:
            events.run_now(migrate_events)
            yield metadata, events
        finally:
            events.close()
            metadata.close()


def _samples(count: int, minute: int, *, value: float) -> Sequence[Sample]:
    at_ms = START_MS + minute * MINUTE_MS
    return [
        sample_of(MetricKey(ACCOUNT, REGION, NAMESPACE, f"errors-{number}"), at_ms, [(value, 1.0)])
        for number in range(count)
    ]


def _alarms(count: int) -> list[dict[str, Any]]:
    return [_alarm(number) for number in range(count)]


def _math_alarms(count: int) -> list[dict[str, Any]]:
    """Return alarms on the mean of two metrics."""
    return [_math_alarm(number, count) for number in range(count)]


def _math_alarm(number: int, count: int) -> dict[str, Any]:
    alarm = _alarm(number)
    queries = [
        {"Id": name, "MetricStat": _stat(other % count), "ReturnData": False}
        for name, other in (("a", number), ("b", number + 1))
    ]
    queries.append({"Id": "e", "Expression": "(a + b) / 2"})
    kept = {name: value for name, value in alarm["members"].items() if name not in OF_ONE_METRIC}
    return alarm | {"members": kept | {"Metrics": queries}, "metric": None}


def _stat(number: int) -> dict[str, Any]:
    return {"Metric": {"Namespace": NAMESPACE, "MetricName": f"errors-{number}"}, "Period": 60, "Stat": "Sum"}


def _alarm(number: int) -> dict[str, Any]:
    members = {
        "ActionsEnabled": True,
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Namespace": NAMESPACE,
        "MetricName": f"errors-{number}",
        "Dimensions": [],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": THRESHOLD,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return {
        "account_id": ACCOUNT,
        "region": REGION,
        "name": f"alarm-{number}",
        "kind": "MetricAlarm",
        "members": members,
        "configured_ms": START_MS,
        "revision": 1,
        "metric": metric_digest(NAMESPACE, f"errors-{number}", []),
        "interval_s": 60,
        "state_value": "INSUFFICIENT_DATA",
        "state_reason": "",
        "state_updated_ms": START_MS,
        "transitioned_ms": START_MS,
        "tags": {},
    }
