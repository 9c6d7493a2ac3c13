"""Resident memory over a million requests at the gateway port: templates, refused keys, unknown paths, all different.

The requests differ in path parameter, query string and headers, so that whatever is kept of one of them shows. The
slope leaves out the first fifth of the run, in which what is bounded fills up: caches, queues, pools of the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.client import Request, run_load
from benchmarks.definitions import Document, encoded, mocks
from benchmarks.figures import median, slope
from benchmarks.gateway_calls import STAGE, client, deploy, request
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings

NAME = "memory"
TARGET_BYTES = 20.0
"""A request; 20 MB a million, which is what merges of the engine move the figure by."""
METHODS = 30
WINDOWS = 50
WARM_UP_WINDOWS = WINDOWS // 5
SHOWN_WINDOWS = 10
STATUSES = frozenset({200, 403})


def run(settings: Settings) -> list[Row]:
    """Measure once, however many rounds there are: a run is long, and its windows are many."""
    with groundwatch_server() as server:
        resident = observe(server, settings.memory_requests // WINDOWS, settings.connections)
    requests = settings.memory_requests // WINDOWS * WINDOWS
    what = f"resident memory over {requests:,} requests at the gateway port, growth a request"
    growth = slope(resident[WARM_UP_WINDOWS:]) * WINDOWS / requests
    shown = " ".join(f"{each / 1e6:.0f}" for each in resident[:: WINDOWS // SHOWN_WINDOWS])
    note = f"from {median(resident[:WARM_UP_WINDOWS]) / 1e6:.0f} to {resident[-1] / 1e6:.0f} MB: {shown}"
    return [Row(NAME, what, Series("Groundwatch", "bytes", [growth]), TARGET_BYTES, "below", note=note)]


def observe(server: Server, window_requests: int, connections: int) -> list[int]:
    """Send `WINDOWS` times so many requests, and return the resident bytes after each time."""
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    api_id = deploy(client(server, "apigateway"), encoded(_document()))
    resident: list[int] = []
    for window in range(WINDOWS):
        first = window * window_requests
        run_load(
            server.gateway,
            mixed(server, api_id, range(first, first + window_requests)),
            connections,
            600,
            b"",
            STATUSES,
        )
        resident.append(server.resident_bytes())
    return resident


def mixed(server: Server, api_id: str, numbers: Sequence[int]) -> Iterator[Request]:
    """Yield requests of which no two are alike: eight of ten are answered, one has a wrong key, one no route."""
    for number in numbers:
        things = f"/{api_id}/{STAGE}/things{number % (METHODS // 3)}"
        target = f"{things}/{number}?limit={number}"
        if number % 10 == 8:
            target = f"/{api_id}/{STAGE}/unknown{number}"
        if number % 10 == 9:
            target = f"/{api_id}/{STAGE}/guarded/{number}"
        yield request(server, target, "GET", f"x-api-key: guess-{number:020}", f"X-Trace: {number}")


def _document() -> Document:
    """Return the definition, with a method that wants a key which nobody has."""
    document = mocks(METHODS)
    method = document["paths"]["/things0/{id}"]["get"]
    document["paths"]["/guarded/{id}"] = {"get": method | {"operationId": "guarded", "security": [{"key": []}]}}
    scheme = {"type": "apiKey", "name": "x-api-key", "in": "header"}
    document["components"]["securitySchemes"] = {"key": scheme}
    return document
