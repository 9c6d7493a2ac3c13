"""GetMetricStatistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.intake import sorted_dimensions
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.operations.base import Operations
from groundwatch.monitoring.metrics.periods import Span
from groundwatch.monitoring.metrics.statistics import Statistic, Summary, UnknownStatisticError, parse_statistic
from groundwatch.monitoring.metrics.times import aligned, check_period, time_range

MAX_DATAPOINTS = 1440
COMBINATION, VALUE = "InvalidParameterCombination", "InvalidParameterValue"


class StatisticsOperations(Operations):
    """Operations that read one metric."""

    async def get_metric_statistics(
        self,
        context: RequestContext,
        *,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        dimensions: list[dict[str, str]] | None = None,
        statistics: list[str] | None = None,
        extended_statistics: list[str] | None = None,
        unit: str | None = None,
    ) -> dict[str, object]:
        """Return statistics of every period that has samples, one datapoint a unit."""
        simple, extended = _parsed(statistics or []), _parsed(extended_statistics or [])
        if not simple and not extended:
            raise ServiceError("MissingParameter", "Must specify either Statistics or ExtendedStatistics")
        check_period(period, "Period", VALUE)
        now_ms = self._metrics.clock_ms()
        wanted = aligned(time_range(start_time, end_time, now_ms, VALUE), period, now_ms)
        count = -(-(wanted.end_ms - wanted.start_ms) // (period * 1000))
        if count > MAX_DATAPOINTS:
            raise ServiceError(COMBINATION, _too_many(count))
        metric = MetricKey(
            context.account_id, context.region, namespace, metric_name, sorted_dimensions(dimensions or [])
        )
        span = Span(period * 1000, wanted.start_ms, wanted.end_ms, with_values=bool(extended))
        units = await self._metrics.statistics.summaries(metric, span)
        points = [
            _datapoint(start_ms, name, summary, simple, extended)
            for name, periods in units.items()
            if unit is None or unit == name
            for start_ms, summary in periods
            if simple or any(statistic.compute(summary) is not None for statistic in extended)
        ]
        return {"Label": metric_name, "Datapoints": points}


def _parsed(names: Sequence[str]) -> list[Statistic]:
    try:
        return [parse_statistic(name) for name in names]
    except UnknownStatisticError as error:
        text = f"The value {error} for parameter ExtendedStatistics is not supported."
        raise ServiceError(VALUE, text) from error


def _too_many(count: int) -> str:
    return (
        f"You have requested up to {count} datapoints, which exceeds the limit of {MAX_DATAPOINTS}. You may reduce the "
        "datapoints requested by increasing Period, or decreasing the time range."
    )


def _datapoint(
    start_ms: int, unit: str, summary: Summary, simple: Sequence[Statistic], extended: Sequence[Statistic]
) -> dict[str, object]:
    values = {statistic.name: statistic.compute(summary) for statistic in simple}
    further = {statistic.name: statistic.compute(summary) for statistic in extended}
    point: dict[str, object] = {"Timestamp": start_ms / 1000, "Unit": unit, **values}
    if further:
        point["ExtendedStatistics"] = further
    return point
