"""A load client for HTTP/1.1: a fixed number of connections, each sending its next request when the last is answered.

The client shares the machine with the server it measures, so it does as little as it can: requests are encoded and
signed before the clock starts, responses are framed but not parsed.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator

import msgspec
import uvloop

from benchmarks.figures import percentile
from benchmarks.http1 import MalformedResponseError, Response, ResponseReader

CONNECT_TIMEOUT_S = 10
EXCHANGE_TIMEOUT_S = 120
SHOWN_BODY_BYTES = 2000
SUCCESS = frozenset({200})


class LoadError(Exception):
    """A request was not answered with 200, so the figures of the run mean nothing."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int
    ca_file: str | None = None
    """The certificate authority to trust; plain HTTP when None."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"{'https' if self.ca_file else 'http'}://{self.host}:{self.port}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return a context that verifies the server against `ca_file`, or None for plain HTTP."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None


class Request(msgspec.Struct, frozen=True):
    """A request as it goes over the wire; the body is kept apart so that it can be a view into a mapped file."""

    head: bytes
    body: bytes | memoryview = b""


class LoadResult(msgspec.Struct, frozen=True):
    """What one run of the client saw. All requests were answered as they should be, as a rule with 200."""

    requests: int
    elapsed_s: float
    """From the first request sent to the last answer received."""
    latencies_ms: list[float]
    """In ascending order, one per request, connecting included where the server closes connections."""
    smallest_body_bytes: int

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.elapsed_s

    def latency_ms(self, percent: float) -> float:
        """Return a percentile of the latencies."""
        return percentile(self.latencies_ms, percent)


class Connection(asyncio.Protocol):
    """One keep-alive connection; opens itself again when the server closes it after an answer."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._context = context
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None

    async def exchange(self, request: Request) -> Response:
        """Send a request and return its answer. Raises `OSError`, `TimeoutError` or `MalformedResponseError`."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport = await self._open(loop)
        self._answer = loop.create_future()
        self._transport.write(request.head)
        if request.body:
            self._transport.write(request.body)
        # No timer here: one per request would cost as much as the request, and the callers watch the whole run.
        response = await self._answer
        if not response.keep_alive:
            self.close()
        return response

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            response = self._reader.feed(data)
        except MalformedResponseError as error:
            self._settle(error)
            return
        if response is not None:
            self._settle(response)

    def connection_lost(self, exc: Exception | None) -> None:
        response = self._reader.end()
        self._settle(response or exc or ConnectionResetError("the server closed the connection without an answer"))
        self._transport = None

    def _settle(self, outcome: Response | Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if isinstance(outcome, Response):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)

    async def _open(self, loop: asyncio.AbstractEventLoop) -> asyncio.Transport:
        self._reader = ResponseReader()
        opening = loop.create_connection(lambda: self, self._endpoint.host, self._endpoint.port, ssl=self._context)
        transport, _ = await asyncio.wait_for(opening, CONNECT_TIMEOUT_S)
        return transport


def run_load(
    endpoint: Endpoint,
    requests: Iterable[Request],
    connections: int,
    seconds: float = 600,
    refuse: bytes = b"",
    statuses: frozenset[int] = SUCCESS,
) -> LoadResult:
    """Send requests over `connections` connections until they run out or the time is over, and return what was seen.

    Raises `LoadError`, with the server's answer, at the first response whose status is not among `statuses`, or whose
    body contains the bytes `refuse`: an error in the form of a success.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run_load(endpoint, _Load(iter(requests), seconds, refuse, statuses), connections))


def request_once(endpoint: Endpoint, request: Request) -> Response:
    """Send one request and return its answer, whatever its status."""

    async def exchange() -> Response:
        connection = Connection(endpoint, endpoint.ssl_context())
        try:
            return await asyncio.wait_for(connection.exchange(request), EXCHANGE_TIMEOUT_S)
        finally:
            connection.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(exchange())


class _Load:
    """What the connections of one run share: the requests that are left, the rules, and the latencies seen."""

    def __init__(self, requests: Iterator[Request], seconds: float, refuse: bytes, statuses: frozenset[int]) -> None:
        self.requests = requests
        self.seconds = seconds
        self.refuse = refuse
        self.statuses = statuses
        self.latencies_ms: list[float] = []
        self.smallest_body_bytes = 1 << 62
        self.start_s = time.perf_counter()

    async def drive(self, connection: Connection) -> None:
        """Send requests one after the other until there are none or the time is over."""
        stop_s = self.start_s + self.seconds
        for request in self.requests:
            sent_s = time.perf_counter()
            response = await connection.exchange(request)
            answered_s = time.perf_counter()
            self.latencies_ms.append((answered_s - sent_s) * 1000)
            self._check(request, response)
            if answered_s >= stop_s:
                break

    def result(self) -> LoadResult:
        """Return what was seen; the clock stops here."""
        elapsed_s = time.perf_counter() - self.start_s
        return LoadResult(len(self.latencies_ms), elapsed_s, sorted(self.latencies_ms), self.smallest_body_bytes)

    def _check(self, request: Request, response: Response) -> None:
        if response.status not in self.statuses or (self.refuse and self.refuse in response.body):
            raise LoadError(describe(request, response))
        self.smallest_body_bytes = min(self.smallest_body_bytes, len(response.body))


async def _run_load(endpoint: Endpoint, load: _Load, connections: int) -> LoadResult:
    context = endpoint.ssl_context()
    pool = [Connection(endpoint, context) for _ in range(connections)]
    load.start_s = time.perf_counter()
    try:
        async with asyncio.timeout(load.seconds + EXCHANGE_TIMEOUT_S), asyncio.TaskGroup() as group:
            for each in pool:
                group.create_task(load.drive(each))
        return load.result()
    except ExceptionGroup as failures:
        expected, unexpected = failures.split((LoadError, OSError, MalformedResponseError))
        if expected is None or unexpected is not None:
            raise
        raise LoadError(repr(expected.exceptions[0])) from failures
    except TimeoutError:
        raise LoadError(f"the run was not over {EXCHANGE_TIMEOUT_S} s after its time") from None
    finally:
        for each in pool:
            each.close()


def describe(request: Request, response: Response) -> str:
    """Return an answer in words: the request line, the status and the start of the body."""
    line = request.head.partition(b"\r\n")[0].decode("latin-1")
    body = response.body[:SHOWN_BODY_BYTES].decode("utf-8", "replace")
    return f"{line} was answered with {response.status}: {body}"
