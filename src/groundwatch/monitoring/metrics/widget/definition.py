"""The definition of a widget, as JSON, in the parts that are drawn here; everything else is refused by name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.model import MetricDataQuery, MetricKey, MetricStat
from groundwatch.monitoring.metrics.requests import ID, VALIDATION
from groundwatch.monitoring.metrics.statistics import UnknownStatisticError, parse_statistic
from groundwatch.monitoring.metrics.times import check_period

MAX_METRICS = 100
DEFAULT_START = "-PT3H"
_DURATION = re.compile(r"-?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?)?\Z", re.ASCII)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z", re.ASCII)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Members that are not known are refused."""


class Rendering(_Strict, frozen=True):
    """What the last member of a metric's array says of it."""

    id: str | None = None
    expression: str | None = None
    label: str | None = None
    stat: str | None = None
    period: int | None = None
    visible: bool = True
    color: str | None = None
    region: str | None = None
    y_axis: Literal["left"] = "left"


class Scale(_Strict, frozen=True):
    """The ends of the axis; what the data needs where None."""

    min: float | None = None
    max: float | None = None
    label: str = ""
    show_units: bool = True


class Axes(_Strict, frozen=True):
    """The axes of values."""

    left: Scale = Scale()


class Level(_Strict, frozen=True):
    """A horizontal line across the graph."""

    value: float
    label: str = ""
    color: str = "#d62728"


class Annotations(_Strict, frozen=True):
    """What is drawn beside the data."""

    horizontal: list[Level] = []


class Legend(_Strict, frozen=True):
    """Where the names of the lines stand."""

    position: Literal["bottom", "hidden"] = "bottom"


class Widget(_Strict, frozen=True):
    """A graph of time series."""

    metrics: list[list[Any]]
    width: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 600
    height: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 400
    title: str = ""
    period: int = 300
    stat: str = "Average"
    start: str = DEFAULT_START
    end: str | None = None
    region: str | None = None
    timezone: Literal["+0000"] = "+0000"
    view: Literal["timeSeries"] = "timeSeries"
    stacked: Literal[False] = False
    y_axis: Axes = Axes()
    legend: Legend = Legend()
    annotations: Annotations = Annotations()


class Graph(msgspec.Struct, frozen=True):
    """A widget with its metrics as queries and its times as such."""

    widget: Widget
    queries: list[MetricDataQuery]
    colors: dict[str, str]
    start: datetime
    end: datetime


def read_widget(text: str, account_id: str, region: str, now_ms: int) -> Graph:
    """Return what a definition asks for; raises `ServiceError` (ValidationError) that says what cannot be drawn."""
    try:
        widget = msgspec.json.decode(text, type=Widget)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ServiceError(VALIDATION, f"The parameter MetricWidget cannot be drawn: {error}") from error
    if widget.region not in {None, region}:
        raise _refusal(f"the region {widget.region} is not the request's, {region}")
    if not 1 <= len(widget.metrics) <= MAX_METRICS:
        raise _refusal(f"metrics must have from 1 to {MAX_METRICS} members")
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    builder = _Builder(widget, account_id, region)
    for entry in widget.metrics:
        builder.add(entry)
    end = now if widget.end is None else _moment(widget.end, now)
    return Graph(widget, builder.queries, builder.colors, _moment(widget.start, now), end)


def _refusal(why: str) -> ServiceError:
    return ServiceError(VALIDATION, f"The parameter MetricWidget cannot be drawn: {why}.")


def _moment(text: str, now: datetime) -> datetime:
    match = _DURATION.match(text)
    if match is not None and any(match.groups()):
        weeks, days, hours, minutes = (int(part or 0) for part in match.groups())
        back = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
        # Dashboards write the present as PT0H or P0D; any other length without a sign would lie ahead.
        if text.startswith("-") or not back:
            return now - back
    try:
        parsed = datetime.fromisoformat(text)
        # Offsets can lead out of what a date may be.
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _refusal(f"{text[:64]!r} is no time; write 2026-01-02T03:04:05Z or -PT3H") from error


class _Builder:
    """Turns arrays such as `["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", {"stat": "Sum"}]` into queries."""

    def __init__(self, widget: Widget, account_id: str, region: str) -> None:
        self._widget = widget
        self._account_id = account_id
        self._region = region
        self._before: list[str] = []
        self.queries: list[MetricDataQuery] = []
        self.colors: dict[str, str] = {}

    def add(self, entry: list[Any]) -> None:
        """Add one member of `metrics`."""
        names, rendering = self._parts(entry)
        query_id = rendering.id or f"g{len(self.queries) + 1}"
        if ID.match(query_id) is None or any(query.id == query_id for query in self.queries):
            raise _refusal(f"the id {query_id[:64]!r} is not valid or not unique")
        if rendering.period is not None:
            check_period(rendering.period, "MetricWidget.period", VALIDATION)
        if rendering.color is not None:
            self.colors[query_id] = color(rendering.color)
        stat = None if rendering.expression is not None else self._stat(self._spelled_out(names), rendering)
        if (rendering.expression is None) == (not names):
            raise _refusal("a member of metrics is either the names of a metric or an expression")
        self.queries.append(
            MetricDataQuery(
                query_id, stat, rendering.expression, rendering.label, rendering.period, return_data=rendering.visible
            )
        )

    def _parts(self, entry: list[Any]) -> tuple[list[str], Rendering]:
        names, rendering = entry, Rendering()
        if entry and isinstance(entry[-1], dict):
            names = entry[:-1]
            try:
                rendering = msgspec.convert(entry[-1], Rendering)
            except msgspec.ValidationError as error:
                raise _refusal(f"of a metric, {error}") from error
        if not all(isinstance(name, str) for name in names):
            raise _refusal("the names of a metric are texts")
        if rendering.region not in {None, self._region}:
            raise _refusal(f"the region {rendering.region} is not the request's, {self._region}")
        return names, rendering

    def _spelled_out(self, names: list[str]) -> list[str]:
        """Return names with `.` and `...` replaced by those of the metric before."""
        if "..." in names:
            at = names.index("...")
            behind = len(names) - at - 1
            names = names[:at] + self._before[at : len(self._before) - behind] + names[at + 1 :]
        taken = [
            self._before[position] if name == "." and position < len(self._before) else name
            for position, name in enumerate(names)
        ]
        self._before = taken
        return taken

    def _stat(self, names: list[str], rendering: Rendering) -> MetricStat:
        if len(names) < 2 or len(names) % 2:
            raise _refusal("a metric is a namespace, a name, and pairs of dimensions")
        dimensions = tuple(sorted(zip(names[2::2], names[3::2], strict=True)))
        stat, period = rendering.stat or self._widget.stat, rendering.period or self._widget.period
        try:
            parse_statistic(stat)
        except UnknownStatisticError as error:
            raise _refusal(f"{stat[:64]!r} is not a valid statistic") from error
        check_period(period, "MetricWidget.period", VALIDATION)
        return MetricStat(MetricKey(self._account_id, self._region, names[0], names[1], dimensions), stat, period)


def color(text: str) -> str:
    """Return a colour such as `#1f77b4`; raises `ServiceError`."""
    if _COLOR.match(text) is None:
        raise _refusal(f"{text[:64]!r} is no colour; write for example #1f77b4")
    return text
