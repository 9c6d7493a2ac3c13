"""Answers as they are on the wire."""

from __future__ import annotations

import pytest
from tests.http_protocol.connected import GET, GET_1_0, Connection, echo_length

from groundwatch.aws.http import WireResponse


@pytest.mark.parametrize(
    ("request_bytes", "status", "headers", "written", "closed"),
    [
        pytest.param(GET, 200, [], b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", False, id="length"),
        pytest.param(GET, 200, [("X", "a\tb")], b"200 OK\r\nx: a\tb\r\ncontent-length: 2\r\n\r\nab", False, id="tab"),
        pytest.param(GET, 200, [("x", "\xe9")], b"x: \xc3\xa9\r\ncontent-length: 2\r\n\r\nab", False, id="UTF-8"),
        pytest.param(
            GET, 200, [("Content-Length", "9"), ("Transfer-Encoding", "chunked")],
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", False, id="framing is the connection's",
        ),
        pytest.param(GET.replace(b"GET", b"HEAD"), 200, [], b"content-length: 2\r\n\r\n", False, id="HEAD"),
        pytest.param(GET, 204, [], b"HTTP/1.1 204 No Content\r\n\r\n", False, id="no content"),
        pytest.param(GET, 304, [], b"HTTP/1.1 304 Not Modified\r\n\r\n", False, id="not modified"),
        pytest.param(GET, 599, [], b"HTTP/1.1 599 \r\ncontent-length: 2\r\n\r\nab", False, id="a status of its own"),
        pytest.param(
            GET, 200, [("Connection", "Close, x")],
            b"content-length: 2\r\nconnection: close\r\n\r\nab", True, id="the application ends it",
        ),
        pytest.param(
            GET, 200, [("Connection", "x")], b"200 OK\r\ncontent-length: 2\r\n\r\nab", False, id="another wish",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, [],
            b"content-length: 2\r\nconnection: close\r\n\r\nab", True, id="the client ends it",
        ),
        pytest.param(GET_1_0, 200, [], b"content-length: 2\r\nconnection: close\r\n\r\nab", True, id="HTTP/1.0"),
    ],
)  # fmt: skip
async def test_answers_are_framed(request_bytes, status, headers, written, closed):
    async def app(_exchange):
        return WireResponse(status, tuple(headers), b"ab")

    connection = Connection(app)
    connection.send(request_bytes)
    await connection.settle()
    assert connection.wire.written.endswith(written)
    assert connection.wire.writes == 1
    assert connection.has_left() == closed


async def test_default_headers_come_first():
    connection = Connection(echo_length)
    connection.server.default_headers = [(b"date", b"today")]
    connection.send(GET)
    await connection.settle()
    assert connection.wire.written == b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 1\r\n\r\n0"
