"""What one connection may send without getting on with its request, and how it is left."""

from __future__ import annotations

import asyncio

import pytest
from tests.http_protocol.connected import (
    CHUNKED,
    GET,
    HEAD,
    PATIENCE,
    Connection,
    Frames,
    echo_later,
    echo_length,
    refuse_at_once,
    streaming,
)

from groundwatch.aws.http import WireResponse
from groundwatch.begun import in_task
from groundwatch.http_protocol.connection import MAX_PIPELINED


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


@pytest.mark.parametrize(("limit", "status"), [(1, b"503"), (2, b"200")])
async def test_connections_beyond_the_limit_are_turned_away(limit, status):
    connection = Connection(echo_length, limit)
    connection.send(GET)
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 " + status)
    assert connection.wire.closed == (status == b"503")


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


UPGRADE = HEAD + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
MEASURED = UPGRADE + b"content-length: 27\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "bodies"),
    [
        pytest.param([MEASURED + GET], [b"27"], id="a body"),
        pytest.param([MEASURED, GET], [b"27"], id="a body behind its head"),
        pytest.param([MEASURED[:-9], MEASURED[-9:] + GET[:5], GET[5:] + GET], [b"27", b"0"], id="a body in pieces"),
        pytest.param([MEASURED + GET + GET, GET], [b"27", b"0", b"0"], id="other requests behind it"),
        pytest.param([MEASURED + GET + MEASURED, GET], [b"27", b"27"], id="one after the other"),
        pytest.param([UPGRADE + b"\r\n" + GET], [b"0", b"0"], id="no body"),
        pytest.param([UPGRADE + b"content-length: 0\r\n\r\n" + GET], [b"0", b"0"], id="an empty body"),
        pytest.param(
            [UPGRADE + b"content-length: %b27\r\n\r\n" % (b"0" * 30) + GET], [b"27"], id="a length with zeros"
        ),
        pytest.param(
            [UPGRADE + b"transfer-encoding: chunked\r\n\r\n1b\r\n" + GET + b"\r\n0\r\n\r\n" + GET],
            [b"27", b"0"],
            id="chunks",
        ),
    ],
)
async def test_who_asks_for_another_protocol_is_answered_in_this_one(pieces, bodies):
    connection = Connection(echo_length)
    connection.send(*pieces)
    await connection.settle()
    answers = connection.wire.written.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == bodies


async def test_a_body_of_who_asks_for_another_protocol_must_be_one():
    connection = Connection(echo_length)
    connection.send(UPGRADE + b"transfer-encoding: chunked\r\n\r\nno chunk\r\n")
    await connection.settle()
    assert connection.wire.written.startswith(b"HTTP/1.1 400")
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


def lose(connection):
    connection.protocol.connection_lost(None)


def stop(connection):
    connection.protocol.shutdown()
    connection.protocol.connection_lost(None)


async def cancel(connection):
    for task in list(connection.server.tasks):
        task.cancel()
    await connection.settle()
    connection.protocol.connection_lost(None)


@pytest.mark.parametrize("ending", [lose, stop, cancel])
@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([GET], id="a request"),
        pytest.param([GET * 3], id="some in a row"),
        pytest.param([HEAD + b"content-length: 4\r\n\r\n", b"ab", b"cd"], id="a body in pieces"),
        pytest.param([HEAD + b"content-length: 4\r\n\r\n", b"ab"], id="half a body"),
        pytest.param([b"GET /"], id="half a head"),
    ],
)
async def test_wherever_a_connection_ends_nothing_of_it_is_left(pieces, ending):
    for turns in range(14):
        frames = [Frames(b"a"), Frames(b"b", ValueError("no")), Frames()]
        begun = []

        async def app(exchange, frames=frames, begun=begun):
            await exchange.read(100)
            begun.append(frames[len(begun)])
            return await streaming(begun[-1])(exchange)

        connection, rest = Connection(app), iter(pieces)
        for turn in range(turns):
            connection.send(*[piece for piece in [next(rest, None)] if piece is not None])
            for source in begun if turn % 3 == 2 else ():
                source.more.release()
            await asyncio.sleep(0)
        if (ended := ending(connection)) is not None:
            await ended
        await connection.settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (connection.server.tasks, connection.server.connections) == (set(), set())
        assert set(connection.clock.waiting()) <= {PATIENCE.farewell_s}
        assert all(source.closed for source in begun)
