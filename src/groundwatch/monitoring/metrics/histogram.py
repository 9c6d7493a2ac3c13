"""Values of one period, kept for percentiles: rounded to steps of an octave's 256th part, and counted.

Rounding costs a percentile at most 0.2% and bounds what a period takes however many samples it has; whole numbers up to
512 stay exact (docs/decisions/0022-metrics-grow-coarse-in-place.md).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

STEPS_PER_OCTAVE = 256


def rounded(value: float) -> float:
    """Return the kept form of a value."""
    mantissa, exponent = math.frexp(value)
    # The mantissa is in [0.5, 1), which is one octave.
    scale = 2 * STEPS_PER_OCTAVE
    return math.ldexp(round(mantissa * scale) / scale, exponent)


class Histogram:
    """Values in ascending order with their counts; for reading. Counts may be fractions."""

    __slots__ = ("_below", "counts", "values")

    def __init__(self, counted: Mapping[float, float]) -> None:
        pairs = sorted((value, count) for value, count in counted.items() if count > 0)
        self.values: Sequence[float] = [value for value, _ in pairs]
        self.counts: Sequence[float] = [count for _, count in pairs]
        self._below = list(accumulate(self.counts))

    @property
    def size(self) -> float:
        """How many samples there are."""
        return self._below[-1] if self._below else 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile by linear interpolation between closest ranks; there must be a value."""
        rank = max(percent / 100 * (self.size - 1), 0.0)
        low = math.floor(rank)
        lower, upper = self._at(low), self._at(low + 1)
        return lower + (upper - lower) * (rank - low)

    def within(self, low: float | None, high: float | None) -> list[tuple[float, float]]:
        """Return values and counts in (low, high]; None is no bound."""
        first = 0 if low is None else bisect_right(self.values, low)
        last = len(self.values) if high is None else bisect_right(self.values, high)
        return list(zip(self.values[first:last], self.counts[first:last], strict=True))

    def _at(self, rank: int) -> float:
        return self.values[min(bisect_right(self._below, rank), len(self.values) - 1)]
