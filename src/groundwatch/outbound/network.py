"""Connections to checked addresses, and those that wait for their next request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import httpcore

from groundwatch.begun import uninterrupted
from groundwatch.outbound.answers import OutboundAnswer, read_answer
from groundwatch.outbound.destinations import OutboundRules
from groundwatch.outbound.errors import RefusedDestinationError

MAX_IDLE_CONNECTIONS = 100
IDLE_S = 5.0
"""How long a connection waits for the next request: shorter than servers usually wait."""
CONNECT_TIMEOUT_S = 5.0
"""For each address of a host."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises OSError when it has none."""


class ClosingStream(httpcore.AsyncNetworkStream):
    """A stream that is closed if its handshake is given up: the library closes it only after an error."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> Coroutine[Any, Any, bytes]:
        """Read what has come."""
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> Coroutine[Any, Any, None]:
        """Send all of it."""
        return self._stream.write(buffer, timeout)

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Close the connection."""
        return self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- the signature of the base class
        """Say what the library asks of a connection."""
        return self._stream.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- the signature of the base class
    ) -> httpcore.AsyncNetworkStream:
        """Encrypt what follows."""
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Makes the connections of the pools: the only place that resolves names."""

    def __init__(self, rules: OutboundRules, resolve: Resolver) -> None:
        self._rules = rules
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 -- the signature of the base class
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers, if all addresses of the host may be reached."""
        addresses = await self._checked(host, port)
        failure: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(
                    address,
                    port,
                    timeout=CONNECT_TIMEOUT_S,
                    local_address=local_address,
                    socket_options=socket_options,
                )
                return ClosingStream(stream)
            except httpcore.ConnectError as error:
                failure = error
            except httpcore.ConnectTimeout:
                failure = httpcore.ConnectError(f"{address} does not take the connection")
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 -- the signature of the base class
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL leads to a socket of this machine."""
        raise RefusedDestinationError(f"{path} is no network address")

    async def sleep(self, seconds: float) -> None:
        """Wait between attempts."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        for address in addresses:
            if not self._rules.permit(host, address):
                raise RefusedDestinationError(
                    f"Invalid endpoint address: {host} has the address {address}, which is not public; "
                    "the operator may allow it with outbound_allow"
                )
        return addresses


class Connections:
    """Connections by origin. The one that was used last is used next, so that those that are not needed grow old.

    The library's own pool asks the system about each of its connections at every request, which 16 of them feel.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, context: ssl.SSLContext) -> None:
        self._network = network
        self._context = context
        self._idle: dict[str, list[httpcore.AsyncHTTPConnection]] = {}
        self._idle_count = 0
        self._closed = False

    async def exchange(self, request: httpcore.Request, max_answer_bytes: int) -> OutboundAnswer:
        """Send a request and read its whole answer."""
        key = str(request.url.origin)
        connection = await self._take(key) or self._new(request.url.origin)
        try:
            answer = await connection.handle_async_request(request)
            try:
                whole = await read_answer(answer, max_answer_bytes)
            finally:
                await answer.aclose()
            await self._give_back(key, connection)
        except BaseException:
            await connection.aclose()
            raise
        return whole

    async def close(self) -> None:
        """Close the connections that nobody uses, and each of the others when its exchange is over."""
        self._closed = True
        idle, self._idle, self._idle_count = self._idle, {}, 0
        await uninterrupted(_close([connection for held in idle.values() for connection in held]))

    def _new(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._context, keepalive_expiry=IDLE_S, network_backend=self._network
        )

    async def _take(self, key: str) -> httpcore.AsyncHTTPConnection | None:
        waiting = self._idle.get(key)
        while waiting:
            connection = waiting.pop()
            self._idle_count -= 1
            if not waiting:
                del self._idle[key]
            if connection.is_idle() and not connection.has_expired():
                return connection
            await connection.aclose()
            waiting = self._idle.get(key)
        return None

    async def _give_back(self, key: str, connection: httpcore.AsyncHTTPConnection) -> None:
        if self._closed or not connection.is_idle():
            await connection.aclose()
            return
        if self._idle_count >= MAX_IDLE_CONNECTIONS:
            await self._drop_expired()
        if self._idle_count >= MAX_IDLE_CONNECTIONS:
            await connection.aclose()
            return
        self._idle.setdefault(key, []).append(connection)
        self._idle_count += 1

    async def _drop_expired(self) -> None:
        expired = [connection for held in self._idle.values() for connection in held if connection.has_expired()]
        kept = {key: [held for held in connections if held not in expired] for key, connections in self._idle.items()}
        self._idle = {key: connections for key, connections in kept.items() if connections}
        self._idle_count = sum(map(len, self._idle.values()))
        # Nobody else knows them any more.
        await uninterrupted(_close(expired))


async def _close(connections: Iterable[httpcore.AsyncHTTPConnection]) -> None:
    for connection in connections:
        await connection.aclose()
