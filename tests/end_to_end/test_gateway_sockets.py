"""What comes over the gateway's sockets that is no request, or pretends to be one: refused at once, nothing kept."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.bad_input.hostile import connect
from tests.live import RunningServer

MOCK = {
    "type": "mock",
    "passthroughBehavior": "when_no_templates",
    "requestTemplates": {"application/json": '{"statusCode":200,"a":"$input.path(\'$.a\').length()"}'},
    "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "ok"}}},
}
OPERATION = {"responses": {"200": {"description": ""}}, "x-amazon-apigateway-integration": MOCK}
DEFINITION = {
    "openapi": "3.0.1",
    "info": {"title": "sockets", "version": "1"},
    "x-amazon-apigateway-minimum-compression-size": 10_000_000,
    "paths": {"/{proxy+}": {"x-amazon-apigateway-any-method": OPERATION}},
}
LIMIT = 10 * 1024 * 1024
GROWTH_BYTES = 150 * 1024 * 1024
"""What allocators keep, whatever is done: far below what the payloads of these tests have together."""
NO_HTTP = (400, b"Invalid HTTP request received.")
OK = (200, b"ok")
NO_JSON = (400, b'{"message": "Invalid JSON in request body"}')
NO_BODY = (400, b'{"message": "Invalid request body"}')
HEADERS_TOO_LARGE = (431, b"")
TOO_LONG = (413, b'{"message":"Request Too Long"}')


class Door:
    """A gateway port with one API that takes anything below `path`."""

    def __init__(self, server: RunningServer, *, tls: bool) -> None:
        self.server, self.tls = server, tls
        apis = server.client("apigateway")
        api = apis.import_rest_api(body=json.dumps(DEFINITION))["id"]
        apis.create_deployment(restApiId=api, stageName="t")
        self.path = f"/{api}/t/x".encode()

    def open(self) -> socket.socket:
        return connect(self.server.gateway_port, tls=self.tls)

    def request(self, head: bytes = b"", body: bytes = b"", line: bytes = b"POST %s HTTP/1.1") -> bytes:
        lines = (line.replace(b"%s", self.path), b"Host: a", b"Content-Type: application/json", head)
        return b"\r\n".join(held for held in lines if held) + b"\r\n\r\n" + body

    def ask(self, request: bytes) -> tuple[int, bytes]:
        with self.open() as connection:
            # Who is refused early may not get rid of all that it wants to say.
            with contextlib.suppress(OSError):
                connection.sendall(request)
            return answer_of(connection)

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def is_well(self) -> None:
        """Check that the next client is served at once."""
        started = time.monotonic()
        assert self.ask(self.request(b"Content-Length: 2", b"{}")) == OK
        assert time.monotonic() - started < 10


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the first final answer; 0 when there is none."""
    got = b""
    with contextlib.suppress(OSError):
        while True:
            head, found, body = got.partition(b"\r\n\r\n")
            if found and head.startswith(b"HTTP/1.1 100"):
                got = body
                continue
            length = re.search(rb"content-length: (\d+)", head.lower())
            if found and len(body) >= (int(length[1]) if length else 0):
                return int(head.split()[1]), body
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
    return 0, got


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Iterator[Door]:
    running = RunningServer(tmp_path_factory.mktemp("plain") / "data", "--tls", "off").start()
    yield Door(running, tls=False)
    assert running.stop() == 0
    assert "Traceback" not in running.output.read_text()


@pytest.fixture(scope="module")
def secure(server) -> Iterator[Door]:
    yield Door(server, tls=True)
    assert "Traceback" not in server.output.read_text()


@pytest.fixture(params=["plain", "secure"])
def door(request) -> Door:
    return request.getfixturevalue(request.param)


def gzip_bomb(size_mb: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(size_mb)), packer.flush()])


CHUNKED = b"Transfer-Encoding: chunked"
HEADS = [
    # head, body, what the client is told
    pytest.param(CHUNKED, b"zz\r\na\r\n", NO_HTTP, id="a chunk's length that is none"),
    pytest.param(CHUNKED, b"-1\r\na\r\n", NO_HTTP, id="a chunk's length below zero"),
    pytest.param(CHUNKED, b"f" * 17 + b"\r\na\r\n", NO_HTTP, id="a chunk's length beyond 64 bits"),
    pytest.param(CHUNKED, b"2\r\nabc\r\n0\r\n\r\n", NO_HTTP, id="a chunk longer than it says"),
    pytest.param(CHUNKED, b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", OK, id="a trailer"),
    pytest.param(CHUNKED, b"2;a=b\r\n{}\r\n0\r\n\r\n", OK, id="a chunk extension"),
    pytest.param(CHUNKED + b"\r\nContent-Length: 2", b"0\r\n\r\n", NO_HTTP, id="length and chunks"),
    pytest.param(b"Content-Length: 2\r\n" + CHUNKED, b"0\r\n\r\n", NO_HTTP, id="chunks and length"),
    pytest.param(b"Content-Length: 2\r\nContent-Length: 3", b"{}x", NO_HTTP, id="two lengths"),
    pytest.param(b"Content-Length: 2, 2", b"{}", NO_HTTP, id="a list of lengths"),
    pytest.param(b"Content-Length: +2", b"{}", NO_HTTP, id="a length with a sign"),
    pytest.param(b"Content-Length: -2", b"{}", NO_HTTP, id="a length below zero"),
    pytest.param(b"Content-Length: 2 2", b"{}", NO_HTTP, id="a length with a blank"),
    pytest.param(b"Content-Length: " + b"9" * 30, b"{}", NO_HTTP, id="a length beyond 64 bits"),
    pytest.param(b"Content-Length: 9999999999", b"", TOO_LONG, id="a length beyond the limit"),
    pytest.param(b"Content-Length: 9999999999\r\nExpect: 100-continue", b"", TOO_LONG, id="asked before it is sent"),
    pytest.param(b"Transfer-Encoding: gzip", b"{}", NO_HTTP, id="another coding"),
    pytest.param(b"Transfer-Encoding: chunked, gzip", b"0\r\n\r\n", NO_HTTP, id="chunks inside of a coding"),
    pytest.param(b"Transfer-Encoding: xchunked\r\nContent-Length: 2", b"{}", NO_HTTP, id="almost chunked"),
    pytest.param(b"Transfer-Encoding : chunked", b"0\r\n\r\n", NO_HTTP, id="a blank before the colon"),
    pytest.param(b"X: a\0b", b"", NO_HTTP, id="a NUL"),
    pytest.param(b"X: a\rb", b"", NO_HTTP, id="half a line end"),
    pytest.param(b"X: a\r\n b", b"", NO_HTTP, id="a folded line"),
    pytest.param(b": a", b"", NO_HTTP, id="a header without name"),
    pytest.param(b"X Y: a", b"", NO_HTTP, id="a header name with a blank"),
    pytest.param(b"X\xc3\xa9: a", b"", NO_HTTP, id="a header name beyond ASCII"),
    pytest.param(b"X: \xff\xfe", b"", OK, id="a value that is no text"),
    pytest.param(b"Host: b", b"", (400, b'{"message":"Bad Request"}'), id="two hosts"),
    pytest.param(b"X: " + b"a" * 20_000, b"", HEADERS_TOO_LARGE, id="a long header"),
    pytest.param(b"X: " + b"a" * 100_000, b"", HEADERS_TOO_LARGE, id="a header without end"),
    pytest.param(b"Expect: 100-continue\r\nContent-Length: 2", b"{}", OK, id="a question before the body"),
    pytest.param(b"Upgrade: websocket\r\nConnection: upgrade", b"", OK, id="an upgrade to web sockets"),
    pytest.param(b"Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: A", b"", OK, id="h2c"),
    pytest.param(b"Content-Encoding: gzip\r\nContent-Length: 2", b"{}", NO_BODY, id="no gzip"),
    pytest.param(b"Content-Length: 1000000", b"[" * 1_000_000, NO_JSON, id="deep"),
    pytest.param(b"Content-Length: 1", b"{", NO_JSON, id="half a body"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "body", "expected"), HEADS)
def test_heads_and_bodies(door, head, body, expected):
    status, told = door.ask(door.request(head, body))
    assert (status, told[: len(expected[1])]) == expected


LINES = [
    pytest.param(b"GET http://b.example%s HTTP/1.1", OK, id="the absolute form"),
    pytest.param(b"CONNECT a.example:443 HTTP/1.1", NO_HTTP, id="a tunnel"),
    pytest.param(b"OPTIONS * HTTP/1.1", (403, b'{"message":"Forbidden"}'), id="the server itself"),
    pytest.param(b"PRI * HTTP/2.0", NO_HTTP, id="HTTP/2"),
    pytest.param(b"BREW %s HTTP/1.1", NO_HTTP, id="an unknown method"),
    pytest.param(b"get %s HTTP/1.1", NO_HTTP, id="a method in lower case"),
    pytest.param(b"TRACE %s HTTP/1.1", (403, b'{"message":"Missing Authentication Token"}'), id="a method of no API"),
    pytest.param(b"GET %s HTTP/9.9", NO_HTTP, id="an unknown version"),
    pytest.param(b"GET %s", OK, id="no version"),
    pytest.param(b"GET  HTTP/1.1", NO_HTTP, id="no target"),
    pytest.param(b"GET x HTTP/1.1", NO_HTTP, id="a target without slash"),
    pytest.param(b"GET %s x HTTP/1.1", NO_HTTP, id="a blank in the target"),
    pytest.param(b"GET %s\xc3\xa9 HTTP/1.1", NO_HTTP, id="a target beyond ASCII"),
    pytest.param(b"GET %s\0 HTTP/1.1", NO_HTTP, id="a NUL in the target"),
    pytest.param(b"GET %s" + b"a" * 20_000 + b" HTTP/1.1", (414, b'{"message":"Request URI too long"}'), id="long"),
    pytest.param(b"GET %s" + b"a" * 70_000 + b" HTTP/1.1", NO_HTTP, id="longer"),
    *(
        pytest.param(b"GET %s" + odd + b" HTTP/1.1", OK, id=odd.decode())
        for odd in (b"%zz%", b"%00", b"%ff%fe", b"/%2e%2e/%2e%2e", b"//y//", b";a=b", b"/..\\y", b"?a=%&=&&;", b"#x")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_request_lines(door, line, expected):
    status, told = door.ask(door.request(line=line))
    assert (status, told[: len(expected[1])]) == expected


@pytest.mark.parametrize("form", ["length", "chunks"])
@pytest.mark.parametrize(("size", "expected"), [(LIMIT, OK), (LIMIT + 1, TOO_LONG)], ids=["at the limit", "beyond"])
def test_the_largest_payload(door, form, size, expected):
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    if form == "length":
        request = door.request(b"Content-Length: %d" % size, body)
    else:
        request = door.request(CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (size, body))
    assert door.ask(request) == expected


def test_a_payload_that_unpacks_far_beyond_the_limit(door):
    bomb = gzip_bomb(256)
    before = door.memory_bytes()
    for _ in range(5):
        assert door.ask(door.request(b"Content-Encoding: gzip\r\nContent-Length: %d" % len(bomb), bomb)) == TOO_LONG
    assert door.memory_bytes() - before < GROWTH_BYTES


def test_many_payloads_that_never_end(door):
    """Together they would hold 600 MB; they get room for 256, and others are served meanwhile."""
    before = door.memory_bytes()
    with contextlib.ExitStack() as held:
        for _ in range(60):
            connection = held.enter_context(door.open())
            with contextlib.suppress(OSError):
                connection.sendall(door.request(b"Content-Length: %d" % LIMIT, bytes(LIMIT - 1)))
        door.is_well()
        assert door.memory_bytes() - before < (256 << 20) + GROWTH_BYTES
    door.is_well()


def test_answers_that_nobody_reads(door):
    request = door.request(b"Content-Length: 2", b"{}")
    with contextlib.ExitStack() as held:
        for _ in range(20):
            connection = held.enter_context(door.open())
            connection.settimeout(0.2)
            with contextlib.suppress(OSError):
                for _ in range(50):
                    connection.sendall(request * 100)
        door.is_well()


def test_clients_that_send_half_and_stop_reading(door):
    with contextlib.ExitStack() as held:
        for number in range(60):
            connection = held.enter_context(door.open())
            connection.sendall(door.request(b"Content-Length: 9", b"{")[: 20 + number])
            if not door.tls:
                connection.shutdown(socket.SHUT_WR)
        door.is_well()


def noise(door: Door, chance: random.Random) -> bytes:
    """Return bytes that are a request but for some places, or no request at all."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(1, 3000))
    request = bytearray(
        chance.choice([door.request(b"Content-Length: 2", b"{}"), door.request(CHUNKED, b"2\r\n{}\r\n0\r\n\r\n")])
    )
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(request))
        kind = chance.random()
        if kind < 0.4:
            request[place] = chance.randrange(256)
        elif kind < 0.6:
            del request[place : place + chance.randrange(1, 20)]
        elif kind < 0.8:
            request[place:place] = chance.choice((b"\r\n", b"\0", b" ", b":", b"\xff", b"0", b"\t", b"%", b"\r\n\r\n"))
        else:
            request[place:place] = request[: chance.randrange(1, 60)]
        if not request:
            break
    return bytes(request)


def throw_noise(door: Door, seed: int, count: int) -> None:
    chance = random.Random(seed)
    for _ in range(count):
        sent = noise(door, chance)
        with door.open() as connection:
            connection.settimeout(0.05)
            with contextlib.suppress(OSError):
                connection.sendall(sent)
            status, told = answer_of(connection)
        assert status < 500, (sent, told)


def throw_noise_into_tls(door: Door, seed: int, count: int) -> None:
    """Break handshakes and records."""
    chance = random.Random(seed)
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", door.server.gateway_port), timeout=20) as connection:
            start = chance.choice((b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"))
            with contextlib.suppress(OSError):
                connection.sendall(start + chance.randbytes(chance.randrange(600)))


def test_noise(door):
    throw_noise(door, 1, 100)
    if door.tls:
        throw_noise_into_tls(door, 2, 100)
    door.is_well()


@pytest.mark.soak
def test_noise_for_long(door):
    throw_noise(door, 3, 500)
    before = door.memory_bytes()
    for seed in range(5):
        throw_noise(door, 10 + seed, 1000)
        if door.tls:
            throw_noise_into_tls(door, 10 + seed, 1000)
    door.is_well()
    assert door.memory_bytes() - before < GROWTH_BYTES


@pytest.mark.soak
def test_large_payloads_for_long(door):
    body = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    bomb = gzip_bomb(1024)

    def send(count: int) -> None:
        for _ in range(count):
            assert door.ask(door.request(b"Content-Length: %d" % LIMIT, body)) == OK
            assert door.ask(door.request(b"Content-Length: %d" % (LIMIT + 1), body + b" ")) == TOO_LONG
            assert door.ask(door.request(b"Content-Encoding: gzip\r\nContent-Length: %d" % len(bomb), bomb)) == TOO_LONG

    def send_from_many(count: int) -> None:
        senders = [threading.Thread(target=send, args=(count,)) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    send_from_many(5)
    before = door.memory_bytes()
    send_from_many(30)
    assert door.memory_bytes() - before < GROWTH_BYTES


@pytest.mark.soak
def test_slow_clients_are_ended(door):
    """A head has 30 seconds, however its bytes drip."""
    connections = [door.open() for _ in range(200)]
    started = time.monotonic()
    ended = 0
    while connections and time.monotonic() - started < 60:
        door.is_well()
        for connection in list(connections):
            try:
                connection.sendall(b"G" if time.monotonic() - started < 1 else b"a")
            except OSError:
                connections.remove(connection)
                connection.close()
                ended += 1
        time.sleep(0.5)
    assert not connections
    assert ended == 200
    door.is_well()
