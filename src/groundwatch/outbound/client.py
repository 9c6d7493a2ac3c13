"""The client: requests with their deadlines, over pooled connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpcore

from groundwatch.begun import in_task
from groundwatch.outbound.answers import OutboundAnswer
from groundwatch.outbound.destinations import DEFAULT_PORTS, OutboundRules, parse_url
from groundwatch.outbound.errors import OutboundError, OutboundTimeoutError
from groundwatch.outbound.network import CheckedNetwork, Connections, Resolver

MAX_ANSWER_BYTES = 10 * 1024 * 1024
RESOLVING_THREADS = 16
MAX_IDENTITIES = 256
"""Callers with client certificates whose connections are kept."""

_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class OutboundClient:
    """Sends requests over pooled connections. For one event loop; `close` ends the idle connections."""

    def __init__(
        self,
        rules: OutboundRules,
        *,
        resolve: Resolver | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._max_answer_bytes = max_answer_bytes
        # Names of users may take long to resolve; that must not hold up what else runs in threads.
        self._resolving = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="resolve")
        self._network = CheckedNetwork(rules, resolve or self._resolve)
        self._verified = Connections(self._network, trust or ssl.create_default_context())
        self._unverified = Connections(self._network, _unverified_context())
        self._presenting: OrderedDict[ssl.SSLContext, Connections] = OrderedDict()

    async def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        verify: bool = True,
        presenting: ssl.SSLContext | None = None,
    ) -> OutboundAnswer:
        """Send a request and return the whole answer, whatever its status.

        `Host` and `Content-Length` are added unless given. Content codings are left as they are. `verify=False`
        accepts any certificate. `presenting` is a TLS context of the caller's own, with a client certificate.

        Raises:
            OutboundError: when there is no answer.
        """
        target = parse_url(url)
        request = httpcore.Request(method, target, headers=_all_headers(target, headers, body, method), content=body)
        await in_task()
        connections = await self._connections(presenting, verify=verify)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(connections, request)
        except TimeoutError as error:
            raise OutboundTimeoutError(f"no answer within {round(timeout_s * 1000)} ms") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise OutboundError(f"{type(error).__name__}: {error}") from error

    async def _connections(self, presenting: ssl.SSLContext | None, *, verify: bool) -> Connections:
        if presenting is None:
            return self._verified if verify else self._unverified
        # A connection is not shared between identities.
        found = self._presenting.get(presenting)
        if found is None:
            found = self._presenting[presenting] = Connections(self._network, presenting)
            if len(self._presenting) > MAX_IDENTITIES:
                _, forgotten = self._presenting.popitem(last=False)
                await forgotten.close()
        else:
            self._presenting.move_to_end(presenting)
        return found

    async def _exchange(self, connections: Connections, request: httpcore.Request) -> OutboundAnswer:
        """Send a request that changes nothing a second time when its connection was closed: it may have been idle."""
        try:
            return await connections.exchange(request, self._max_answer_bytes)
        except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
            if request.method not in _REPEATABLE:
                raise
        return await connections.exchange(request, self._max_answer_bytes)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM
        found = await loop.run_in_executor(self._resolving, lambda: socket.getaddrinfo(host, port, type=kind))
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def close(self) -> None:
        """Close all connections."""
        self._resolving.shutdown(wait=False, cancel_futures=True)
        await self._verified.close()
        await self._unverified.close()
        for connections in self._presenting.values():
            await connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _all_headers(
    target: httpcore.URL, headers: Sequence[tuple[str, str]], body: bytes, method: str
) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in headers}
    added: list[tuple[bytes, bytes]] = []
    if "host" not in given:
        added.append((b"Host", _authority(target)))
    if "content-length" not in given and (body or method in ("POST", "PUT", "PATCH")):
        added.append((b"Content-Length", str(len(body)).encode()))
    return added + [(_bytes(name), _bytes(value)) for name, value in headers]


def _authority(target: httpcore.URL) -> bytes:
    host = b"[" + target.host + b"]" if b":" in target.host else target.host
    plain = target.port is None or target.port == DEFAULT_PORTS[target.scheme.decode()]
    return host if plain else host + f":{target.port}".encode()


def _bytes(value: str) -> bytes:
    # What the listener decoded as Latin-1 goes out as it came in.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
