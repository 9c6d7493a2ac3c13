"""HTTP to addresses that users name: integrations, authorizers and key sets.

A name is resolved here, every address that it has is checked, and the connection goes to a checked address: there is
nothing that could resolve the name a second time. Loopback, link-local, private and other addresses that are not of the
public Internet are refused unless the operator allows them. Redirects are answers like any other, and proxies of the
environment are not used.

    OutboundError                the backend gave no answer
    ├── RefusedDestinationError  the URL or an address of its host may not be used
    ├── OutboundTimeoutError     there was no whole answer in time
    └── AnswerTooLargeError      the answer has more bytes than may be read
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpcore

MAX_ANSWER_BYTES = 10 * 1024 * 1024
MAX_IDLE_CONNECTIONS = 100
IDLE_S = 5.0
"""How long a connection waits for the next request: shorter than servers usually wait."""
CONNECT_TIMEOUT_S = 5.0
"""For each address of a host."""
RESOLVING_THREADS = 16
MAX_IDENTITIES = 256
"""Callers with client certificates whose connections are kept."""
DEFAULT_PORTS = {"http": 80, "https": 443}

_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_TARGET_CHARACTERS = "%/:?#[]@!$&'()*+,;=-._~|^`{}<>\""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises OSError when it has none."""

_NEVER_PUBLIC: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # the platform's own services on Azure machines
        "192.88.99.0/24",  # the relays of 6to4
        "::/96",  # IPv4 addresses in their old IPv6 form
        "64:ff9b:1::/48",  # translation to private IPv4 addresses
        "2002::/16",  # 6to4, which ends at the IPv4 address inside
        "fec0::/10",  # site-local
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class OutboundError(Exception):
    """The backend gave no answer; the text says why, for the owner of the API and the log."""


class RefusedDestinationError(OutboundError):
    """The URL is not one, or an address of its host may not be used."""


class OutboundTimeoutError(OutboundError):
    """There was no whole answer in time."""


class AnswerTooLargeError(OutboundError):
    """The answer has more bytes than may be read."""

    def __init__(self, status: int, max_bytes: int) -> None:
        super().__init__(f"the answer has more than {max_bytes} bytes")
        self.status = status


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """Which addresses may be reached beside those of the public Internet."""

    networks: tuple[IpNetwork, ...] = ()
    hosts: frozenset[str] = frozenset()
    """Names in lower case, whose addresses are not checked."""
    everywhere: bool = False
    """For URLs that the operator, not a user, has given."""

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> Self:
        """Return rules that also allow these: addresses, networks in CIDR form, and host names.

        Raises:
            ValueError: for an entry that is none of them.
        """
        networks: list[IpNetwork] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if not _HOST_NAME.fullmatch(entry) or entry.replace(".", "").isdigit():
                    raise ValueError(f"{entry!r} is neither an address nor a network nor a host name") from None
                hosts.add(entry.lower())
        return cls(tuple(networks), frozenset(hosts))

    def permit(self, host: str, address: str) -> bool:
        """Tell whether a connection to `address`, one of the addresses of `host`, is allowed."""
        if self.everywhere or host.lower() in self.hosts:
            return True
        found = _unwrapped(ipaddress.ip_address(address))
        if any(found.version == network.version and found in network for network in self.networks):
            return True
        return is_public(found)


def is_public(address: IpAddress) -> bool:
    """Tell whether an address belongs to a host on the public Internet."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == network.version and address in network for network in _NEVER_PUBLIC)


def _unwrapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address where an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What a backend answered; names of headers are as received."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, by lower-case name, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


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
        self._network = _CheckedNetwork(rules, resolve or self._resolve)
        self._verified = _Connections(self._network, trust or ssl.create_default_context())
        self._unverified = _Connections(self._network, _unverified_context())
        self._presenting: OrderedDict[ssl.SSLContext, _Connections] = OrderedDict()

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
        connections = self._connections(presenting, verify=verify)
        request = httpcore.Request(method, target, headers=_all_headers(target, headers, body, method), content=body)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(connections, request)
        except TimeoutError as error:
            raise OutboundTimeoutError(f"no answer within {round(timeout_s * 1000)} ms") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise OutboundError(f"{type(error).__name__}: {error}") from error

    def _connections(self, presenting: ssl.SSLContext | None, *, verify: bool) -> _Connections:
        if presenting is None:
            return self._verified if verify else self._unverified
        # A connection is not shared between identities.
        found = self._presenting.get(presenting)
        if found is None:
            found = self._presenting[presenting] = _Connections(self._network, presenting)
            if len(self._presenting) > MAX_IDENTITIES:
                # What it still has is given up by the backends soon, or with the garbage.
                self._presenting.popitem(last=False)
        self._presenting.move_to_end(presenting)
        return found

    async def _exchange(self, connections: _Connections, request: httpcore.Request) -> OutboundAnswer:
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


def parse_url(url: str) -> httpcore.URL:
    """Return a URL as it is requested: without fragment, and with everything beyond ASCII percent-encoded.

    Raises:
        RefusedDestinationError: for anything but an http or https URL with a host and without user information.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise RefusedDestinationError(f"Invalid endpoint address: {error}") from error
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or _UNSAFE.search(url):
        raise RefusedDestinationError("Invalid endpoint address")
    path = quote(parts.path or "/", safe=_TARGET_CHARACTERS)
    target = f"{path}?{quote(parts.query, safe=_TARGET_CHARACTERS)}" if parts.query else path
    return httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target)


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


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _bytes(value: str) -> bytes:
    # What the listener decoded as Latin-1 goes out as it came in.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


async def _read(answer: httpcore.Response, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_stream():
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLargeError(answer.status, max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
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
                return await self._network.connect_tcp(
                    address,
                    port,
                    timeout=CONNECT_TIMEOUT_S,
                    local_address=local_address,
                    socket_options=socket_options,
                )
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


class _Connections:
    """Connections by origin. The one that was used last is used next, so that those that are not needed grow old.

    The library's own pool asks the system about each of its connections at every request, which 16 of them feel.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, context: ssl.SSLContext) -> None:
        self._network = network
        self._context = context
        self._idle: dict[str, list[httpcore.AsyncHTTPConnection]] = {}
        self._idle_count = 0

    async def exchange(self, request: httpcore.Request, max_answer_bytes: int) -> OutboundAnswer:
        """Send a request and read its whole answer."""
        key = str(request.url.origin)
        connection = await self._take(key) or self._new(request.url.origin)
        try:
            answer = await connection.handle_async_request(request)
            try:
                body = await _read(answer, max_answer_bytes)
            finally:
                await answer.aclose()
        except BaseException:
            await connection.aclose()
            raise
        await self._give_back(key, connection)
        return OutboundAnswer(answer.status, tuple((_text(k), _text(v)) for k, v in answer.headers), body)

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        idle, self._idle, self._idle_count = self._idle, {}, 0
        for connections in idle.values():
            for connection in connections:
                await connection.aclose()

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
        if not connection.is_idle():
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
        for connection in expired:
            await connection.aclose()


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
