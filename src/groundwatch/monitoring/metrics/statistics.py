"""What statistics there are, and how each is worked out from the summary of a period."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import msgspec

from groundwatch.monitoring.metrics.histogram import Histogram

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_NUMBER = r"\d+(?:\.\d{0,10})?(?:[Ee][+-]?\d+)?"
_ONE_SIDED = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{0,10})?|100)\Z", re.ASCII)
_TWO_SIDED = re.compile(rf"(TM|WM|TC|TS|PR)\(({_NUMBER}%?)?:({_NUMBER}%?)?\)\Z", re.ASCII)


class UnknownStatisticError(ValueError):
    """There is no statistic of that name."""


class Summary(msgspec.Struct, frozen=True):
    """All samples of a period, of one metric and unit."""

    samples: float
    total: float
    minimum: float
    maximum: float
    values: Mapping[float, float] = {}
    """Rounded values and how often each was; empty when they were not asked for."""

    @property
    def histogram(self) -> Histogram | None:
        """The values for percentiles; None where they do not tell.

        That is when some samples came in statistic sets, or when one is negative, as the real service has it.
        """
        kept = math.fsum(self.values.values())
        if self.minimum < 0 or kept <= 0 or not math.isclose(kept, self.samples, rel_tol=1e-9):
            return None
        return Histogram(self.values)


class Statistic(msgspec.Struct, frozen=True):
    """One statistic; `compute` returns None where the summary does not tell."""

    name: str
    needs_values: bool
    compute: Callable[[Summary], float | None]


class _Bounds(msgspec.Struct, frozen=True):
    """The ends of a trimmed statistic: percentiles or values, None for an open end."""

    low: float | None
    high: float | None
    are_percentiles: bool

    def resolve(self, histogram: Histogram) -> tuple[float | None, float | None]:
        """Return the ends as values: the lower excluded, the upper included."""
        if not self.are_percentiles:
            return self.low, self.high
        # From 0% on means everything, although the lower end is otherwise left out.
        low = None if not self.low else histogram.percentile(self.low)
        high = None if self.high is None or self.high >= 100 else histogram.percentile(self.high)
        return low, high


def parse_statistic(text: str) -> Statistic:
    """Return the statistic of that name; raises UnknownStatisticError."""
    simple = _SIMPLE.get(text)
    if simple is not None:
        return Statistic(text, needs_values=False, compute=simple)
    if text == "IQM":
        return _trimmed(text, "TM", _Bounds(25.0, 75.0, are_percentiles=True))
    one = _ONE_SIDED.match(text)
    if one is not None:
        return _one_sided(text, one[1], float(one[2]))
    two = _TWO_SIDED.match(text)
    if two is None:
        raise UnknownStatisticError(text)
    return _trimmed(text, two[1], _bounds(text, two[1], two[2], two[3]))


def is_percentile(text: str) -> bool:
    """Tell whether a statistic is a percentile (`p99`)."""
    match = _ONE_SIDED.match(text)
    return match is not None and match[1] == "p"


def _one_sided(text: str, kind: str, percent: float) -> Statistic:
    if kind == "p":
        return Statistic(text, needs_values=True, compute=lambda summary: _percentile(summary, percent))
    return _trimmed(text, kind.upper(), _Bounds(None, percent, are_percentiles=True))


def _bounds(text: str, kind: str, low: str | None, high: str | None) -> _Bounds:
    given = [bound for bound in (low, high) if bound]
    percentiles = [bound.endswith("%") for bound in given]
    if not given or len(set(percentiles)) != 1 or (kind == "PR" and percentiles[0]):
        raise UnknownStatisticError(text)
    ends = [None if not bound else float(bound.removesuffix("%")) for bound in (low, high)]
    numbers = [end for end in ends if end is not None]
    if numbers != sorted(numbers) or (percentiles[0] and numbers[-1] > 100):
        raise UnknownStatisticError(text)
    return _Bounds(ends[0], ends[1], are_percentiles=percentiles[0])


def _trimmed(text: str, kind: str, bounds: _Bounds) -> Statistic:
    reduce = _TRIMMED[kind]

    def compute(summary: Summary) -> float | None:
        histogram = summary.histogram
        return None if histogram is None else reduce(histogram, *bounds.resolve(histogram))

    return Statistic(text, needs_values=True, compute=compute)


def _percentile(summary: Summary, percent: float) -> float | None:
    histogram = summary.histogram
    if histogram is None:
        return None
    # Kept values are rounded, the ends are exact.
    return min(max(histogram.percentile(percent), summary.minimum), summary.maximum)


def _mean(histogram: Histogram, low: float | None, high: float | None) -> float | None:
    left = histogram.within(low, high)
    return _sum(left) / _count(left) if left else None


def _winsorized(histogram: Histogram, low: float | None, high: float | None) -> float | None:
    lowest = histogram.values[0] if low is None else low
    highest = histogram.values[-1] if high is None else high
    moved = [(min(max(value, lowest), highest), count) for value, count in histogram.within(None, None)]
    return _sum(moved) / _count(moved)


def _trimmed_count(histogram: Histogram, low: float | None, high: float | None) -> float:
    return _count(histogram.within(low, high))


def _trimmed_sum(histogram: Histogram, low: float | None, high: float | None) -> float:
    return _sum(histogram.within(low, high))


def _rank(histogram: Histogram, low: float | None, high: float | None) -> float:
    return 100 * _count(histogram.within(low, high)) / histogram.size


def _sum(pairs: list[tuple[float, float]]) -> float:
    return math.fsum(value * count for value, count in pairs)


def _count(pairs: list[tuple[float, float]]) -> float:
    return math.fsum(count for _, count in pairs)


_SIMPLE: dict[str, Callable[[Summary], float | None]] = {
    "SampleCount": lambda summary: summary.samples,
    "Sum": lambda summary: summary.total,
    "Average": lambda summary: summary.total / summary.samples if summary.samples else None,
    "Minimum": lambda summary: summary.minimum,
    "Maximum": lambda summary: summary.maximum,
}
_TRIMMED: dict[str, Callable[[Histogram, float | None, float | None], float | None]] = {
    "TM": _mean,
    "WM": _winsorized,
    "TC": _trimmed_count,
    "TS": _trimmed_sum,
    "PR": _rank,
}
