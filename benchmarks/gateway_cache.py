"""A page of 100 events through the gateway, beside what it is made of: from the stage cache, and from the service.

The cache's yardstick is a bare uvicorn application that answers with the same bytes over the same TLS; the gateway's is
the same read at the service port, which knows neither keys nor plans and mappings: with TLS on the gateway port alone,
as it is by default, on both, and on none.
"""

from __future__ import annotations

import tempfile
import time
from itertools import repeat
from pathlib import Path

from benchmarks.client import LoadError, Request, describe, request_once
from benchmarks.events import Event, EventSource
from benchmarks.gateway_api import GatewayApi, build_api, cache_pages
from benchmarks.get_log_events import AGE_MS, GROUP, LIMIT, STREAM, Contender, direct, measure
from benchmarks.http1 import Response
from benchmarks.log_calls import check_page, create_streams, fill_stream
from benchmarks.report import Row, Series
from benchmarks.servers import Server, bare_server, groundwatch_server
from benchmarks.settings import Settings

NAME = "gateway"
CACHE_TARGET, OVERHEAD_TARGET = 0.4, 0.5


def run(settings: Settings) -> list[Row]:
    """Measure the gateway with and without its cache, each beside its yardstick, in alternating rounds."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with tempfile.TemporaryDirectory(prefix="groundwatch-gateway-") as scratch:
        data = Path(scratch, "data")
        with groundwatch_server(data) as groundwatch:
            newest = _filled(groundwatch, source, settings)
            api = build_api(groundwatch)
            gateway, service = _beside_service(groundwatch, api, newest, settings)
        with groundwatch_server(data, tls="both") as encrypting:
            encrypted, beside_encrypted = _beside_service(encrypting, api, newest, settings)
        with groundwatch_server(data, tls="none") as plain:
            unencrypted, beside_unencrypted = _beside_service(plain, api, newest, settings)
        with groundwatch_server(data) as caching:
            cache_pages(caching, api)
            cached, uvicorn = _beside_bare(caching, api, settings)
    read = "the newest 100 of 50,000 events, gateway port"
    return [
        Row(NAME, f"{read}, API key, usage plan, mappings", gateway, OVERHEAD_TARGET, "times", service),
        Row(NAME, f"{read}, both ports over TLS", encrypted, OVERHEAD_TARGET, "times", beside_encrypted),
        Row(NAME, f"{read}, both without TLS", unencrypted, OVERHEAD_TARGET, "times", beside_unencrypted),
        Row(NAME, f"{read}, from the stage cache", cached, CACHE_TARGET, "times", uvicorn),
    ]


def _beside_service(server: Server, api: GatewayApi, newest: list[Event], settings: Settings) -> list[Series]:
    page, answer = _page(server, api)
    check_page(answer.body, newest)
    return measure([page, direct(server, newest)], settings)


def _beside_bare(server: Server, api: GatewayApi, settings: Settings) -> list[Series]:
    page, answer = _page(server, api)
    with bare_server(answer.body, _headers(answer), server.gateway) as bare:
        request = Request(page_head(page))
        return measure([page, Contender("bare uvicorn", bare, lambda count: repeat(request, count))], settings)


def _filled(server: Server, source: EventSource, settings: Settings) -> list[Event]:
    """Fill the stream and return its newest page."""
    create_streams(server, GROUP, [STREAM])
    fill_stream(server, GROUP, STREAM, source, settings.stream_events)
    return source.batch(settings.stream_events // source.batch_events - 1)[-LIMIT:]


def page_head(page: Contender) -> bytes:
    """Return the request of a contender, for the yardstick to answer."""
    return next(page.requests(1)).head


def _page(server: Server, api: GatewayApi) -> tuple[Contender, Response]:
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    request = api.page_request(f"{server.gateway.host}:{server.gateway.port}", GROUP, STREAM, LIMIT)
    response = request_once(server.gateway, request)
    if response.status != 200:
        raise LoadError(describe(request, response))
    return Contender(f"{server.name} gateway", server.gateway, lambda count: repeat(request, count)), response


def _headers(answer: Response) -> list[tuple[str, str]]:
    """Return headers that are as long as the gateway's."""
    return [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000"),
        ("x-amz-apigw-id", "AAAAAAAAAAAAAAA="),
        ("X-Backend-Request", "00000000-0000-4000-8000-000000000000"),
        ("Cache-Control", "private"),
        ("Content-Length", str(len(answer.body))),
    ]
