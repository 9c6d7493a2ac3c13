"""Plain statistics over what the rounds measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import linear_regression, median

__all__ = ["median", "percentile", "slope", "spread_ratio"]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of values that are already in ascending order.

    Raises `ValueError` for no values and for a percentage outside 0 to 100.
    """
    if not ordered or not 0 <= percent <= 100:
        raise ValueError(f"no {percent}th percentile of {len(ordered)} values")
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def spread_ratio(values: Sequence[float]) -> float:
    """Return how far the rounds lie apart: (highest - lowest) / median, 0 when there is one."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def slope(values: Sequence[float]) -> float:
    """Return by how much the values grow from one to the next, by least squares; 0 for fewer than two."""
    return float(linear_regression(range(len(values)), values).slope) if len(values) > 1 else 0.0
