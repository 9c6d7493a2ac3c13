"""How many requests each method had, with their errors and times: kept in memory until somebody takes the figures.

One entry a method and stage, bounded; requests that reach no method count for their stage. It is what CloudWatch's
`AWS/ApiGateway` metrics are made of.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from groundwatch.gateway.limits.settings import method_setting
from groundwatch.gateway.runtime.stages import Located, Routed

MAX_SERIES = 10_000
EXACT_BITS = 9


class MethodPlace(NamedTuple):
    """What is counted: a method of a stage, or with empty path and verb what reached none."""

    api_id: str
    stage: str
    resource_path: str = ""
    verb: str = ""


class Times(msgspec.Struct):
    """Times in milliseconds: exact sums, and how often each was, for percentiles."""

    count: int = 0
    total_ms: int = 0
    least_ms: int = 0
    most_ms: int = 0
    counted: dict[int, int] = {}
    """Counts by time; from 512 ms on, times of 256 to an octave share one, so that there are few of them."""

    def add(self, time_ms: int) -> None:
        """Count one time."""
        if self.count == 0 or time_ms < self.least_ms:
            self.least_ms = time_ms
        self.most_ms = max(self.most_ms, time_ms)
        self.count += 1
        self.total_ms += time_ms
        shift = time_ms.bit_length() - EXACT_BITS
        shared_ms = time_ms if shift <= 0 else time_ms >> shift << shift
        self.counted[shared_ms] = self.counted.get(shared_ms, 0) + 1


class Figures(msgspec.Struct):
    """The figures of one method since they were last taken."""

    account_id: str
    region: str
    api_name: str
    detailed: bool = False
    """Whether the stage wants figures for this method by itself."""
    count: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    latency: Times = msgspec.field(default_factory=Times)
    integration_latency: Times = msgspec.field(default_factory=Times)
    cache_hits: int = 0
    cache_misses: int = 0

    def answered(self, status: int, latency_ms: int, integration_latency_ms: int | None) -> None:
        """Count one answered request."""
        self.count += 1
        if status >= 500:
            self.errors_5xx += 1
        elif status >= 400:
            self.errors_4xx += 1
        self.latency.add(latency_ms)
        if integration_latency_ms is not None:
            self.integration_latency.add(integration_latency_ms)


class TrafficCounts:
    """The figures of every method that was called since they were last taken; for one event loop."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        # By the members of `MethodPlace`, which takes thrice as long to make as a tuple.
        self._figures: dict[tuple[str, str, str, str], Figures] = {}
        self.lost = 0
        """Requests that were not counted since there were too many methods."""

    def of(self, routed: Routed) -> Figures:
        """Return the figures of a request's method, to add to."""
        exchange = routed.exchange
        target = exchange.target
        place = (target.api_id, target.stage_name, routed.method.resource.path, exchange.method)
        return self._figures.get(place) or self._new(MethodPlace(*place), routed.located)

    def of_stage(self, located: Located) -> Figures:
        """Return the figures of requests that reach no method of a stage, to add to."""
        target = located.previous.exchange.target
        place = MethodPlace(target.api_id, target.stage_name)
        return self._figures.get(place) or self._new(place, located)

    def take(self) -> dict[MethodPlace, Figures]:
        """Return everything that was counted, and begin anew."""
        taken, self._figures = self._figures, {}
        return {MethodPlace(*place): figures for place, figures in taken.items()}

    def _new(self, place: MethodPlace, located: Located) -> Figures:
        api = located.deployment.api
        detailed = bool(place.verb) and method_setting(located.stage, place.resource_path, place.verb).metrics_enabled
        figures = Figures(api.account_id, api.region, api.name, detailed)
        if len(self._figures) < self._max_series:
            self._figures[place] = figures
        else:
            self.lost += 1
        return figures
