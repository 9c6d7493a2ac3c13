"""A series of numbers as one line of little bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from rich.text import Text

LEVELS = "▁▂▃▄▅▆▇█"
GAP = " "


class Spark(msgspec.Struct, frozen=True):
    """Points, and the grid of bars that they are drawn on."""

    start_s: float
    """Where the first bar begins, in seconds since the epoch."""
    step_s: int
    bars: int
    points: Sequence[tuple[float, float]]
    """Seconds since the epoch and value."""


def sparkline(spark: Spark, beyond: Callable[[float], bool]) -> Text:
    """Return the bars, scaled between the smallest value (or zero) and the largest; red where `beyond` says so."""
    slots: list[float | None] = [None] * spark.bars
    for moment_s, value in spark.points:
        position = int((moment_s - spark.start_s) // spark.step_s)
        if 0 <= position < spark.bars:
            slots[position] = value
    seen = [value for value in slots if value is not None]
    low, high = min([0.0, *seen]), max([0.0, *seen])
    line = Text()
    for slot in slots:
        if slot is None:
            line.append(GAP)
        else:
            line.append(LEVELS[_level(slot, low, high)], "red" if beyond(slot) else "cyan")
    return line


def _level(value: float, low: float, high: float) -> int:
    return 0 if high == low else min(int((value - low) / (high - low) * len(LEVELS)), len(LEVELS) - 1)
