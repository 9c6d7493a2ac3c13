"""The newest 100 events of a stream of 50,000: over the service port, the gateway port, and from two emulators.

Beside a bare uvicorn application that answers every request with the same bytes: how much of what the machine and the
HTTP server can do is left when signature, policies and memory have done their part. The same for a reader that polls
at the end of the stream and finds nothing new, where there are hardly any bytes to send.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

import msgspec

from benchmarks.client import Endpoint, LoadError, LoadResult, Request, describe, request_once, run_load
from benchmarks.events import Event, EventSource, get_body
from benchmarks.gateway_api import build_api
from benchmarks.log_calls import check_page, create_streams, fill_stream, newest_page
from benchmarks.report import Row, Series
from benchmarks.servers import Server, bare_server, groundwatch_server, ministack_server, moto_server
from benchmarks.settings import Settings

NAME = "get_log_events"
GROUP, STREAM, LIMIT = "/benchmark/app", "app-1", 100
AGE_MS = 3_600_000
DIRECT_TARGET, GATEWAY_TARGET = 10.0, 5.0
MOTO_TARGET, MINISTACK_TARGET = 20.0, 1.5
PAGE_TARGET, POLL_TARGET = 0.2, 0.3
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
        bare_rows = _beside_bare(groundwatch, ours, more)
    page = "GetLogEvents, newest 100 of 50,000, service port"
    return [
        Row(NAME, f"{page}, 16 connections", at_service, DIRECT_TARGET, "times", yardstick),
        Row(NAME, "the same page, gateway port, API key and template", gateway, GATEWAY_TARGET, "times", yardstick),
        Row(NAME, f"{page}, 32 connections", many, MOTO_TARGET, "times", many_moto),
        Row(NAME, f"{page}, 32 connections", many, MINISTACK_TARGET, "times", many_ministack),
        *bare_rows,
    ]


def _beside_bare(server: Server, page: Contender, settings: Settings) -> list[Row]:
    poll = polling(server)
    with _bare(page) as page_yardstick, _bare(poll) as poll_yardstick:
        page_rate, page_bare, poll_rate, poll_bare = measure([page, page_yardstick, poll, poll_yardstick], settings)
    return [
        Row(
            NAME, "the same, beside the same bytes from a bare application", page_rate, PAGE_TARGET, "times", page_bare
        ),
        Row(NAME, "polling at the end of the stream, nothing new", poll_rate, POLL_TARGET, "times", poll_bare),
    ]


@contextmanager
def _bare(like: Contender) -> Iterator[Contender]:
    """Run the yardstick of a contender: it gets one of the same requests, and answers with the same bytes."""
    request = next(iter(like.requests(1)))
    answer = request_once(like.endpoint, request)
    headers = [
        ("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Content-Length", str(len(answer.body))),
    ]
    with bare_server(answer.body, headers, like=None) as endpoint:
        yield Contender("bare uvicorn", endpoint, lambda count: repeat(request, count), len(answer.body))


def polling(server: Server) -> Contender:
    """Return the read behind the newest event of the stream, as `logs tail --follow` makes it."""
    token = msgspec.json.decode(newest_page(server, GROUP, STREAM, LIMIT))["nextForwardToken"]
    members = {"logGroupName": GROUP, "logStreamName": STREAM, "startFromHead": True, "nextToken": token}
    signer, body = server.signer(), msgspec.json.encode(members)
    answer = msgspec.json.decode(request_once(server.service, signer.request("GetLogEvents", body)).body)
    if answer["events"] or answer["nextForwardToken"] != token:
        raise LoadError(f"not the end of the stream: {answer!r:.500}")
    requests = signer.requests
    return Contender(
        f"{server.name} poll", server.service, lambda count: requests("GetLogEvents", repeat(body, count)), 1
    )


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
