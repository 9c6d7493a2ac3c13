"""HTTP itself, on both ports: encodings, heads, lengths and half requests."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import time

import pytest
from tests.end_to_end.bad_input.hostile import LEAKS, connect, read_answer

UNREAD_BYTES = 1 << 30


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(gzip.compress(b"{}"), 200, None, id="gzip"),
        pytest.param(b"x", 400, "SerializationException", id="no gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], 400, "SerializationException", id="cut off"),
        pytest.param(gzip.compress(b"{}") + b"x", 400, "SerializationException", id="something behind"),
        pytest.param(gzip.compress(b"") * 1000, 400, "SerializationException", id="a thousand members"),
        pytest.param(gzip.compress(bytes(64 << 20), 1), 413, "RequestEntityTooLargeException", id="bomb"),
    ],
)
def test_content_encoding(caller, body, status, code):
    started = time.monotonic()
    answer = caller.logs("DescribeLogGroups", body, {"content-encoding": "gzip"})
    assert answer.status == status
    assert code is None or answer.error[0] == code
    assert time.monotonic() - started < 2


PORTS = pytest.mark.parametrize("port", ["service", "gateway"])


def open_port(server, port: str) -> socket.socket:
    return connect(server.service_port if port == "service" else server.gateway_port, tls=port == "gateway")


REFUSED = (400, 403, 404)


@PORTS
@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(b"GET /health HTTP/1.0\r\n\r\n", (200,), id="HTTP/1.0"),
        pytest.param(b"GET http://other/health HTTP/1.1\r\nHost: a\r\n\r\n", (200,), id="absolute target"),
        pytest.param(b"GET /x HTTP/1.1\r\n\r\n", REFUSED, id="no host"),
        pytest.param(b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", REFUSED, id="two hosts"),
        pytest.param(b"PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="another method"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="no method"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="asterisk"),
        pytest.param(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="connect"),
        pytest.param(b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="traversal"),
        pytest.param(b"GET /%2e%2e%2f%c0%af%00%zz% HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="escapes"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="raw bytes"),
        pytest.param(b"\x16\x03\x01 garbage\r\n\r\n", REFUSED, id="no HTTP"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", REFUSED, id="length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            REFUSED,
            id="two lengths",
        ),
        pytest.param(
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", REFUSED, id="upgrade"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000, (431,), id="a header without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200_000, (431,), id="headers without end"),
    ],
)
def test_odd_http(server, port, request_bytes, statuses):
    with open_port(server, port) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request_bytes)
        answer = read_answer(connection)
    assert answer.status in statuses
    assert not LEAKS.search(answer.body)


@PORTS
def test_pipelined_requests_are_answered_in_order(server, port):
    with open_port(server, port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 20 + b"GET / HTTP/1.0\r\n\r\n")
        got = b""
        while piece := connection.recv(65536):
            got += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", got)[:20] == [b"200"] * 20


@PORTS
@pytest.mark.parametrize("form", ["length", "chunks"])
def test_a_body_over_the_limit_is_not_read(server, port, form):
    header = b"Content-Length: %d" % UNREAD_BYTES if form == "length" else b"Transfer-Encoding: chunked"
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    sent = 0
    with open_port(server, port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n\r\n")
        if form == "chunks":
            with contextlib.suppress(OSError):
                # The larger of the two limits, and what lies in buffers.
                while sent < 14 << 20:
                    connection.sendall(piece)
                    sent += len(piece)
        assert read_answer(connection).status == 413
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while sent < UNREAD_BYTES:
                connection.sendall(piece)
                sent += len(piece)
    assert sent < UNREAD_BYTES
    assert time.monotonic() - started < 5


def test_half_requests_hold_nobody_up(server):
    with contextlib.ExitStack() as held:
        for number in range(100):
            port = ("service", "gateway")[number % 2]
            held.enter_context(open_port(server, port)).sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Le")
        started = time.monotonic()
        assert server.healthy()
        assert server.get("/health").status == 200
        assert time.monotonic() - started < 2


def test_form_fields_that_are_none(caller):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body, code in [
        (b"Action=Nope&Version=2010-05-08", b"InvalidAction"),
        (b"Action=GetUser&Version=2010-05-08&UserName=%ff", b"MalformedInput"),
        (b"Action=GetUser&Version=2010-05-08&UserName=%00%0b", b"ValidationError"),
        (b"Action=ListUsers&Version=2010-05-08&MaxItems=1e3", b"MalformedInput"),
        (b"Action=CreateUser&UserName=z&Tags.member.x.Key=a", b"MalformedInput"),
        (b"Action=GetUser&" + b"a=b&" * 100_000, b"MalformedInput"),
    ]:
        answer = caller.send(body, headers, service="iam")
        assert 400 <= answer.status < 500
        assert b"<Code>%s</Code>" % code in answer.body
