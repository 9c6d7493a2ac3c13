"""Where an axis has its marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
TIME_STEPS_MS = (
    *(step * SECOND_MS for step in (1, 5, 10, 30)),
    *(step * MINUTE_MS for step in (1, 2, 5, 10, 15, 30)),
    *(step * HOUR_MS for step in (1, 2, 3, 6, 12)),
    *(step * DAY_MS for step in (1, 2, 7, 14, 28, 91)),
)
MAX_MARKS = 100


def value_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return about `wanted` round values in [low, high]."""
    # Zero also where a span is so small that no part of it is a number.
    rough = (high - low) / max(wanted, 1)
    if not (rough > 0 and math.isfinite(rough)):
        return [low]
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)][:MAX_MARKS]


def value_text(value: float) -> str:
    """Return a value as short as an axis wants it: `1.5k`, `20M`."""
    for limit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{letter}"
    return f"{value:.4g}"


def time_ticks(start_ms: int, end_ms: int, wanted: int) -> Sequence[int]:
    """Return about `wanted` round times in [start_ms, end_ms]."""
    rough = (end_ms - start_ms) / max(wanted, 1)
    step = next((step for step in TIME_STEPS_MS if step >= rough), TIME_STEPS_MS[-1])
    return range(start_ms + -start_ms % step, end_ms + 1, step)[:MAX_MARKS]


def time_text(at_ms: int, span_ms: int) -> str:
    """Return a time, of day for spans up to two days, else the day, in UTC."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    if span_ms > 2 * DAY_MS:
        return moment.strftime("%m/%d")
    return moment.strftime("%H:%M:%S" if span_ms < 10 * MINUTE_MS else "%H:%M")
