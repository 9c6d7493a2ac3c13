"""Metrics as values, and the interfaces by which others of this server read and write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

Dimensions = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name."""


class MetricKey(msgspec.Struct, frozen=True):
    """One metric: every set of dimensions is another. Metrics belong to an account and a Region, as log groups do."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions = ()


class MetricStat(msgspec.Struct, frozen=True):
    """A statistic of a metric, period by period."""

    metric: MetricKey
    stat: str
    """`SampleCount`, `Sum`, `Average`, `Minimum`, `Maximum`, or extended: `p99`, `tm90`, `TM(5%:95%)`, `PR(:300)`, …"""
    period_s: int
    unit: str | None = None
    """Only data of this unit; None takes the one unit that the metric has (of several, the first by name)."""


class StatisticRequest(msgspec.Struct, frozen=True):
    """A statistic over some time: every period that starts in [start_ms, end_ms), aligned to multiples from the epoch.

    With `offset_ms`, periods are aligned to `offset_ms` modulo the period instead: windows that slide, as alarms with
    periods of several minutes use them.
    """

    metric: MetricKey
    stat: str
    period_s: int
    start_ms: int
    end_ms: int
    unit: str | None = None
    offset_ms: int = 0


class Datapoint(msgspec.Struct, frozen=True):
    """One period that has samples; a period without any has no datapoint."""

    timestamp_ms: int
    """The start of the period."""
    value: float
    sample_count: float


class MetricDataQuery(msgspec.Struct, frozen=True):
    """One query of GetMetricData or of a metric-math alarm: exactly one of `stat` and `expression` is given."""

    id: str
    stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    period_s: int | None = None
    """For expressions without metrics of their own; others take the period of their metrics."""
    return_data: bool = True


class Series(msgspec.Struct, frozen=True):
    """The answer to one query; a query whose result is an array of series is answered with several of one id."""

    query_id: str
    label: str
    period_s: int
    points: tuple[tuple[int, float], ...]
    """Start of the period in milliseconds, and value; oldest first."""
    messages: tuple[tuple[str, str], ...] = ()
    """Code and text of what the reader should know, such as `MultipleUnits`."""


class MetricReader(Protocol):
    """Reads metrics; everything acknowledged before the call is seen."""

    async def read(self, requests: Sequence[StatisticRequest]) -> list[list[Datapoint]]:
        """Return the datapoints of each request, oldest first; many requests cost few statements.

        Raises `ServiceError` (InvalidParameterValue) for a statistic that does not exist.
        """

    async def evaluate(
        self,
        account_id: str,
        region: str,
        queries: Sequence[MetricDataQuery],
        start_ms: int,
        end_ms: int,
        *,
        offset_ms: int = 0,
    ) -> list[Series]:
        """Return the series of the queries that return data, in their order.

        Raises `ServiceError` (ValidationError) for expressions that are wrong.
        """
