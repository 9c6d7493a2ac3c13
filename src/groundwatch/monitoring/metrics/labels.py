"""The labels of series: as short as tells them apart, and with `${…}` replaced by what the series has.

"Using dynamic labels" of the CloudWatch user guide; how default labels grow has been observed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from groundwatch.monitoring.metrics.model import MetricDataQuery, MetricStat
from groundwatch.monitoring.metrics.statistics import is_percentile

Points = Sequence[tuple[int, float]]
_DYNAMIC = re.compile(r"\$\{([A-Z_]+)(?:\('([^']{1,255})'\))?\}")


class Labelled(msgspec.Struct, frozen=True):
    """The series that a label is for."""

    label: str
    """What `${LABEL}` stands for."""
    stat: MetricStat | None
    """Set for metrics, which have properties."""
    points: Points


def default_labels(queries: Sequence[MetricDataQuery]) -> dict[str, str]:
    """Return the labels of queries by their ids: expressions are called by their id, metrics by what differs."""
    stats = {query.id: query.stat for query in queries if query.stat is not None}
    labels = {query.id: query.id for query in queries}
    for parts in _PARTS:
        named = {name: " ".join(part(stat) for part in parts) for name, stat in stats.items()}
        if len(set(named.values())) == len(named) or parts is _PARTS[-1]:
            return labels | named
    return labels


def _statistic_text(stat: MetricStat) -> str:
    return f"Weighted {stat.stat}" if is_percentile(stat.stat) else stat.stat


_Part = Callable[[MetricStat], str]
_name: _Part = lambda stat: stat.metric.name  # noqa: E731
_period: _Part = lambda stat: str(stat.period_s)  # noqa: E731
_PARTS: tuple[tuple[_Part, ...], ...] = (
    (_name,),
    (_name, _statistic_text),
    (_name, _period),
    (_name, _statistic_text, _period),
)


def rendered(label: str, series: Labelled) -> str:
    """Return a label with its dynamic parts filled in; what is not known stays as it is."""

    def value(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if name == "PROP":
            return _property(series, argument) or match[0]
        if name == "LABEL":
            return series.label
        return _figure(name, series.points) or match[0]

    return _DYNAMIC.sub(value, label)


def _property(series: Labelled, name: str | None) -> str | None:
    stat = series.stat
    if stat is None or name is None:
        return None
    known: Mapping[str, str] = {
        "AccountId": stat.metric.account_id,
        "MetricName": stat.metric.name,
        "Namespace": stat.metric.namespace,
        "Period": str(stat.period_s),
        "Region": stat.metric.region,
        "Stat": stat.stat,
    }
    if name.startswith("Dim."):
        return dict(stat.metric.dimensions).get(name[len("Dim.") :])
    return known.get(name)


def _figure(name: str, points: Points) -> str | None:
    kind = name.removesuffix("_TIME")
    if kind == "DATAPOINT_COUNT":
        return str(len(points)) if name == kind else None
    if name in _REDUCTIONS:
        return f"{_REDUCTIONS[name](points):g}" if points else "--"
    if kind in _PICKS:
        if not points:
            return "--"
        at, value = _PICKS[kind](points)
        return f"{value:g}" if name == kind else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None


_REDUCTIONS: dict[str, Callable[[Points], float]] = {
    "AVG": lambda points: sum(value for _, value in points) / len(points),
    "SUM": lambda points: sum(value for _, value in points),
}
_PICKS: dict[str, Callable[[Points], tuple[int, float]]] = {
    "FIRST": lambda points: points[0],
    "LAST": lambda points: points[-1],
    "MAX": lambda points: max(points, key=lambda point: point[1]),
    "MIN": lambda points: min(points, key=lambda point: point[1]),
}
