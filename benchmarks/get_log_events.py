"""The newest 100 events of a stream of 50,000: over the service port, the gateway port, and from two emulators."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import msgspec

from benchmarks.client import Endpoint, LoadError, LoadResult, Request, describe, request_once, run_load
from benchmarks.events import Event, EventSource, get_body
from benchmarks.gateway_api import build_api
from benchmarks.log_calls import check_page, create_streams, fill_stream, newest_page
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server, ministack_server, moto_server
from benchmarks.settings import Settings

NAME = "get_log_events"
GROUP, STREAM, LIMIT = "/benchmark/app", "app-1", 100
AGE_MS = 3_600_000
DIRECT_TARGET, GATEWAY_TARGET = 10.0, 5.0
MOTO_TARGET, MINISTACK_TARGET = 20.0, 1.5
WARM_UP_S = 1.0
WARM_UP_REQUESTS = 4000
SPARE_RATIO = 1.5
"""How many more requests are signed than the warm-up's rate asks for; a round ends when they run out."""


class Contender(msgspec.Struct, frozen=True):
    """One way to read the page."""

    name: str
    endpoint: Endpoint
    requests: Callable[[int], Iterator[Request]]
    """Makes this many requests."""
    smallest_body_bytes: int = LIMIT * 300
    """An answer with less in its body is none."""


def run(settings: Settings) -> list[Row]:
    """Measure every way in alternating rounds, first over 16 connections, then over 32."""
    source = EventSource(int(time.time() * 1000) - AGE_MS)
    with groundwatch_server() as groundwatch, moto_server() as moto, ministack_server() as ministack:
        for server in (groundwatch, moto, ministack):
            create_streams(server, GROUP, [STREAM])
            fill_stream(server, GROUP, STREAM, source, settings.stream_events)
        newest = source.batch(settings.stream_events // source.batch_events - 1)[-LIMIT:]
        ours, through_gateway = direct(groundwatch, newest), _gateway(groundwatch, newest)
        motos, ministacks = direct(moto, newest), direct(ministack, newest)
        at_service, gateway, yardstick = measure([ours, through_gateway, motos], settings)
        more = msgspec.structs.replace(settings, connections=settings.many_connections)
        many, many_moto, many_ministack = measure([ours, motos, ministacks], more)
    page = "GetLogEvents, newest 100 of 50,000, service port"
    return [
        Row(NAME, f"{page}, 16 connections", at_service, DIRECT_TARGET, "times", yardstick),
        Row(NAME, "the same page, gateway port, API key and template", gateway, GATEWAY_TARGET, "times", yardstick),
        Row(NAME, f"{page}, 32 connections", many, MOTO_TARGET, "times", many_moto),
        Row(NAME, f"{page}, 32 connections", many, MINISTACK_TARGET, "times", many_ministack),
    ]


def measure(contenders: list[Contender], settings: Settings) -> list[Series]:
    """Return the requests per second of each contender in every round; the contenders take turns."""
    counts = [_requests_needed(each, settings) for each in contenders]
    rates: list[list[float]] = [[] for _ in contenders]
    for _ in range(settings.rounds):
        for contender, count, measured in zip(contenders, counts, rates, strict=True):
            measured.append(_load(contender, count, settings.connections, settings.round_s).per_second)
    return [Series(each.name, "requests/s", measured) for each, measured in zip(contenders, rates, strict=True)]


def direct(server: Server, newest: Sequence[Event]) -> Contender:
    """Return the read at the service port of a server, its answer checked once."""
    check_page(newest_page(server, GROUP, STREAM, LIMIT), newest)
    signer, body = server.signer(), get_body(GROUP, STREAM, LIMIT)
    return Contender(server.name, server.service, lambda count: signer.requests("GetLogEvents", repeat(body, count)))


def _gateway(server: Server, newest: Sequence[Event]) -> Contender:
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    authority = f"{server.gateway.host}:{server.gateway.port}"
    request = build_api(server).page_request(authority, GROUP, STREAM, LIMIT)
    response = request_once(server.gateway, request)
    if response.status != 200:
        raise LoadError(describe(request, response))
    check_page(response.body, newest)
    return Contender(f"{server.name} gateway", server.gateway, lambda count: repeat(request, count))


def _requests_needed(contender: Contender, settings: Settings) -> int:
    warm_up = _load(contender, WARM_UP_REQUESTS, settings.connections, WARM_UP_S)
    return int(warm_up.per_second * settings.round_s * SPARE_RATIO) + settings.connections


def _load(contender: Contender, count: int, connections: int, seconds: float) -> LoadResult:
    # All of them signed here: the clock starts in run_load.
    result = run_load(contender.endpoint, list(contender.requests(count)), connections, seconds)
    if result.smallest_body_bytes < contender.smallest_body_bytes:
        raise LoadError(f"{contender.name} sent a page of only {result.smallest_body_bytes} bytes")
    return result
