"""The metrics of this server: what the operations work with, and what other rooms are handed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from groundwatch.monitoring.metrics.directory import MetricDirectory
from groundwatch.monitoring.metrics.gathered import GatheredStatistics
from groundwatch.monitoring.metrics.periods import PeriodReader
from groundwatch.monitoring.metrics.queries import QueryReader
from groundwatch.monitoring.metrics.reader import StatisticReader
from groundwatch.monitoring.metrics.searching import Searcher
from groundwatch.monitoring.metrics.writer import MetricRecorder, MetricWriter
from groundwatch.storage.clickhouse import EventDatabase

MATH_THREADS = 2
"""For expressions over many datapoints: Python runs one thread at a time, and more would only slow all others down."""


class MetricDesk:
    """The parts of the room that have to do with metrics, on one event store."""

    def __init__(self, database: EventDatabase, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self.writer = MetricWriter(database)
        self.recorder = MetricRecorder(self.writer)
        self.directory = MetricDirectory(database)
        periods, searcher = PeriodReader(database, clock_ms), Searcher(self.directory, clock_ms)
        self.statistics = StatisticReader(periods)
        self._math = ThreadPoolExecutor(MATH_THREADS, thread_name_prefix="metric-math")
        self.reader = QueryReader(self.statistics, searcher, self._math)
        self.alarm_reader = QueryReader(GatheredStatistics(periods), searcher, self._math)
        """For thousands of evaluations at once."""

    async def stop(self) -> None:
        """Store what waits."""
        self._math.shutdown(wait=False, cancel_futures=True)
        await self.recorder.stop()
        await self.writer.flush()
