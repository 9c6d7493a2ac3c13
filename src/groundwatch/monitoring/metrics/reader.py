"""Statistics of metrics, many at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.model import Datapoint, MetricKey, StatisticRequest
from groundwatch.monitoring.metrics.periods import PeriodReader, Span, UnitPeriods
from groundwatch.monitoring.metrics.samples import metric_number
from groundwatch.monitoring.metrics.statistics import Statistic, Summary, UnknownStatisticError, parse_statistic


class StatisticReader:
    """Reads the statistics of many metrics with few statements."""

    def __init__(self, periods: PeriodReader) -> None:
        self._periods = periods

    async def read(self, requests: Sequence[StatisticRequest]) -> list[list[Datapoint]]:
        """Return the datapoints of each request; see `MetricReader`."""
        found = await self.read_units(requests)
        return [chosen_unit(units, request.unit)[1] for units, request in zip(found, requests, strict=True)]

    async def read_units(self, requests: Sequence[StatisticRequest]) -> list[dict[str, list[Datapoint]]]:
        """Return the datapoints of each request by unit, of all units if the request names none."""
        statistics = [_statistic(request.stat) for request in requests]
        answers: list[dict[str, list[Datapoint]]] = [{} for _ in requests]
        for span, members in _together(requests, statistics):
            numbers = {position: metric_number(requests[position].metric) for position in members}
            found = await self._periods.read(numbers.values(), span)
            for position in members:
                units = found.get(numbers[position], {})
                answers[position] = _datapoints(requests[position], statistics[position], units)
        return answers

    async def summaries(self, metric: MetricKey, span: Span) -> UnitPeriods:
        """Return the summaries of one metric's periods by unit."""
        number = metric_number(metric)
        return (await self._periods.read([number], span)).get(number, {})


def chosen_unit(units: Mapping[str, list[Datapoint]], unit: str | None) -> tuple[str | None, list[Datapoint]]:
    """Return the data of the unit that was asked for, else of the first by name that there is, with its name."""
    name = unit if unit is not None else min((name for name, points in units.items() if points), default=None)
    return name, units.get(name, []) if name is not None else []


def _statistic(text: str) -> Statistic:
    try:
        return parse_statistic(text)
    except UnknownStatisticError as error:
        raise ServiceError("InvalidParameterValue", f"The value {text} for parameter Stat is not supported.") from error


def _together(requests: Sequence[StatisticRequest], statistics: Sequence[Statistic]) -> list[tuple[Span, list[int]]]:
    """Return spans to read, each with the positions of the requests that it answers.

    Requests of like periods and like reach share a statement: one that reaches further back than all others must not
    make the store read as much for all.
    """
    groups: dict[tuple[int, int, bool, int], list[int]] = defaultdict(list)
    for position, (request, statistic) in enumerate(zip(requests, statistics, strict=True)):
        reach = math.ceil(math.log2(max(request.end_ms - request.start_ms, 1)))
        period_ms = request.period_s * 1000
        groups[period_ms, request.offset_ms % period_ms, statistic.needs_values, reach].append(position)
    spans = []
    for (period_ms, offset_ms, with_values, _), members in groups.items():
        start_ms = min(requests[position].start_ms for position in members)
        end_ms = max(requests[position].end_ms for position in members)
        spans.append((Span(period_ms, start_ms, end_ms, offset_ms, with_values), members))
    return spans


def _datapoints(request: StatisticRequest, statistic: Statistic, units: UnitPeriods) -> dict[str, list[Datapoint]]:
    found = {}
    for unit, periods in units.items():
        if request.unit is None or unit == request.unit:
            within = (pair for pair in periods if request.start_ms <= pair[0] < request.end_ms)
            found[unit] = [point for pair in within if (point := _datapoint(statistic, *pair)) is not None]
    return found


def _datapoint(statistic: Statistic, start_ms: int, summary: Summary) -> Datapoint | None:
    value = statistic.compute(summary)
    return None if value is None else Datapoint(start_ms, value, summary.samples)
