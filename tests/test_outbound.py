"""Where the server connects for its users, and what it takes from there."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.waiting import end, until

from groundwatch.outbound import (
    AnswerTooLargeError,
    OutboundClient,
    OutboundError,
    OutboundRules,
    OutboundTimeoutError,
    RefusedDestinationError,
    network,
    parse_url,
)
from groundwatch.outbound import client as client_module

LOOPBACK = OutboundRules.allowing(["127.0.0.1"])

ADDRESSES = [
    pytest.param("8.8.8.8", True, id="public"),
    pytest.param("2606:4700::1111", True, id="public, IPv6"),
    pytest.param("127.0.0.1", False, id="loopback"),
    pytest.param("127.9.9.9", False, id="loopback, all of it"),
    pytest.param("::1", False, id="loopback, IPv6"),
    pytest.param("0.0.0.0", False, id="this host"),
    pytest.param("::", False, id="this host, IPv6"),
    pytest.param("10.1.2.3", False, id="private"),
    pytest.param("172.31.0.1", False, id="private, middle"),
    pytest.param("192.168.0.1", False, id="private, home"),
    pytest.param("100.64.0.1", False, id="carrier's"),
    pytest.param("169.254.169.254", False, id="link-local: metadata of cloud machines"),
    pytest.param("192.0.0.192", False, id="metadata of older cloud machines, among protocol assignments"),
    pytest.param("::ffff:0:127.0.0.1", False, id="loopback as stateless translation writes it"),
    pytest.param("168.63.129.16", False, id="platform services that have a public address"),
    pytest.param("fd00:ec2::254", False, id="unique local: metadata, IPv6"),
    pytest.param("fe80::1", False, id="link-local, IPv6"),
    pytest.param("fec0::1", False, id="site-local"),
    pytest.param("224.0.0.1", False, id="multicast"),
    pytest.param("ff02::1", False, id="multicast, IPv6"),
    pytest.param("255.255.255.255", False, id="broadcast"),
    pytest.param("240.0.0.1", False, id="reserved"),
    pytest.param("::ffff:127.0.0.1", False, id="mapped loopback"),
    pytest.param("::ffff:8.8.8.8", True, id="mapped public"),
    pytest.param("::127.0.0.1", False, id="compatible loopback"),
    pytest.param("64:ff9b::7f00:1", False, id="translated loopback"),
    pytest.param("64:ff9b::808:808", True, id="translated public"),
    pytest.param("2002:7f00:1::", False, id="6to4"),
    pytest.param("2001:0:7f00:1::", False, id="Teredo"),
]


@pytest.mark.parametrize(("address", "public"), ADDRESSES)
def test_only_public_addresses_are_reached_unless_allowed(address, public):
    assert OutboundRules().permit("example.com", address) is public
    assert OutboundRules(everywhere=True).permit("example.com", address)


ALLOWED = [
    pytest.param("10.0.0.0/8", "x.example", "10.1.2.3", True, id="network"),
    pytest.param("10.0.0.0/8", "x.example", "::ffff:10.1.2.3", True, id="network, mapped address"),
    pytest.param("10.0.0.0/8", "x.example", "192.168.0.1", False, id="another network"),
    pytest.param("127.0.0.1", "x.example", "127.0.0.1", True, id="address"),
    pytest.param("127.0.0.1", "x.example", "127.0.0.2", False, id="the next address"),
    pytest.param("::1", "x.example", "::1", True, id="IPv6 address"),
    pytest.param("backend.internal", "Backend.Internal", "10.0.0.1", True, id="name, in any case"),
    pytest.param("backend.internal", "x.backend.internal", "10.0.0.1", False, id="a name below it"),
]


@pytest.mark.parametrize(("entry", "host", "address", "permitted"), ALLOWED)
def test_the_operator_allows_networks_and_names(entry, host, address, permitted):
    assert OutboundRules.allowing([entry]).permit(host, address) is permitted


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "1.2.3", "http://x", "a b", ""])
def test_an_entry_that_allows_nothing_is_an_error(entry):
    with pytest.raises(ValueError, match="neither an address nor a network nor a host name"):
        OutboundRules.allowing([entry])


URLS = [
    pytest.param("http://a.example", b"http", b"a.example", None, b"/", id="no path"),
    pytest.param("https://a.example:8443/x?y=1#z", b"https", b"a.example", 8443, b"/x?y=1", id="no fragment"),
    pytest.param("http://[::1]:80/", b"http", b"::1", 80, b"/", id="IPv6"),
    pytest.param("http://a.example/a%2Fb/ü", b"http", b"a.example", None, b"/a%2Fb/%C3%BC", id="coded once"),
    pytest.param("http://bücher.example/", b"http", b"xn--bcher-kva.example", None, b"/", id="international name"),
]


@pytest.mark.parametrize(("url", "scheme", "host", "port", "target"), URLS)
def test_url(url, scheme, host, port, target):
    parsed = parse_url(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.target) == (scheme, host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://a.example/", id="another scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("http:///x", id="no host"),
        pytest.param("//a.example/", id="no scheme"),
        pytest.param("http://good.example@evil.example/", id="user information"),
        pytest.param("http://a.example:99999/", id="a port that is none"),
        pytest.param("http://a.example/x y", id="a blank"),
        pytest.param("http://a.example/\r\nX: y", id="a second header line"),
        pytest.param("http://a.example\\@b.example/", id="a backslash"),
        pytest.param("http://[::1/", id="an open bracket"),
        pytest.param(f"http://{'ü' * 300}.example/", id="a name that is too long"),
    ],
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(RefusedDestinationError, match="Invalid endpoint address"):
        parse_url(url)


async def test_the_answer_is_returned_whole_with_its_headers(web_server):
    web_server.headers, web_server.status = (("X-A", "1"), ("x-a", "2")), 418
    async with OutboundClient(LOOPBACK) as client:
        answer = await client.send(
            "POST", f"{web_server.url}/p?q=1", headers=[("X-B", "b"), ("X-B", "c")], body=b"text", timeout_s=5
        )
    assert (answer.status, answer.body) == (418, b'{"ok":true}')
    assert [pair for pair in answer.headers if pair[0].lower() == "x-a"] == [("X-A", "1"), ("x-a", "2")]
    (request,) = web_server.received
    assert (request.method, request.target, request.body) == ("POST", "/p?q=1", b"text")
    assert request.values("x-b") == ["b", "c"]
    assert sorted(name.lower() for name, _ in request.headers) == ["content-length", "host", "x-b", "x-b"]
    assert request.header("host") == f"127.0.0.1:{web_server.port}"


async def test_connections_are_used_again(web_server):
    async with OutboundClient(LOOPBACK) as client:
        for _ in range(3):
            await client.send("GET", web_server.url, timeout_s=5)
    assert (len(web_server.received), web_server.connections) == (3, 1)


async def test_a_connection_that_the_server_has_closed_is_not_used(web_server, answer_bytes):
    async def reply(request):
        return answer_bytes(headers=[("Connection", "close")])

    web_server.reply = reply
    async with OutboundClient(LOOPBACK) as client:
        for _ in range(2):
            assert (await client.send("POST", web_server.url, timeout_s=5)).status == 200
    assert web_server.connections == 2


async def test_idle_connections_are_few_and_do_not_grow_old(make_web_server, monkeypatch):
    monkeypatch.setattr(network, "MAX_IDLE_CONNECTIONS", 1)
    first, second = await make_web_server(), await make_web_server()
    async with OutboundClient(LOOPBACK) as client:
        for server in (first, second, first, second):
            await client.send("GET", server.url, timeout_s=5)
        # The first one's connection waits, so there is no place for the second's.
        assert (first.connections, second.connections) == (1, 2)
    monkeypatch.setattr(network, "IDLE_S", 0.0)
    async with OutboundClient(LOOPBACK) as client:
        for server in (first, second, first, second):
            await client.send("GET", server.url, timeout_s=5)
    assert (first.connections, second.connections) == (3, 4)


async def test_redirects_are_answers(web_server):
    web_server.status, web_server.headers = 302, (("Location", "http://169.254.169.254/latest/meta-data/"),)
    async with OutboundClient(LOOPBACK) as client:
        answer = await client.send("GET", web_server.url, timeout_s=5)
    assert (answer.status, len(web_server.received)) == (302, 1)


async def test_proxies_of_the_environment_are_not_used(web_server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with OutboundClient(LOOPBACK) as client:
        assert (await client.send("GET", web_server.url, timeout_s=5)).status == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1", "0", "[::ffff:127.0.0.1]", "localhost."],
)
async def test_loopback_in_any_spelling_is_refused(host, web_server):
    async with OutboundClient(OutboundRules()) as client:
        with pytest.raises(OutboundError) as caught:
            await client.send("GET", f"http://{host}:{web_server.port}/", timeout_s=5)
    assert web_server.connections == 0
    # A spelling that this system does not resolve at all is as good.
    assert isinstance(caught.value, RefusedDestinationError) or "cannot be resolved" in str(caught.value)


async def test_a_name_with_one_private_address_is_refused_altogether(web_server):
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    async with OutboundClient(OutboundRules(), resolve=resolve) as client:
        with pytest.raises(RefusedDestinationError, match=r"has the address 127\.0\.0\.1, which is not public"):
            await client.send("GET", f"http://rebinding.example:{web_server.port}/", timeout_s=5)
    assert web_server.connections == 0


async def test_a_name_that_changes_between_check_and_connection_gains_nothing(web_server):
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    async with OutboundClient(LOOPBACK, resolve=resolve) as client:
        url = f"http://rebinding.example:{web_server.port}/"
        # Connected to the address that was checked: there is no second look-up before the connection is made.
        assert (await client.send("GET", url, headers=[("Connection", "close")], timeout_s=5)).status == 200
        assert asked == ["rebinding.example"]
        with pytest.raises(RefusedDestinationError):
            await client.send("GET", url, timeout_s=5)
    assert web_server.received[0].header("host") == f"rebinding.example:{web_server.port}"


async def test_the_next_address_is_tried(web_server):
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with OutboundClient(OutboundRules.allowing(["127.0.0.0/8"]), resolve=resolve) as client:
        assert (await client.send("GET", f"http://two.example:{web_server.port}/", timeout_s=5)).status == 200


async def test_an_address_that_takes_no_connection_does_not_hold_up_the_next(web_server, monkeypatch):
    connect = httpcore.AnyIOBackend.connect_tcp

    async def slow(self, host, *arguments, **options):
        if host == "127.0.0.2":
            assert options["timeout"] == network.CONNECT_TIMEOUT_S
            raise httpcore.ConnectTimeout
        return await connect(self, host, *arguments, **options)

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"] if host == "two.example" else ["127.0.0.2"]

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", slow)
    async with OutboundClient(OutboundRules.allowing(["127.0.0.0/8"]), resolve=resolve) as client:
        assert (await client.send("GET", f"http://two.example:{web_server.port}/", timeout_s=5)).status == 200
        with pytest.raises(OutboundError, match=r"127\.0\.0\.2 does not take the connection"):
            await client.send("GET", f"http://one.example:{web_server.port}/", timeout_s=5)


async def test_an_answer_that_is_too_large_is_not_read(web_server):
    web_server.body = b"x" * 1001
    async with OutboundClient(LOOPBACK, max_answer_bytes=1000) as client:
        with pytest.raises(AnswerTooLargeError):
            await client.send("GET", web_server.url, timeout_s=5)
        web_server.body = b"x" * 1000
        assert len((await client.send("GET", web_server.url, timeout_s=5)).body) == 1000


async def test_an_answer_without_end_is_given_up(web_server):
    async def reply(request):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n"

    web_server.reply = reply
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundTimeoutError, match="no answer within 50 ms"):
            await client.send("GET", web_server.url, timeout_s=0.05)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="closed without an answer"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="a length that is none"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", id="headers without end"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", id="an upgrade that nobody asked for"),
    ],
)
async def test_what_is_no_answer(answer, web_server):
    async def reply(request):
        return answer

    web_server.reply = reply
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundError):
            await client.send("GET", web_server.url, timeout_s=5)


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("POST", 1)])
async def test_only_what_changes_nothing_is_sent_again(method, sent, web_server, answer_bytes):
    async def reply(request):
        return answer_bytes() if len(web_server.received) == 2 else None

    web_server.reply = reply
    async with OutboundClient(LOOPBACK) as client:
        sending = client.send(method, web_server.url, timeout_s=5)
        if sent == 1:
            with pytest.raises(OutboundError):
                await sending
        else:
            assert (await sending).status == 200
    assert len(web_server.received) == sent


async def test_nobody_listens(web_server):
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundError, match="ConnectError"):
            await client.send("GET", "http://127.0.0.1:1/", timeout_s=5)


async def test_cancelling_ends_the_connection_and_leaves_the_pool_usable(web_server):
    arrived = asyncio.Event()

    async def reply(request):
        arrived.set()
        await asyncio.Event().wait()

    web_server.reply = reply
    async with OutboundClient(LOOPBACK) as client:
        sending = asyncio.ensure_future(client.send("GET", web_server.url, timeout_s=30))
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(web_server.dropped.wait(), 5)
        web_server.reply = None
        assert (await client.send("GET", web_server.url, timeout_s=5)).status == 200


@asynccontextmanager
async def listening(
    answer: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> AsyncIterator[tuple[int, set[asyncio.StreamWriter]]]:
    """A server, which answers a path or never, and its connections that the client has not closed."""
    open_connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(writer)
        try:
            while request := await reader.read(65536):
                if answer is not None:
                    writer.write(await answer(request.split()[1]))
        finally:
            open_connections.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], open_connections
    finally:
        await end(server)


async def test_a_handshake_that_never_ends_is_closed_with_the_deadline():
    async with listening() as (port, open_connections), OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundTimeoutError):
            await client.send("GET", f"https://127.0.0.1:{port}/", timeout_s=0.2)
        await until(lambda: not open_connections)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_wherever_a_call_is_cancelled_its_connection_is_closed(scheme):
    async with listening() as (port, open_connections), OutboundClient(LOOPBACK) as client:
        for turns in range(60):
            sending = asyncio.ensure_future(client.send("GET", f"{scheme}://127.0.0.1:{port}/", timeout_s=30))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await until(lambda: not open_connections)


async def test_connections_of_forgotten_identities_are_closed(monkeypatch):
    monkeypatch.setattr(client_module, "MAX_IDENTITIES", 1)
    arrived, forgotten = asyncio.Event(), asyncio.Event()

    async def answer(path: bytes) -> bytes:
        if path == b"/slow":
            arrived.set()
            await forgotten.wait()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    first, second = ssl.create_default_context(), ssl.create_default_context()
    async with listening(answer) as (port, open_connections), OutboundClient(LOOPBACK) as client:
        url = f"http://127.0.0.1:{port}/"
        slow = asyncio.ensure_future(client.send("GET", url + "slow", timeout_s=5, presenting=first))
        await arrived.wait()
        await client.send("GET", url, timeout_s=5, presenting=first)
        assert len(open_connections) == 2
        await client.send("GET", url, timeout_s=5, presenting=second)
        forgotten.set()
        await slow
        await until(lambda: len(open_connections) == 1)


async def test_wherever_a_call_is_cancelled_it_leaves_no_old_connection_open(monkeypatch):
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def answer(path: bytes) -> bytes:
        if path == b"/old":
            await together.wait()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async with listening(answer) as (port, open_connections):
        for turns in range(40):
            monkeypatch.undo()
            client, together = OutboundClient(LOOPBACK, resolve=resolve), asyncio.Barrier(3)
            old, new = f"http://127.0.0.1:{port}/old", f"http://localhost:{port}/new"
            await asyncio.gather(*(client.send("GET", old, timeout_s=5) for _ in range(3)))
            assert len(open_connections) == 3
            monkeypatch.setattr(network, "MAX_IDLE_CONNECTIONS", 3)
            monkeypatch.setattr(httpcore.AsyncHTTPConnection, "has_expired", lambda _: True)
            sending = asyncio.ensure_future(client.send("GET", new, timeout_s=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await client.close()
            await until(lambda: not open_connections)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate of nobody's for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


async def test_certificates_are_verified_unless_told_otherwise(certificate, make_web_server):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await make_web_server(context)
    async with OutboundClient(LOOPBACK) as client:
        with pytest.raises(OutboundError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.send("GET", server.url, timeout_s=5)
        assert (await client.send("GET", server.url, timeout_s=5, verify=False)).status == 200
        # The lenient connection is not taken by a strict request.
        with pytest.raises(OutboundError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.send("GET", server.url, timeout_s=5)
