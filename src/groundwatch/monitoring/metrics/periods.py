"""Reading periods of metrics from the store: many metrics in few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.monitoring.metrics.statistics import Summary
from groundwatch.storage.clickhouse import Client, EventDatabase, portions

# What the key has of the time is repeated for the primary index, which knows no arithmetic.
PERIODS = """
    SELECT metric, unit, intDiv(time_ms - {offset:Int64}, {period:Int64}) * {period:Int64} + {offset:Int64} AS start,
        sum(samples), sum(total), min(minimum), max(maximum)
    FROM metric_points
    WHERE metric IN {metrics:Array(UInt128)} AND time_ms >= {from:Int64} AND time_ms < {to:Int64}
        AND intDiv(time_ms, 3600000) >= intDiv({from:Int64}, 3600000)
        AND intDiv(time_ms, 3600000) <= intDiv({to:Int64}, 3600000)
    GROUP BY metric, unit, start ORDER BY metric, unit, start
"""
PERIODS_WITH_VALUES = PERIODS.replace("max(maximum)\n", "max(maximum), sumMap(counted)\n")


HOUR_MS, DAY_MS = 3_600_000, 86_400_000
RETENTION_MS = (
    (60_000, 3 * HOUR_MS),
    (300_000, 15 * DAY_MS),
    (3_600_000, 63 * DAY_MS),
)
"""Periods that are no multiple of the first are answered for so long: what is older has been put together to it."""


def answered_ms(period_ms: int) -> int | None:
    """Return how far back there are answers for a period, None where that is as far as there is anything."""
    return next((age_ms for coarser_ms, age_ms in RETENTION_MS if period_ms % coarser_ms), None)


class Span(msgspec.Struct, frozen=True):
    """Which periods are wanted: all that start in [start_ms, end_ms), aligned to `offset_ms` modulo the period."""

    period_ms: int
    start_ms: int
    end_ms: int
    offset_ms: int = 0
    with_values: bool = False

    @property
    def first_ms(self) -> int:
        """The first period's start."""
        return self.start_ms + (self.offset_ms - self.start_ms) % self.period_ms

    @property
    def past_ms(self) -> int:
        """The end of the last period."""
        return self.end_ms + (self.offset_ms - self.end_ms) % self.period_ms


UnitPeriods = dict[str, list[tuple[int, Summary]]]
"""Starts and summaries of periods by unit, oldest first."""


class PeriodReader:
    """Reads what the writer has stored."""

    def __init__(self, database: EventDatabase, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms

    async def read(self, metrics: Iterable[int], span: Span) -> Mapping[int, UnitPeriods]:
        """Return the periods of metrics by their numbers; metrics and periods without samples are absent."""
        found: dict[int, UnitPeriods] = {}
        age_ms = answered_ms(span.period_ms)
        if age_ms is not None:
            # Further back a row may stand for more than the period that it would be taken for.
            span = msgspec.structs.replace(span, start_ms=max(span.start_ms, self._clock_ms() - age_ms))
        if span.first_ms >= span.past_ms:
            return found
        for portion in portions(sorted(set(metrics))):
            rows = await self._database.run("read", lambda client, portion=portion: _rows(client, portion, span))  # type: ignore[misc]
            for row in rows:
                periods = found.setdefault(row[0], {}).setdefault(row[1], [])
                periods.append((row[2], _summary(row)))
        return found


def _rows(client: Client, metrics: Sequence[int], span: Span) -> Sequence[Sequence[Any]]:
    parameters = {
        "metrics": list(metrics),
        "period": span.period_ms,
        "offset": span.offset_ms % span.period_ms,
        "from": span.first_ms,
        "to": span.past_ms,
    }
    return client.query(PERIODS_WITH_VALUES if span.with_values else PERIODS, parameters=parameters).result_rows


def _summary(row: Sequence[Any]) -> Summary:
    values = dict(zip(*row[7], strict=True)) if len(row) > 7 else {}
    return Summary(row[3], row[4], row[5], row[6], values)
