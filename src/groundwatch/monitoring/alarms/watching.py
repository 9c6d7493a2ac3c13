"""From an alarm's configuration to what is read and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from groundwatch.monitoring.alarms.evaluation import Criterion, Slot, range_slots, samples_needed
from groundwatch.monitoring.alarms.messages import period_of
from groundwatch.monitoring.alarms.model import Alarm, Place, dimensions_of
from groundwatch.monitoring.alarms.reasons import Reading
from groundwatch.monitoring.metrics.model import (
    Datapoint,
    MetricDataQuery,
    MetricKey,
    MetricStat,
    Series,
    StatisticRequest,
)
from groundwatch.monitoring.metrics.statistics import is_percentile

ALWAYS_IGNORED = "AWS/DynamoDB"
"""Alarms on metrics of this namespace keep their state where data are missing, whatever they say."""


class Watch(msgspec.Struct, frozen=True):
    """What evaluating an alarm takes."""

    alarm: Alarm
    criterion: Criterion
    reading: Reading
    stat: MetricStat | None
    """The one metric; None for metric math."""
    queries: tuple[MetricDataQuery, ...] = ()

    @property
    def range_ms(self) -> int:
        """How long the evaluation range is."""
        return range_slots(self.criterion.periods, self.reading.period_s) * self.reading.period_s * 1000

    def offset_ms(self, tick_ms: int) -> int:
        """Return how far periods that end with a tick are shifted: windows slide by the minute."""
        return tick_ms % (self.reading.period_s * 1000)

    def request(self, tick_ms: int) -> StatisticRequest:
        """Return what to read for the evaluation of a tick, of one metric."""
        stat = cast("MetricStat", self.stat)
        return StatisticRequest(
            metric=stat.metric,
            stat=stat.stat,
            period_s=stat.period_s,
            start_ms=tick_ms - self.range_ms,
            end_ms=tick_ms,
            unit=stat.unit,
            offset_ms=self.offset_ms(tick_ms),
        )

    def slots(self, tick_ms: int, points: Sequence[Datapoint]) -> list[Slot]:
        """Return the evaluation range with its datapoints, oldest first."""
        found = {point.timestamp_ms: point for point in points}
        starts = range(tick_ms - self.range_ms, tick_ms, self.reading.period_s * 1000)
        return [Slot(start_ms, found.get(start_ms)) for start_ms in starts]


def watch(alarm: Alarm) -> Watch:
    """Return what evaluating a metric alarm takes."""
    members = alarm.members
    stat = _one_stat(members, alarm.place)
    queries = queries_of(members, alarm.place) if stat is None else ()
    reading = Reading(period_of(members), None if stat is None else stat.stat, None if stat is None else stat.unit)
    needed = 0.0
    if stat is not None and members.get("EvaluateLowSampleCountPercentile") == "ignore" and is_percentile(stat.stat):
        needed = samples_needed(float(stat.stat[1:]))
    # Documented as an exception of these metrics, whatever TreatMissingData says.
    ignored = stat is not None and stat.metric.namespace == ALWAYS_IGNORED
    criterion = Criterion(
        operator=members["ComparisonOperator"],
        threshold=float(members["Threshold"]),
        periods=members["EvaluationPeriods"],
        datapoints_to_alarm=members.get("DatapointsToAlarm"),
        treatment="ignore" if ignored else members.get("TreatMissingData", "missing"),
        samples_needed=needed,
    )
    return Watch(alarm, criterion, reading, stat, queries)


def points_of(series: Sequence[Series]) -> list[Datapoint]:
    """Return the datapoints of a math result; ValueError unless it is one series.

    Results of expressions have no samples to count: zero stands for that.
    """
    if len(series) != 1:
        raise ValueError(f"the expression results in {len(series)} time series, but an alarm watches one")
    return [Datapoint(at_ms, value, 0) for at_ms, value in series[0].points]


def queries_of(members: Mapping[str, Any], place: Place) -> tuple[MetricDataQuery, ...]:
    """Return the queries of an alarm on metric math."""
    return tuple(_query(query, place) for query in members["Metrics"])


def _one_stat(members: Mapping[str, Any], place: Place) -> MetricStat | None:
    if "Metrics" not in members:
        stat = members.get("Statistic") or members["ExtendedStatistic"]
        return _stat(place, members, stat, members["Period"], members.get("Unit"))
    # One metric written as a query needs no math, and so keeps its counts of samples.
    only = members["Metrics"][0]
    if len(members["Metrics"]) > 1 or "MetricStat" not in only:
        return None
    return _query_stat(only["MetricStat"], place)


def _query(query: Mapping[str, Any], place: Place) -> MetricDataQuery:
    return MetricDataQuery(
        id=query["Id"],
        stat=_query_stat(query["MetricStat"], place) if "MetricStat" in query else None,
        expression=query.get("Expression"),
        label=query.get("Label"),
        period_s=query.get("Period"),
        return_data=query.get("ReturnData", True),
    )


def _query_stat(stat: Mapping[str, Any], place: Place) -> MetricStat:
    return _stat(place, stat["Metric"], stat["Stat"], stat["Period"], stat.get("Unit"))


def _stat(place: Place, metric: Mapping[str, Any], stat: str, period_s: int, unit: str | None) -> MetricStat:
    key = MetricKey(
        account_id=place.account_id,
        region=place.region,
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        dimensions=dimensions_of(metric.get("Dimensions", [])),
    )
    return MetricStat(key, stat, period_s, unit)
