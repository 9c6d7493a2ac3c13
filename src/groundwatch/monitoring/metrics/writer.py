"""The writer of metrics, which stores what waits in groups, and the queue for samples that nobody waits for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.samples import Period, PeriodKey, Sample, metric_number
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError, StoreBusyError
from groundwatch.storage.group_commit import GroupCommit, GroupLimits

MAX_WAITING_VALUES = 2_000_000
MAX_INSERT_VALUES = 200_000
MAX_KNOWN_METRICS = 200_000
MAX_RECORDED_VALUES = 100_000
RECORD_INTERVAL_S = 1.0
SEEN_AGAIN_MS = 300_000
"""How much newer a sample must be for its metric's entry to be written again: ListMetrics tells three hours apart."""
METRIC_COLUMNS = {
    "account_id": "LowCardinality(String)",
    "region": "LowCardinality(String)",
    "namespace": "LowCardinality(String)",
    "name": "String",
    "metric": "UInt128",
    "dimension_names": "Array(String)",
    "dimension_values": "Array(String)",
    "last_ms": "Int64",
}
POINT_COLUMNS = {
    "metric": "UInt128",
    "unit": "LowCardinality(String)",
    "time_ms": "Int64",
    "samples": "Float64",
    "total": "Float64",
    "minimum": "Float64",
    "maximum": "Float64",
    "counted": "Tuple(Array(Float64), Array(Float64))",
}

MetricRow = tuple[str, str, str, str, int, list[str], list[str], int]
"""The values of METRIC_COLUMNS."""


class _KnownMetric:
    """What the writer remembers of a metric: its number, and up to when it is listed."""

    __slots__ = ("listed_ms", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.listed_ms = 0


class MetricWriter:
    """Serialises inserts of metrics and joins what waits meanwhile; used from the event loop."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database
        self._known: OrderedDict[MetricKey, _KnownMetric] = OrderedDict()
        self._group = GroupCommit("metrics", self._store, GroupLimits(MAX_WAITING_VALUES, MAX_INSERT_VALUES))

    async def append(self, samples: Sequence[Sample]) -> None:
        """Return when the samples are on disk.

        Raises `ThrottlingException` when too much waits already, `InternalServiceFault` when the store fails: then
        nobody knows whether they are stored.
        """
        try:
            await self._group.append(samples, sum(1 + len(sample.values) for sample in samples))
        except StoreBusyError as error:
            raise ServiceError("ThrottlingException", "Rate exceeded") from error
        except StorageError as error:
            raise ServiceError("InternalServiceFault", "The service cannot complete the request.") from error

    async def flush(self) -> None:
        """Return when everything that was appended before the call is stored or refused."""
        await self._group.flush()

    async def _store(self, batches: Sequence[Sequence[Sample]]) -> None:
        samples = [sample for batch in batches for sample in batch]
        newer: list[MetricRow] = []

        def insert(client: Client) -> None:
            # All in the writer's thread, which runs one insert at a time: a large batch would hold up everyone else.
            points = [(self._number(key.metric), key, period) for key, period in added_up(samples).items()]
            newer.extend(self._newly_listed(samples))
            # The name comes first: points of which nobody knows the name would never be found.
            if newer:
                _insert(client, "metrics", METRIC_COLUMNS, newer)
            _insert(client, "metric_points", POINT_COLUMNS, [_point_row(*point) for point in points])

        await self._database.run("write", insert)
        # Remembered only now: a metric whose entry was not stored must be listed by the next insert.
        for row in newer:
            self._known_metric(MetricKey(*row[:4], dimensions=tuple(zip(row[5], row[6], strict=True)))).listed_ms = row[
                7
            ]

    def _newly_listed(self, samples: Iterable[Sample]) -> list[MetricRow]:
        newest: dict[MetricKey, int] = {}
        for sample in samples:
            newest[sample.metric] = max(sample.timestamp_ms, newest.get(sample.metric, 0))
        rows = []
        for metric, last_ms in newest.items():
            if last_ms >= self._known_metric(metric).listed_ms + SEEN_AGAIN_MS:
                names = [name for name, _ in metric.dimensions]
                values = [value for _, value in metric.dimensions]
                place = (metric.account_id, metric.region, metric.namespace, metric.name)
                rows.append((*place, self._number(metric), names, values, last_ms))
        return rows

    def _number(self, metric: MetricKey) -> int:
        return self._known_metric(metric).number

    def _known_metric(self, metric: MetricKey) -> _KnownMetric:
        known = self._known.get(metric)
        if known is None:
            known = self._known[metric] = _KnownMetric(metric_number(metric))
            if len(self._known) > MAX_KNOWN_METRICS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(metric)
        return known


class MetricRecorder:
    """Samples of this server's own parts, added up for a second and then stored; loses them when the store fails."""

    def __init__(self, writer: MetricWriter) -> None:
        self._writer = writer
        self._recorded: list[Sample] = []
        self._values = 0
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """How many values found the queue full or the store failing."""

    def add(self, sample: Sample) -> None:
        """Queue a sample."""
        size = 1 + len(sample.values)
        if self._values + size > MAX_RECORDED_VALUES:
            self.lost += size
            return
        self._recorded.append(sample)
        self._values += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._store_later(), name="metric-recorder")

    async def flush(self) -> None:
        """Return when everything recorded before the call is stored or counted as lost."""
        await self._store()
        await self._writer.flush()

    async def stop(self) -> None:
        """Store what is queued and end."""
        await self.flush()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _store_later(self) -> None:
        while self._recorded:
            await asyncio.sleep(RECORD_INTERVAL_S)
            await self._store()

    async def _store(self) -> None:
        samples, self._recorded = self._recorded, []
        size, self._values = self._values, 0
        if not samples:
            return
        try:
            await self._writer.append(samples)
        except ServiceError:
            # The writer has logged why.
            self.lost += size


def added_up(samples: Iterable[Sample]) -> dict[PeriodKey, Period]:
    """Return what the samples of each metric and period add up to."""
    periods: dict[PeriodKey, Period] = {}
    for sample in samples:
        key = PeriodKey.of(sample)
        period = periods.get(key)
        if period is None:
            period = periods[key] = Period()
        period.add(sample)
    return periods


def _point_row(number: int, key: PeriodKey, period: Period) -> tuple[object, ...]:
    # Summing maps wants their keys in order.
    pairs = sorted(period.counted.items())
    counted = ([value for value, _ in pairs], [count for _, count in pairs])
    return (number, key.unit, key.start_ms, period.samples, period.total, period.minimum, period.maximum, counted)


def _insert(client: Client, table: str, columns: Mapping[str, str], rows: Sequence[tuple[object, ...]]) -> None:
    client.insert(
        table,
        list(map(list, zip(*rows, strict=True))),
        column_names=tuple(columns),
        column_type_names=tuple(columns.values()),
        column_oriented=True,
    )
