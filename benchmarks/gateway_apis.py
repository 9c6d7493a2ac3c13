"""A request among 1,000 deployed APIs beside the same request where there is one: each on a server of its own.

Twice: to one of the APIs, and to all of them in turn, where what a request needs is rarely in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks.client import LoadError, Request, describe, request_once
from benchmarks.definitions import encoded, mocks
from benchmarks.gateway_calls import STAGE, client, deploy, request
from benchmarks.get_log_events import Contender, measure
from benchmarks.report import Row
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "apis"
METHODS = 9
TARGET = 1 / 1.1
"""A request costs at most a tenth more."""


def run(settings: Settings) -> list[Row]:
    """Measure requests to the only API, to one of many, and to each of many in turn, in alternating rounds."""
    with groundwatch_server() as alone, groundwatch_server() as crowded:
        requests = _deploy(crowded, settings.deployed_apis)
        contenders = [
            _contender("one API", alone, _deploy(alone, 1)),
            _contender("one of them", crowded, requests[:1]),
            _contender("each in turn", crowded, requests),
        ]
        only, same, turns = measure(contenders, settings)
    among = f"among {settings.deployed_apis:,} deployed APIs, templates both ways"
    return [
        Row(NAME, f"a request to one {among}", same, round(TARGET, 3), "times", only),
        Row(NAME, f"a request to each in turn {among}", turns, round(TARGET, 3), "times", only),
    ]


def _deploy(server: Server, count: int) -> list[Request]:
    """Deploy so many APIs, and return a request to each, answered once, since the first one compiles."""
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    gateway = client(server, "apigateway")
    ids = [deploy(gateway, encoded(mocks(METHODS, f"api-{number}"))) for number in range(count)]
    requests = [request(server, f"/{api_id}/{STAGE}/things1/7?limit=100") for api_id in ids]
    for each in requests:
        answer = request_once(server.gateway, each)
        if answer.status != 200:
            raise LoadError(describe(each, answer))
    return requests


def _contender(name: str, server: Server, requests: Sequence[Request]) -> Contender:
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    return Contender(name, server.gateway, lambda count: islice(cycle(requests), count), smallest_body_bytes=10)
