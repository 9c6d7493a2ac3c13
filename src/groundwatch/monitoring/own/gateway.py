"""The gateway's requests as metrics of `AWS/ApiGateway`, under the names and dimensions of the real service.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from groundwatch.monitoring.metrics.model import Dimensions, MetricKey
from groundwatch.monitoring.metrics.samples import Sample, sample_of

NAMESPACE = "AWS/ApiGateway"
MAX_TOTALS = 10_000


class MethodPlace(Protocol):
    """A method of a stage; with empty path and verb, the requests of the stage that reached none."""

    @property
    def api_id(self) -> str:
        """The REST API's id."""

    @property
    def stage(self) -> str:
        """The stage's name."""

    @property
    def resource_path(self) -> str:
        """The path of the resource, such as `/pets/{id}`."""

    @property
    def verb(self) -> str:
        """The HTTP method."""


class MethodFigures(Protocol):
    """What was counted of a method since it was last taken; times in milliseconds."""

    account_id: str
    region: str
    api_name: str
    detailed: bool
    count: int
    errors_4xx: int
    errors_5xx: int
    latency_sum_ms: int
    latency_max_ms: int
    latency_min_ms: int
    integrations: int
    integration_latency_sum_ms: int
    integration_latency_max_ms: int
    integration_latency_min_ms: int
    cache_hits: int
    cache_misses: int


class Traffic(Protocol):
    """Where the gateway counts."""

    @property
    def lost(self) -> int:
        """Requests that were not counted."""

    def take(self) -> Iterable[tuple[MethodPlace, MethodFigures]]:
        """Return everything that was counted, and begin anew."""


class Totals(msgspec.Struct):
    """What a method has counted since the process started."""

    requests: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    latency_ms: int = 0
    integrations: int = 0
    integration_latency_ms: int = 0
    cache_hits: int = 0
    cache_misses: int = 0

    def add(self, figures: MethodFigures) -> None:
        """Add what was counted since."""
        self.requests += figures.count
        self.errors_4xx += figures.errors_4xx
        self.errors_5xx += figures.errors_5xx
        self.latency_ms += figures.latency_sum_ms
        self.integrations += figures.integrations
        self.integration_latency_ms += figures.integration_latency_sum_ms
        self.cache_hits += figures.cache_hits
        self.cache_misses += figures.cache_misses


Labels = tuple[str, str, str, str]
"""API id, stage, resource path, verb."""
OTHERS: Labels = ("", "", "", "")


class GatewayCounts:
    """Takes the gateway's figures: as samples for CloudWatch, and added up for Prometheus."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.totals: dict[Labels, Totals] = {}

    @property
    def uncounted(self) -> int:
        """Requests that were not counted, since there were too many methods at once."""
        return self._traffic.lost

    def take(self, timestamp_ms: int) -> list[Sample]:
        """Return the samples of what was counted since."""
        samples: list[Sample] = []
        for place, figures in self._traffic.take():
            labels = (place.api_id, place.stage, place.resource_path, place.verb)
            if labels not in self.totals and len(self.totals) >= MAX_TOTALS:
                labels = OTHERS
            self.totals.setdefault(labels, Totals()).add(figures)
            samples += _samples(place, figures, timestamp_ms)
        return samples


def _samples(place: MethodPlace, figures: MethodFigures, timestamp_ms: int) -> Iterator[Sample]:
    for dimensions in _dimensions(place, figures):
        for name, unit, sums in _metrics(figures):
            metric = MetricKey(figures.account_id, figures.region, NAMESPACE, name, dimensions)
            if isinstance(sums, dict):
                yield sample_of(
                    metric, timestamp_ms, [(value, count) for value, count in sums.items() if count], unit=unit
                )
            else:
                yield Sample(metric, timestamp_ms, *sums, unit=unit)


def _dimensions(place: MethodPlace, figures: MethodFigures) -> Iterator[Dimensions]:
    api, stage = ("ApiName", figures.api_name), ("Stage", place.stage)
    yield (api,)
    yield (api, stage)
    if figures.detailed:
        yield (api, ("Method", place.verb), ("Resource", place.resource_path), stage)


Sums = tuple[float, float, float, float]
"""Count, sum, least, most."""


def _metrics(figures: MethodFigures) -> Iterator[tuple[str, str, dict[float, float] | Sums]]:
    """Yield name, unit and what the samples were: values with their counts, or their sums."""
    count = figures.count
    if not count:
        return
    yield "Count", "Count", {1.0: count}
    # One sample a request, so that the average is the share of errors.
    yield "4XXError", "Count", {1.0: figures.errors_4xx, 0.0: count - figures.errors_4xx}
    yield "5XXError", "Count", {1.0: figures.errors_5xx, 0.0: count - figures.errors_5xx}
    yield "Latency", "Milliseconds", (count, figures.latency_sum_ms, figures.latency_min_ms, figures.latency_max_ms)
    if figures.integrations:
        latency = (figures.integration_latency_sum_ms, figures.integration_latency_min_ms)
        yield "IntegrationLatency", "Milliseconds", (figures.integrations, *latency, figures.integration_latency_max_ms)
    looked_up = figures.cache_hits + figures.cache_misses
    if looked_up:
        yield "CacheHitCount", "Count", {1.0: figures.cache_hits, 0.0: figures.cache_misses}
        yield "CacheMissCount", "Count", {1.0: figures.cache_misses, 0.0: figures.cache_hits}
