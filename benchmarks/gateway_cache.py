"""A page of 100 events through the gateway, beside what it is made of: from the stage cache, and from the service.

The cache's yardstick is a bare uvicorn application that answers with the same bytes over the same TLS; the gateway's is
the same read at the service port, which knows neither TLS nor keys, plans and mappings.
"""

from __future__ import annotations

import time
from itertools import repeat

from benchmarks.client import LoadError, Request, describe, request_once
from benchmarks.events import Event, EventSource
from benchmarks.gateway_api import GatewayApi, build_api, cache_pages
from benchmarks.get_log_events import AGE_MS, GROUP, LIMIT, STREAM, Contender, direct, measure
from benchmarks.http1 import Response
from benchmarks.log_calls import check_page, create_streams, fill_stream
from benchmarks.report import Row
from benchmarks.servers import Server, bare_server, groundwatch_server
from benchmarks.settings import Settings

NAME = "gateway"
CACHE_TARGET, OVERHEAD_TARGET = 0.4, 0.5


def run(settings: Settings) -> list[Row]:
    """Measure the gateway with and without its cache, each beside its yardstick, in alternating rounds."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with groundwatch_server() as groundwatch:
        newest = _filled(groundwatch, source, settings)
        api = build_api(groundwatch)
        page, answer = _page(groundwatch, api)
        check_page(answer.body, newest)
        gateway, service = measure([page, direct(groundwatch, newest)], settings)
        cache_pages(groundwatch, api)
        with bare_server(answer.body, _headers(answer), groundwatch.gateway) as bare:
            request = Request(page_head(page))
            yardstick = Contender("bare uvicorn", bare, lambda count: repeat(request, count))
            cached, uvicorn = measure([page, yardstick], settings)
    # What the gateway itself costs shows only where neither port encrypts.
    with groundwatch_server(gateway_tls=False) as plain:
        newest = _filled(plain, source, settings)
        page, _ = _page(plain, build_api(plain))
        unencrypted, beside = measure([page, direct(plain, newest)], settings)
    read = "the newest 100 of 50,000 events, gateway port"
    return [
        Row(NAME, f"{read}, API key, usage plan, mappings", gateway, OVERHEAD_TARGET, "times", service),
        Row(NAME, f"{read}, the same without TLS", unencrypted, OVERHEAD_TARGET, "times", beside),
        Row(NAME, f"{read}, from the stage cache", cached, CACHE_TARGET, "times", uvicorn),
    ]


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
