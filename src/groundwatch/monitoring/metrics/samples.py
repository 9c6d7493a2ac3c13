"""Samples on their way into the store: a datum as it was put, and the periods that samples add up in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from groundwatch.monitoring.metrics.histogram import rounded
from groundwatch.monitoring.metrics.model import MetricKey

MINUTE_MS = 60_000
SECOND_MS = 1_000


class Sample(msgspec.Struct, frozen=True):
    """Some values of a metric at one time, or what is known of them."""

    metric: MetricKey
    timestamp_ms: int
    samples: float
    total: float
    minimum: float
    maximum: float
    values: Sequence[tuple[float, float]] = ()
    """Values and counts; empty when only the sums are known."""
    unit: str = "None"
    resolution_ms: int = MINUTE_MS
    """A second for high resolution, else a minute: samples of one such period add up."""


def sample_of(
    metric: MetricKey,
    timestamp_ms: int,
    values: Sequence[tuple[float, float]],
    *,
    unit: str = "None",
    resolution_ms: int = MINUTE_MS,
) -> Sample:
    """Return the sample of values and their counts, of which there must be one."""
    return Sample(
        metric,
        timestamp_ms,
        samples=math.fsum(count for _, count in values),
        total=math.fsum(value * count for value, count in values),
        minimum=min(value for value, _ in values),
        maximum=max(value for value, _ in values),
        values=values,
        unit=unit,
        resolution_ms=resolution_ms,
    )


def metric_number(metric: MetricKey) -> int:
    """Return the 128-bit number under which a metric is stored: a digest of all that tells it from others.

    No one can find a name of his own that falls on another tenant's metric.
    """
    parts = (metric.account_id, metric.region, metric.namespace, metric.name, metric.dimensions)
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest())


class Period:
    """What one period of a metric adds up to before it is stored."""

    __slots__ = ("counted", "maximum", "minimum", "samples", "total")

    def __init__(self) -> None:
        self.samples = 0.0
        self.total = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf
        self.counted: dict[float, float] = {}

    def add(self, sample: Sample) -> None:
        """Add a sample of this period."""
        self.samples += sample.samples
        self.total += sample.total
        self.minimum = min(self.minimum, sample.minimum)
        self.maximum = max(self.maximum, sample.maximum)
        for value, count in sample.values:
            kept = rounded(value)
            self.counted[kept] = self.counted.get(kept, 0.0) + count


class PeriodKey(msgspec.Struct, frozen=True):
    """Which period of which metric: the place of a row."""

    metric: MetricKey
    unit: str
    start_ms: int

    @classmethod
    def of(cls, sample: Sample) -> PeriodKey:
        """Return the period that a sample belongs to."""
        start_ms = sample.timestamp_ms - sample.timestamp_ms % sample.resolution_ms
        return cls(sample.metric, sample.unit, start_ms)
