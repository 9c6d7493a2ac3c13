"""The load client against a scripted server: it counts every answer, reconnects, and fails at the first bad one."""

import asyncio
import contextlib
import gc
import socket
import threading

import pytest
from benchmarks.client import Endpoint, LoadError, Request, request_once, run_load
from tests.waiting import end

REQUEST = Request(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_AND_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\nbecause"
REQUESTS = 40
CONNECTIONS = 4


class ScriptedServer:
    """Answers every request with the same bytes, from a thread of its own; counts the connections."""

    def __init__(self, answer, *, close=False):
        self._answer = answer
        self._close = close
        self._loop = asyncio.new_event_loop()
        self.connections = 0
        self._handlers = set()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        started.wait()

    def stop(self):
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    def _run(self, started):
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started):
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        started.set()
        await self._stopped.wait()
        await end(server)
        # A loop that ends before its connections are closed would leave their sockets to the garbage collector.
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _handle(self, reader, writer):
        self.connections += 1
        self._handlers.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer)
                await writer.drain()
                if self._close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
def serve():
    servers = []

    def start(answer, *, close=False):
        servers.append(ScriptedServer(answer, close=close))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_the_scripted_server_leaves_no_connection_open_that_comes_with_its_end():
    for _ in range(10):
        server = ScriptedServer(OK)
        address = (server.endpoint.host, server.endpoint.port)
        with socket.create_connection(address), socket.create_connection(address):
            server.stop()
    del server
    # What is open still is told by warnings, which are errors here.
    gc.collect()


def test_every_request_is_sent_once_over_the_connections(serve):
    server = serve(OK)
    result = run_load(server.endpoint, [REQUEST] * REQUESTS, CONNECTIONS)
    assert (result.requests, len(result.latencies_ms), result.smallest_body_bytes) == (REQUESTS, REQUESTS, 2)
    assert result.latencies_ms == sorted(result.latencies_ms)
    assert server.connections == CONNECTIONS


def test_a_server_that_closes_after_each_answer_is_connected_to_again(serve):
    server = serve(OK_AND_CLOSE, close=True)
    assert run_load(server.endpoint, [REQUEST] * REQUESTS, CONNECTIONS).requests == REQUESTS
    assert server.connections == REQUESTS


def test_the_run_ends_when_its_time_is_over(serve):
    def endless():
        while True:
            yield REQUEST

    assert run_load(serve(OK).endpoint, endless(), CONNECTIONS, seconds=0.05).requests >= CONNECTIONS


@pytest.mark.parametrize(
    ("answer", "close", "refuse", "message"),
    [
        pytest.param(REFUSED, False, b"", "GET /x HTTP/1.1 was answered with 400: because", id="status is not 200"),
        pytest.param(OK, False, b"ok", "answered with 200: ok", id="a success that says it failed"),
        pytest.param(b"", True, b"", "without an answer", id="connection closed"),
        pytest.param(b"nonsense\r\n\r\n", False, b"", "not an HTTP/1.1 status line", id="not HTTP"),
    ],
)
def test_a_bad_answer_ends_the_run_with_its_text(serve, answer, close, refuse, message):
    with pytest.raises(LoadError, match=message):
        run_load(serve(answer, close=close).endpoint, [REQUEST] * REQUESTS, CONNECTIONS, refuse=refuse)


def test_a_single_request_returns_any_status(serve):
    response = request_once(serve(REFUSED).endpoint, REQUEST)
    assert (response.status, response.body) == (400, b"because")
