"""How bodies are read and answers sent."""

from __future__ import annotations

import asyncio

import pytest
from tests.http_protocol.connected import GET, GET_1_0, HEAD, Connection, Frames, echo_length, refuse_at_once, streaming

from groundwatch.aws.http import WireResponse
from groundwatch.http_protocol.exchange import MAX_JOINED_BYTES
from groundwatch.http_protocol.framing import MAX_NAME_CHARACTERS


async def test_a_head_without_a_body_yet_does_not_wait_for_it():
    frames = Frames(b"ok", b"", b"on")
    connection = Connection(streaming(frames))
    connection.send(GET)
    await connection.settle()
    head = connection.wire.written
    assert head == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    frames.more.release()
    await connection.settle()
    assert connection.wire.written == head + b"2\r\nok\r\n"
    for _ in range(3):
        frames.more.release()
    await connection.settle()
    assert connection.wire.written == head + b"2\r\nok\r\n2\r\non\r\n0\r\n\r\n"
    assert (connection.wire.closed, frames.closed) == (False, True)


async def test_a_stream_that_fails_is_cut_off():
    frames = Frames(b"ok", ValueError("x"))
    connection = Connection(streaming(frames))
    connection.send(GET)
    frames.more.release()
    frames.more.release()
    await connection.settle()
    assert connection.wire.written.endswith(b"2\r\nok\r\n")
    assert (connection.wire.closed, frames.closed) == (True, True)


async def test_old_clients_get_streams_without_chunks():
    frames = Frames(b"ok")
    connection = Connection(streaming(frames))
    connection.send(GET_1_0)
    frames.more.release()
    frames.more.release()
    await connection.settle()
    assert connection.wire.written == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nok"
    assert connection.wire.closed


async def test_nobody_is_read_frames_of_a_stream_for_its_head():
    frames = Frames(b"ok")
    connection = Connection(streaming(frames))
    connection.send(GET.replace(b"GET", b"HEAD"))
    await connection.settle()
    assert connection.wire.written.endswith(b"\r\n\r\n")
    assert (frames.parts, frames.closed) == ([b"ok"], True)


@pytest.mark.parametrize("size", [0, MAX_JOINED_BYTES, MAX_JOINED_BYTES + 1, 1_000_000])
async def test_head_and_body_go_out_together(size):
    async def app(_exchange):
        return WireResponse(200, (), b"." * size)

    connection = Connection(app)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.settle()
    head, _, body = connection.wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"." * size
    assert connection.wire.writes == 1


async def fail(_exchange):
    raise ZeroDivisionError


def answering(*headers, status=200):
    async def app(_exchange):
        return WireResponse(status, headers, b"")

    return app


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(answering(("x", "a\nb: c")), id="a value that is several headers"),
        pytest.param(answering(("x\n", "")), id="a name that is two lines"),
        pytest.param(answering(("x: y", "")), id="a name that is a header"),
        pytest.param(answering(("", "a")), id="no name"),
        pytest.param(answering(("x" * (MAX_NAME_CHARACTERS + 1), "a")), id="a name that is not worth remembering"),
        pytest.param(answering(status=600), id="a status that is none"),
        pytest.param(fail, id="an error"),
    ],
)
async def test_a_request_without_an_answer_is_told_so(app):
    connection = Connection(app)
    connection.send(GET)
    await connection.settle()
    head, _, body = connection.wire.written.partition(b"\r\n\r\n")
    assert head.splitlines() == [
        b"HTTP/1.1 500 Internal Server Error", b"content-type: text/plain; charset=utf-8", b"content-length: 21",
        b"connection: close",
    ]  # fmt: skip
    assert (body, connection.wire.closed) == (b"Internal Server Error", True)


@pytest.mark.parametrize(
    ("rest", "written"),
    [
        pytest.param([b"abc"], b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", id="who waits is told"),
        pytest.param([], b"HTTP/1.1 200 OK", id="who does not wait is not"),
    ],
)
async def test_clients_may_ask_before_they_send(rest, written):
    connection = Connection(echo_length)
    head = HEAD + b"content-length: 3\r\nexpect: 100-Continue\r\n\r\n"
    connection.send(head if rest else head + b"abc")
    await connection.settle()
    connection.send(*rest)
    await connection.settle()
    assert connection.wire.written.startswith(written)


async def test_clients_of_old_get_one_answer_whatever_they_expect():
    connection = Connection(echo_length)
    connection.send(b"POST / HTTP/1.0\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
    await connection.settle()
    connection.send(b"abc")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 200 OK")


async def test_clients_that_ask_are_refused_without_a_word_to_go_on():
    connection = Connection(refuse_at_once)
    connection.send(HEAD + b"content-length: 3\r\nexpect: 100-continue\r\n\r\n")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 413")


async def test_bodies_wait_until_they_are_read():
    reads = asyncio.Event()

    async def app(exchange):
        await reads.wait()
        return await echo_length(exchange)

    connection = Connection(app)
    connection.send(HEAD + b"content-length: 300000\r\n\r\n")
    await connection.settle()
    for _ in range(2):
        connection.send(b"." * 60_000)
    assert connection.wire.paused
    reads.set()
    await connection.settle()
    assert not connection.wire.paused
    connection.send(*[b"." * 60_000] * 3)
    await connection.settle()
    assert connection.wire.written.endswith(b"\r\n\r\n300000")


async def test_bodies_that_nobody_reads_do_not_hold_up_the_next_request():
    async def app(_exchange):
        return WireResponse(200, (), b"")

    connection = Connection(app)
    connection.send(HEAD + b"content-length: 300000\r\n\r\n" + b"." * 100_000)
    await connection.settle()
    for _ in range(2):
        assert not connection.wire.paused
        connection.send(b"." * 100_000)
    connection.send(GET)
    await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 200") == 2


async def test_answers_wait_for_clients_that_do_not_read():
    connection = Connection(echo_length)
    connection.protocol.pause_writing()
    connection.send(GET)
    await connection.settle()
    assert connection.wire.written == b""
    connection.protocol.resume_writing()
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 200")


async def test_a_client_that_leaves_is_told_to_who_works_for_it():
    seen = []

    async def app(exchange):
        await exchange.left()
        seen.append("left")
        return WireResponse(200, (), b"")

    connection = Connection(app)
    connection.send(GET, GET)
    await connection.settle()
    connection.protocol.connection_lost(None)
    await connection.settle()
    assert (seen, connection.wire.written, connection.server.connections) == (["left"], b"", set())
