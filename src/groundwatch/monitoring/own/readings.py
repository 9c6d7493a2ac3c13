"""What the rooms of this server say about themselves."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import msgspec


class Spread(msgspec.Struct):
    """How many values there were since they were last taken, and what they add up to."""

    count: int = 0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, value: float) -> None:
        """Count one value."""
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)


class Reading(msgspec.Struct, frozen=True):
    """One figure at one time."""

    name: str
    """As a CloudWatch metric of the namespace `Groundwatch`."""
    exposed: str
    """As a Prometheus metric, without the prefix; in base units, of which names there end."""
    help: str
    unit: str
    """CloudWatch's."""
    value: float | Spread
    kind: Literal["gauge", "counter", "spread"] = "gauge"
    """Counters count from the start of the process; spreads hold what came since they were last taken."""
    scale: float = 1.0
    """What the value is multiplied with for Prometheus: milliseconds become seconds."""


Source = Callable[[], Awaitable[Iterable[Reading]]]
"""Asks a room for its figures; called about once a minute, and whenever the page is read."""
