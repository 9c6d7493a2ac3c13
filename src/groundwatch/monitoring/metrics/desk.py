"""The metrics of this server: what the operations work with, and what other rooms are handed."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.monitoring.metrics.directory import MetricDirectory
from groundwatch.monitoring.metrics.gathered import GatheredStatistics
from groundwatch.monitoring.metrics.periods import PeriodReader
from groundwatch.monitoring.metrics.queries import QueryReader
from groundwatch.monitoring.metrics.reader import StatisticReader
from groundwatch.monitoring.metrics.searching import Searcher
from groundwatch.monitoring.metrics.writer import MetricRecorder, MetricWriter
from groundwatch.storage.clickhouse import EventDatabase


class MetricDesk:
    """The parts of the room that have to do with metrics, on one event store."""

    def __init__(self, database: EventDatabase, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self.writer = MetricWriter(database)
        self.recorder = MetricRecorder(self.writer)
        self.directory = MetricDirectory(database)
        periods, searcher = PeriodReader(database, clock_ms), Searcher(self.directory, clock_ms)
        self.statistics = StatisticReader(periods)
        self.reader = QueryReader(self.statistics, searcher)
        self.alarm_reader = QueryReader(GatheredStatistics(periods), searcher)
        """For thousands of evaluations at once."""

    async def stop(self) -> None:
        """Store what waits."""
        await self.recorder.stop()
        await self.writer.flush()
