"""The gateway's requests as metrics of `AWS/ApiGateway`, under the names and dimensions of the real service.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Times(Protocol):
    """Times in milliseconds."""

    count: int
    total_ms: int
    least_ms: int
    most_ms: int

    @property
    def counted(self) -> Mapping[int, int]:
        """How often each time was, rounded where it is long."""


class MethodFigures(Protocol):
    """What was counted of a method since it was last taken."""

    account_id: str
    region: str
    api_name: str
    detailed: bool
    count: int
    errors_4xx: int
    errors_5xx: int
    cache_hits: int
    cache_misses: int

    @property
    def latency(self) -> Times:
        """Times from request to answer."""

    @property
    def integration_latency(self) -> Times:
        """Times that integrations took."""


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
        self.latency_ms += figures.latency.total_ms
        self.integrations += figures.integration_latency.count
        self.integration_latency_ms += figures.integration_latency.total_ms
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
        owner = (figures.account_id, figures.region, NAMESPACE)
        for name, shares in _shares(figures):
            counted = [(value, float(count)) for value, count in shares if count]
            if counted:
                yield sample_of(MetricKey(*owner, name, dimensions), timestamp_ms, counted, unit="Count")
        for name, times in (("Latency", figures.latency), ("IntegrationLatency", figures.integration_latency)):
            if times.count:
                yield _times(MetricKey(*owner, name, dimensions), timestamp_ms, times)


def _dimensions(place: MethodPlace, figures: MethodFigures) -> Iterator[Dimensions]:
    api, stage = ("ApiName", figures.api_name), ("Stage", place.stage)
    yield (api,)
    yield (api, stage)
    if figures.detailed:
        yield (api, ("Method", place.verb), ("Resource", place.resource_path), stage)


def _shares(figures: MethodFigures) -> Iterator[tuple[str, Sequence[tuple[float, int]]]]:
    """Yield names and how often which value was: one sample a request, so that averages are shares of errors."""
    yield "Count", ((1.0, figures.count),)
    for name, errors in (("4XXError", figures.errors_4xx), ("5XXError", figures.errors_5xx)):
        yield name, ((1.0, errors), (0.0, figures.count - errors))
    yield "CacheHitCount", ((1.0, figures.cache_hits), (0.0, figures.cache_misses))
    yield "CacheMissCount", ((1.0, figures.cache_misses), (0.0, figures.cache_hits))


def _times(metric: MetricKey, timestamp_ms: int, times: Times) -> Sample:
    counted = [(float(value), float(count)) for value, count in times.counted.items()]
    sums = (float(times.count), float(times.total_ms), float(times.least_ms), float(times.most_ms))
    return Sample(metric, timestamp_ms, *sums, counted, "Milliseconds")
