"""What one connection may send without getting on with its request, and how it is left."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from tests.exchanges import Wire
from uvicorn.server import ServerState

from groundwatch.aws.http import WireResponse, WireStream
from groundwatch.begun import in_task
from groundwatch.http_protocol.connection import MAX_PIPELINED, Patience, protocol_of
from groundwatch.http_protocol.exchange import MAX_JOINED_BYTES

PATIENCE = Patience(stalled_bytes=1000, head_s=30, body_s=300, unread_s=60, farewell_s=1)
HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


class Timer:
    def __init__(self, seconds, action):
        self.seconds, self.action, self.cancelled = seconds, action, False

    def cancel(self):
        self.cancelled = True


class Clock:
    """The part of an event loop that the protocol uses, without time."""

    def __init__(self):
        self.timers = []
        self.now_s = 0.0
        self.create_task = asyncio.get_running_loop().create_task
        self.call_soon = asyncio.get_running_loop().call_soon

    def call_later(self, seconds, action):
        self.timers.append(Timer(seconds, action))
        return self.timers[-1]

    def time(self):
        return self.now_s

    def waiting(self):
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def pass_by(self, seconds):
        for timer in [timer for timer in self.timers if not timer.cancelled and timer.seconds <= seconds]:
            timer.cancel()
            timer.action()


class Connection:
    def __init__(self, app, limit=None):
        self.clock, self.wire = Clock(), Wire()
        self.server = ServerState()
        config = uvicorn.Config(None, log_config=None, timeout_keep_alive=75, limit_concurrency=limit)
        self.protocol = protocol_of(app, PATIENCE)(
            config=config, server_state=self.server, app_state={}, _loop=self.clock
        )
        self.protocol.connection_made(self.wire)

    def send(self, *pieces):
        for piece in pieces:
            if not self.has_left():
                self.protocol.data_received(piece)

    def has_left(self):
        """Tell whether nothing more is read, for good or until the connection is cut off."""
        return self.wire.closed or (self.wire.paused and PATIENCE.farewell_s in self.clock.waiting())

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)


async def echo_length(exchange):
    return WireResponse(200, (), str(len(await exchange.read(1_000_000))).encode())


async def echo_later(exchange):
    await asyncio.sleep(0)
    return await echo_length(exchange)


async def refuse_at_once(_exchange):
    return WireResponse(413, (("Connection", "close"),), b"")


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        pytest.param([HEAD, *[b"a: " + b"b" * 400 + b"\r\n"] * 10], b"431", id="headers without end"),
        pytest.param([HEAD, b"a: ", *[b"b" * 400] * 10], b"431", id="one header without end"),
        pytest.param([b"GET /", *[b"a" * 400] * 10], b"431", id="a path without end"),
        pytest.param([b"\r\n" * 200] * 10, b"431", id="nothing but line ends"),
        pytest.param([CHUNKED, b"1\r\na\r\n", b"0\r\n", *[b"a: b\r\n" * 50] * 10], b"431", id="trailers without end"),
        pytest.param([CHUNKED, b"0\r\na: ", *[b"b" * 400] * 10], b"431", id="one trailer without end"),
        pytest.param([CHUNKED, b"1;", *[b"b" * 400] * 10], b"431", id="a chunk extension without end"),
    ],
)
async def test_bytes_that_lead_nowhere_end_the_connection(pieces, status):
    connection = Connection(echo_length)

    connection.send(*pieces)

    assert connection.wire.written.startswith(b"HTTP/1.1 " + status)
    assert connection.has_left()


@pytest.mark.parametrize(
    ("pieces", "size"),
    [
        pytest.param([HEAD + b"content-length: 4000\r\n\r\n", *[b"a" * 400] * 10], b"4000", id="a long body"),
        pytest.param([CHUNKED, *[b"1\r\na\r\n"] * 2000, b"0\r\n\r\n"], b"2000", id="many small chunks"),
        pytest.param([CHUNKED, b"0\r\na: b\r\n\r\n"], b"0", id="a trailer"),
        pytest.param([HEAD[:9], HEAD[9:] + b"content-length: 0\r\n\r\n"], b"0", id="a head in two pieces"),
    ],
)
async def test_requests_that_get_on_are_answered(pieces, size):
    connection = Connection(echo_length)

    connection.send(*pieces)
    await connection.settle()

    assert connection.wire.written.startswith(b"HTTP/1.1 200")
    assert connection.wire.written.endswith(b"\r\n\r\n" + size)
    assert connection.wire.writes == 1, "head and body go out together"
    assert connection.clock.waiting() == [75], "only the keep-alive timer is left"


class Frames:
    """The parts of an answer, each of which waits until it is asked for."""

    def __init__(self, *parts):
        self.parts, self.more, self.closed = list(parts), asyncio.Semaphore(0), False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self.more.acquire()
        if not self.parts:
            raise StopAsyncIteration
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    async def aclose(self):
        self.closed = True


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_1_0 = b"GET / HTTP/1.0\r\n\r\n"


def streaming(frames):
    async def app(_exchange):
        return WireStream(200, (("content-type", "text/plain"),), frames)

    return app


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


@pytest.mark.parametrize(("limit", "status"), [(1, b"503"), (2, b"200")])
async def test_connections_beyond_the_limit_are_turned_away(limit, status):
    connection = Connection(echo_length, limit)
    connection.send(GET)
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 " + status)
    assert connection.wire.closed == (status == b"503")


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


@pytest.mark.parametrize("answered", [False, True])
async def test_what_is_no_http_is_refused_behind_what_came_before_it(answered):
    go = asyncio.Event()

    async def app(exchange):
        await go.wait()
        return await echo_length(exchange)

    connection = Connection(app)
    connection.send(GET)
    await connection.settle()
    if answered:
        go.set()
        await connection.settle()
    connection.send(b"no http\r\n\r\n")
    go.set()
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 200")
    assert connection.wire.written.count(b"HTTP/1.1 400") == 1
    assert connection.has_left()


async def test_a_body_that_turns_out_to_be_none_is_refused_once():
    connection = Connection(echo_length)
    connection.send(CHUNKED)
    await connection.settle()
    connection.send(b"x\r\n")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 400")
    assert connection.wire.written.count(b"HTTP/1.1") == 1
    assert connection.has_left()


@pytest.mark.parametrize(
    ("used_at_s", "fires_at_s", "closed", "next_s"),
    [
        pytest.param([0], 75, True, [], id="rested"),
        pytest.param([0, 30], 75, False, [30], id="used since"),
        pytest.param([0, 75], 75, False, [75], id="used just now"),
    ],
)
async def test_a_connection_is_closed_when_it_has_rested(used_at_s, fires_at_s, closed, next_s):
    connection = Connection(echo_length)
    for at_s in used_at_s:
        connection.clock.now_s = at_s
        connection.send(HEAD + b"content-length: 0\r\n\r\n")
        await connection.settle()
    connection.clock.now_s = fires_at_s
    connection.clock.pass_by(75)
    assert (connection.wire.closed, connection.clock.waiting()) == (closed, next_s)


@pytest.mark.parametrize(
    ("pieces", "seconds", "answer"),
    [
        pytest.param([], 30, b"", id="nothing was sent"),
        pytest.param([HEAD], 30, b"HTTP/1.1 408", id="half a head"),
        pytest.param([HEAD, b"a: b\r\n", b"a: b\r\n"], 30, b"HTTP/1.1 408", id="a head drop by drop"),
        pytest.param([HEAD + b"content-length: 9\r\n\r\na"], 300, b"HTTP/1.1 408", id="half a body"),
        pytest.param([HEAD + b"content-length: 9\r\n\r\na", b"a", b"a"], 300, b"HTTP/1.1 408", id="drop by drop"),
    ],
)
async def test_a_request_must_arrive_in_time(pieces, seconds, answer):
    connection = Connection(echo_length)
    connection.send(*pieces)
    await connection.settle()
    assert connection.clock.waiting() == [seconds]

    connection.clock.pass_by(seconds)

    assert connection.wire.written.startswith(answer)
    assert connection.has_left()


async def test_a_client_that_goes_on_sending_after_its_refusal_is_cut_off():
    connection = Connection(refuse_at_once)
    connection.send(HEAD + b"content-length: 1000000\r\n\r\na")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 413")
    assert connection.wire.paused
    assert not connection.wire.aborted, "the answer has a moment to arrive"

    connection.clock.pass_by(PATIENCE.farewell_s)

    assert connection.wire.aborted


async def test_an_answer_that_nobody_reads_is_given_up():
    connection = Connection(echo_length)
    connection.send(HEAD + b"content-length: 0\r\n\r\n")
    await connection.settle()
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    connection.protocol.pause_writing()
    assert connection.clock.waiting().count(PATIENCE.unread_s) == 1

    connection.clock.pass_by(PATIENCE.unread_s)

    assert connection.wire.aborted


async def test_a_lost_connection_leaves_no_timer():
    connection = Connection(echo_length)
    connection.send(HEAD)
    connection.protocol.pause_writing()

    connection.protocol.connection_lost(None)

    assert connection.clock.waiting() == []


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_requests_that_pile_up_are_not_taken_in(in_one_piece):
    connection = Connection(echo_later)
    request = HEAD + b"content-length: 2\r\n\r\nab"
    connection.send(*([request * 1000] if in_one_piece else [request] * 1000))
    assert len(connection.protocol.waiting) == MAX_PIPELINED
    while connection.protocol.waiting:
        await connection.settle()
    await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert connection.wire.written.count(b"connection: close") == 1
    assert connection.has_left()
    assert connection.clock.waiting() == [PATIENCE.farewell_s]


async def test_as_many_requests_as_may_wait_are_answered():
    connection = Connection(echo_later)
    connection.send((HEAD + b"content-length: 2\r\n\r\nab") * (MAX_PIPELINED + 1))
    while connection.protocol.waiting:
        await connection.settle()
    await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert not connection.has_left()


def over_the_loop(connection, *pieces):
    """Hand data over as an event loop does: outside of any task."""
    for piece in pieces:
        asyncio.get_running_loop().call_soon(connection.protocol.data_received, piece)


async def in_which_task(_exchange):
    before = asyncio.current_task()
    await in_task()
    during = asyncio.current_task()
    return WireResponse(200, (), repr((before is None, during is not None)).encode())


async def test_requests_are_begun_outside_of_tasks_and_go_on_in_one():
    connection = Connection(in_which_task)
    over_the_loop(connection, GET * 3)
    await connection.settle()
    assert connection.wire.written.count(b"(True, True)") == 3
    assert connection.server.tasks == set()


async def test_an_answer_that_needs_no_waiting_is_there_at_once():
    connection = Connection(echo_length)
    connection.send(GET * 3)
    assert connection.wire.written.count(b"HTTP/1.1 200") == 3


async def test_a_request_may_be_timed_before_its_first_wait():
    async def app(_exchange):
        await in_task()
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return WireResponse(504, (), b"")

    connection = Connection(app)
    over_the_loop(connection, GET * 2)
    while connection.server.tasks or not connection.wire.written:
        await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 504") == 2


async def test_a_request_that_is_cancelled_ends_its_connection():
    connection = Connection(streaming(Frames(b"ok")))
    over_the_loop(connection, GET)
    await connection.settle()
    (task,) = connection.server.tasks
    task.cancel()
    await connection.settle()
    assert (connection.wire.closed, connection.server.tasks) == (True, set())
