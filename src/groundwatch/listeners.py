"""Several HTTP listeners in one event loop: bind, serve, and stop without losing what was accepted.

The sockets are bound before anything else is opened, so a busy port is one clear line and costs nothing. The first
SIGTERM or SIGINT stops accepting, lets running requests finish (at most `Limits.graceful_stop_s`) and then awaits
`on_stop`; the second drops the requests that still run; one that arrives during `on_stop` cancels it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, cast

import msgspec
import uvicorn
import uvloop

from groundwatch.aws.exchange import Application
from groundwatch.config import Address, StartupError
from groundwatch.http_protocol.connection import Patience, protocol_of
from groundwatch.http_protocol.sending import Outbox

logger = logging.getLogger(__name__)
BACKLOG = 2048
SWITCH_INTERVAL_S = 0.001
"""How long a thread may compute while the event loop waits for it."""
LATE_CONNECTIONS_S = 0.1
"""How often a server that stops looks for connections that were on their way when it began to."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ListenError(StartupError):
    """An address cannot be listened on; the text is one line."""


class Limits(msgspec.Struct, frozen=True):
    """What a listener grants its clients."""

    keep_alive_s: int = 120
    """An idle connection is kept this long: longer than the pools of SDKs and proxies keep theirs (Go 90 s, nginx and
    load balancers 60 s), which avoids the race of a request sent into a connection that is just being closed."""
    connections: int = 8192
    """Further connections are answered 503."""
    backlog: int = BACKLOG
    graceful_stop_s: int = 30
    patience: Patience = Patience()


def _nothing() -> None:
    pass


class Listener(msgspec.Struct, frozen=True):
    """One application on one address."""

    name: str
    """What the operator calls it in settings, such as `service`."""
    address: Address
    app: Application
    tls: ssl.SSLContext | None = None
    end_streams: Callable[[], None] = _nothing
    """Called when the server begins to stop: ends answers that would otherwise go on for hours."""


class BoundListener(msgspec.Struct, frozen=True):
    """A listener whose port is taken but which does not answer yet."""

    name: str
    address: Address
    """The address in use, with the real port where 0 was asked for."""
    sockets: tuple[socket.socket, ...]

    def close(self) -> None:
        """Let go of the port."""
        for sock in self.sockets:
            sock.close()


def bind(name: str, address: Address, backlog: int = BACKLOG) -> BoundListener:
    """Take the address for the listener called `name`; a host name takes every address that it stands for.

    Raises ListenError with one line for the operator.
    """
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, numeric_host in _resolve(address):
            sock = _bind_one(family, numeric_host, port, backlog)
            sockets.append(sock)
            # All addresses of a name share the port that the first one was given.
            port = sock.getsockname()[1]
    except UnicodeError as error:
        raise ListenError(f"{address.host} is no host name; choose an address with --{name}") from error
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _listen_error(name, address, error) from error
    return BoundListener(name, Address(address.host, port), tuple(sockets))


def _resolve(address: Address) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(target[0])) for family, _, _, _, target in found))


def _bind_one(family: int, host: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it, a restart would wait for the old connections' TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        sock.bind((host, port))
        sock.listen(backlog)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError:
        sock.close()
        raise
    return sock


def _listen_error(name: str, address: Address, error: OSError) -> ListenError:
    flag = f"--{name}"
    match error.errno:
        case errno.EADDRINUSE:
            text = f"port {address.port} on {address.host} is in use; stop what uses it or choose another with {flag}"
        case errno.EACCES:
            text = f"no permission to listen on port {address.port}; choose one above 1023 with {flag}"
        case errno.EADDRNOTAVAIL:
            text = f"{address.host} is no address of this machine; choose one with {flag}"
        case _:
            text = f"cannot listen on {address}: {error.strerror or error}; choose another address with {flag}"
    return ListenError(text)


def bind_all(listeners: Sequence[Listener], limits: Limits = Limits()) -> list[BoundListener]:  # noqa: B008 - frozen
    """Take every address or none. Raises ListenError."""
    bound: list[BoundListener] = []
    try:
        for listener in listeners:
            bound.append(bind(listener.name, listener.address, limits.backlog))  # noqa: PERF401 - kept for closing
    except ListenError:
        for taken in bound:
            taken.close()
        raise
    return bound


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine to its end on a uvloop event loop: what the process does from start to stop."""
    # Python's 5 ms would be what every request waits, several times over, while a template or an import computes.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def serve(
    listeners: Sequence[Listener],
    bound: Sequence[BoundListener],
    *,
    on_ready: Callable[[list[Address]], None],
    on_stop: Callable[[], Awaitable[None]],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until a signal or until `stop` is set, then stop in order; returns when `on_stop` is done.

    `bound` are the listeners' sockets in the same order, from `bind` or `bind_all`; they are closed at the end.
    `on_ready` is called once, when every listener answers, with the real addresses. `on_stop` runs in any case, also
    when a listener fails, whose error is then raised in an
    ExceptionGroup.
    """
    servers = [_Server(_uvicorn_config(listener, limits)) for listener in listeners]
    stopper = _Stopper(servers, [listener.end_streams for listener in listeners])
    with stopper.on_signals():
        try:
            await _serve_all(servers, bound, stopper, on_ready, stop or asyncio.Event())
        finally:
            for taken in bound:
                taken.close()
            await stopper.finish(on_stop)


class _Server(uvicorn.Server):
    """A uvicorn server that says when it answers and leaves signals to `serve`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, and end the connections behind what was taken in."""
        ending = asyncio.create_task(self._end_late_connections(set(self.server_state.connections)))
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_late_connections(self, told: set[Any]) -> None:
        # uvicorn tells those that there are. One whose handshake ends later would hold the stop up, waiting for its
        # first request.
        while True:
            await asyncio.sleep(LATE_CONNECTIONS_S)
            for connection in self.server_state.connections - told:
                told.add(connection)
                connection.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: one signal stops all listeners together."""
        yield

    def abandon(self) -> None:
        """Drop the requests that still run."""
        self.should_exit = self.force_exit = True
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


class _Stopper:
    """Turns the first signal into a stop, the second into a drop, one during the closing into its end."""

    def __init__(self, servers: Sequence[_Server], end_streams: Sequence[Callable[[], None]]) -> None:
        self._servers = servers
        self._end_streams = end_streams
        self._finishing: asyncio.Task[None] | None = None
        self._stopping = False

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Handle the stop signals for the time of the context; signals belong to the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_signal)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def handle_signal(self) -> None:
        """Take the next step towards the end."""
        if self._finishing is not None:
            self._finishing.cancel()
        elif self._stopping:
            logger.warning("stopping now: requests that still run are dropped")
            for server in self._servers:
                server.abandon()
        else:
            self.stop()

    def stop(self) -> None:
        """Stop accepting and let running requests finish."""
        self._stopping = True
        for server in self._servers:
            server.should_exit = True
        for end_streams in self._end_streams:
            end_streams()

    async def finish(self, on_stop: Callable[[], Awaitable[None]]) -> None:
        """Await `on_stop`; a signal cancels it."""
        self._finishing = asyncio.ensure_future(_await(on_stop))
        await asyncio.wait([self._finishing])
        if self._finishing.cancelled():
            logger.warning("stopped by a further signal before everything was closed")
        else:
            self._finishing.result()


async def _await(action: Callable[[], Awaitable[None]]) -> None:
    await action()


async def _serve_all(
    servers: Sequence[_Server],
    bound: Sequence[BoundListener],
    stopper: _Stopper,
    on_ready: Callable[[list[Address]], None],
    stop: asyncio.Event,
) -> None:
    async with asyncio.TaskGroup() as group:
        stop_wish = group.create_task(_stop_when(stop, stopper))
        serving = [
            group.create_task(server.serve(list(taken.sockets))) for server, taken in zip(servers, bound, strict=True)
        ]
        for server in servers:
            await server.ready.wait()
        on_ready([taken.address for taken in bound])
        await asyncio.wait(serving)
        stop_wish.cancel()


async def _stop_when(stop: asyncio.Event, stopper: _Stopper) -> None:
    await stop.wait()
    stopper.stop()


def _uvicorn_config(listener: Listener, limits: Limits) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        # Nothing calls it: the protocol has the application.
        cast(Any, listener.app),
        # Called like the class of a protocol, which is all that uvicorn does with it.
        http=cast(type[asyncio.Protocol], protocol_of(listener.app, limits.patience, Outbox())),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        # The peer's address decides what policies allow: no header of a client may replace it.
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.graceful_stop_s,
        limit_concurrency=limits.connections,
        backlog=limits.backlog,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
