"""What one connection may send without getting on with its request, and how it is left."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from groundwatch.http_protocol import MAX_JOINED_BYTES, MAX_PIPELINED, Patience, bounded_protocol

PATIENCE = Patience(stalled_bytes=1000, head_s=30, body_s=300, unread_s=60, farewell_s=1)
HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """Remembers what was written, and how it was closed."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.writes = 0
        self.closed = self.aborted = self.paused = False

    def get_extra_info(self, name, default=None):
        return default

    def write(self, data):
        self.written += data
        self.writes += 1

    def close(self):
        self.closed = True

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False


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
    def __init__(self, app):
        self.clock, self.wire = Clock(), Wire()
        config = uvicorn.Config(
            app, interface="asgi3", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=75
        )
        self.protocol = bounded_protocol(PATIENCE)(
            config=config, server_state=ServerState(), app_state={}, _loop=self.clock
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
        for _ in range(5):
            await asyncio.sleep(0)


async def echo_length(_scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def refuse_at_once(_scope, _receive, send):
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body"})


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


async def test_a_head_without_a_body_yet_does_not_wait_for_it():
    more = asyncio.Event()

    async def slow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await more.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    connection = Connection(slow)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 200")
    assert connection.wire.written.endswith(b"\r\n\r\n")
    more.set()
    await connection.settle()
    assert connection.wire.written.endswith(b"2\r\nok\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("headers", "parts", "written"),
    [
        pytest.param([(b"Content-Length", b"4")], [b"ab", b"cd"], b"content-length: 4\r\n\r\nabcd", id="in parts"),
        pytest.param([(b"Content-Length", b"4"), (b"X", b"a\tb")], [b"abcd"], b"x: a\tb\r\n\r\nabcd", id="a tab"),
        pytest.param([(b"transfer-encoding", b"chunked")], [b"ab"], b"\r\n\r\n2\r\nab\r\n0\r\n\r\n", id="chunked"),
        pytest.param([(b"content-length", b"1")], [b""], b"content-length: 1\r\n\r\n", id="too short"),
        pytest.param([(b"content-length", b"1")], [b"ab"], b"content-length: 1\r\n\r\n", id="too long"),
    ],
)
async def test_answers_are_framed(headers, parts, written):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": part is not parts[-1]})

    connection = Connection(app)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.settle()
    assert connection.wire.written.endswith(written)


@pytest.mark.parametrize("size", [0, MAX_JOINED_BYTES, MAX_JOINED_BYTES + 1, 1_000_000])
async def test_head_and_body_go_out_together(size):
    async def app(_scope, _receive, send):
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"." * size})

    connection = Connection(app)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.settle()
    head, _, body = connection.wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"." * size
    assert connection.wire.writes == 1


@pytest.mark.parametrize("header", [(b"x", b"a\nb: c"), (b"x\n", b""), (b"x: y", b"")])
async def test_an_answer_with_a_header_that_is_several_is_not_sent(header):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0"), header]})
        await send({"type": "http.response.body"})

    connection = Connection(app)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.settle()
    assert (connection.wire.written, connection.wire.closed) == (b"", True)


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
    connection = Connection(echo_length)
    request = HEAD + b"content-length: 2\r\n\r\nab"
    connection.send(*([request * 1000] if in_one_piece else [request] * 1000))
    assert len(connection.protocol.pipeline) == MAX_PIPELINED
    while connection.protocol.pipeline:
        await connection.settle()
    await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert connection.wire.written.count(b"connection: close") == 1
    assert connection.has_left()
    assert connection.clock.waiting() == [PATIENCE.farewell_s]


async def test_as_many_requests_as_may_wait_are_answered():
    connection = Connection(echo_length)
    connection.send((HEAD + b"content-length: 2\r\n\r\nab") * (MAX_PIPELINED + 1))
    while connection.protocol.pipeline:
        await connection.settle()
    await connection.settle()
    assert connection.wire.written.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert not connection.has_left()
