"""What metric filters are made of, and whom their data points go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from groundwatch.logs.catalog import Tenant

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""
SYSTEM_FIELDS = ("@aws.account", "@aws.region")
"""Dimensions that the service itself knows of an event (PutMetricFilter, emitSystemFieldDimensions)."""


MAX_MAGNITUDE = 2.0**360
"""Of the value of a metric (PutMetricData)."""


class Transformation(msgspec.Struct, frozen=True):
    """How a matching event becomes a data point, as PutMetricFilter was told.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html
    """

    metric_name: str
    metric_namespace: str
    metric_value: str
    """A number, or the token of a field of the pattern: `$.path`, `$name`, `$7`."""
    default_value: float | None = None
    """Published for a minute in which events arrived and none matched."""
    dimensions: Mapping[str, str] = {}
    """Tokens by the name of the dimension."""
    unit: str = "None"


class MetricFilter(msgspec.Struct, frozen=True):
    """A metric filter of a log group."""

    number: int
    group_number: int
    name: str
    pattern: str
    transformation: Transformation
    system_fields: Sequence[str]
    created_ms: int


class MetricPoint(msgspec.Struct, frozen=True):
    """Values of one metric within one minute: how often each occurred."""

    namespace: str
    name: str
    dimensions: Dimensions
    minute_ms: int
    """Start of the minute, in milliseconds since the epoch."""
    unit: str
    values: Mapping[float, int]


class MetricSink(Protocol):
    """Takes data points; implemented by `monitoring/`."""

    async def record(self, tenant: Tenant, points: Sequence[MetricPoint]) -> None:
        """Return when the points are on disk. Raises when they are not; they come again then."""
