"""The page that Prometheus reads, and who may.

Without a token the page is for this machine: whoever else asks is refused, since it names APIs of all accounts. With
one, whoever sends it may read the page from anywhere. A proxy on this machine asks for others, so set a token then.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.monitoring.own.collector import OwnMetrics
from groundwatch.monitoring.own.gateway import GatewayCounts, Totals
from groundwatch.monitoring.own.readings import Reading, Spread

PREFIX = "groundwatch_"
LABELS = ("api_id", "stage", "resource", "method")
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
NOT_LOCAL = (
    "Only this machine may read its metrics. Set metrics_token_file and send the token as Authorization: Bearer.\n"
)
NO_TOKEN = "The metrics are read with Authorization: Bearer and the token of metrics_token_file.\n"  # noqa: S105 - says where


class MetricsPage:
    """Answers GET /metrics."""

    def __init__(self, metrics: OwnMetrics, token: str | None) -> None:
        self._metrics = metrics
        self._token = token

    async def answer(self, request: WireRequest) -> WireResponse:
        """Return the figures in Prometheus' text format, 401 or 403 to who may not read them."""
        if self._token is None and not _is_local(request.source_ip):
            return WireResponse(403, _TEXT, NOT_LOCAL.encode())
        if self._token is not None and not _holds(request.header("authorization"), self._token):
            return WireResponse(401, (*_TEXT, ("WWW-Authenticate", "Bearer")), NO_TOKEN.encode())
        body = exposition(await self._metrics.readings(), self._metrics.gateway)
        return WireResponse(200, (("Content-Type", CONTENT_TYPE_LATEST),), body)


def exposition(readings: Iterable[Reading], gateway: GatewayCounts) -> bytes:
    """Return figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([*map(_family, readings), *_gateway_families(gateway)]))
    return generate_latest(registry)


class _Families(Collector):
    """What a registry asks."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families


def _family(reading: Reading) -> Metric:
    name, value = PREFIX + reading.exposed, reading.value
    if isinstance(value, Spread):
        return SummaryMetricFamily(name, reading.help, value.count, value.total * reading.scale)
    make = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
    return make(name, reading.help, value=value * reading.scale)


_COUNTS: tuple[tuple[str, str, Callable[[Totals], float]], ...] = (
    ("requests", "Requests that the gateway port answered.", lambda totals: totals.requests),
    ("client_errors", "Answers with a status from 400 to 499.", lambda totals: totals.errors_4xx),
    ("server_errors", "Answers with a status from 500 on.", lambda totals: totals.errors_5xx),
    ("cache_hits", "Requests that the response cache answered.", lambda totals: totals.cache_hits),
    ("cache_misses", "Requests that the response cache could not answer.", lambda totals: totals.cache_misses),
)
_TIMES: tuple[tuple[str, str, Callable[[Totals], tuple[int, int]]], ...] = (
    ("latency_seconds", "Time from request to answer.", lambda totals: (totals.requests, totals.latency_ms)),
    (
        "integration_latency_seconds",
        "Time that integrations took.",
        lambda totals: (totals.integrations, totals.integration_latency_ms),
    ),
)


def _gateway_families(gateway: GatewayCounts) -> Iterator[Metric]:
    for name, text, count in _COUNTS:
        counter = CounterMetricFamily(f"{PREFIX}gateway_{name}", text, labels=LABELS)
        for labels, totals in gateway.totals.items():
            counter.add_metric(labels, count(totals))
        yield counter
    for name, text, sums in _TIMES:
        summary = SummaryMetricFamily(f"{PREFIX}gateway_{name}", text, labels=LABELS)
        for labels, totals in gateway.totals.items():
            times, total_ms = sums(totals)
            summary.add_metric(labels, times, total_ms / 1000)
        yield summary


def _is_local(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _holds(header: str | None, token: str) -> bool:
    scheme, _, given = (header or "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
