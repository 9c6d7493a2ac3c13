"""Clients that leave while they are answered."""

from __future__ import annotations

import asyncio

import pytest
from tests.exchanges import Client, connect
from tests.waiting import until

from groundwatch.gateway.definition import Integration, Method
from groundwatch.gateway.runtime.departure import Departure


async def answer_for(client, work, after_s=0.0):
    async with Departure(client.exchange.left, after_s) as departure:
        await work
    return departure.happened


async def test_an_answer_that_is_ready_is_not_disturbed():
    assert await answer_for(Client(), asyncio.sleep(0)) is False


async def test_a_client_that_leaves_ends_the_work():
    client, begun = Client(), asyncio.Event()

    async def work():
        begun.set()
        await asyncio.Event().wait()

    answering = asyncio.ensure_future(answer_for(client, work()))
    await begun.wait()
    client.leave()
    assert await asyncio.wait_for(answering, 5) is True


async def test_a_server_that_stops_is_not_taken_for_a_client_that_leaves():
    client, begun = Client(), asyncio.Event()

    async def work():
        begun.set()
        await asyncio.Event().wait()

    answering = asyncio.ensure_future(answer_for(client, work()))
    await begun.wait()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering


async def test_fast_answers_are_not_watched():
    asked = []

    async def left():
        asked.append(1)

    async with Departure(left, after_s=10) as departure:
        await asyncio.sleep(0)
    assert (asked, departure.happened) == ([], False)


async def test_the_call_to_the_backend_is_given_up(make_gateway, web_server):
    arrived = asyncio.Event()

    async def reply(request):
        arrived.set()
        await asyncio.Event().wait()

    web_server.reply = reply
    method = Method("GET", integration=Integration("HTTP_PROXY", "GET", web_server.url))
    gateway = make_gateway({"/": method})
    client = Client(path="/abcdef1234/v1/")
    client.send()
    serving = asyncio.ensure_future(client.exchange.run(gateway.app))
    await arrived.wait()
    client.leave()
    await asyncio.wait_for(serving, 5)
    await asyncio.wait_for(web_server.dropped.wait(), 5)
    assert client.wire.written == b""
    entry = gateway.entries[-1]
    assert (entry.status, entry.response_length_bytes, entry.resource_path) == (499, 0, "/")


GET = b"GET /abcdef1234/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def slow_gateway(make_gateway, web_server):
    """A gateway with a backend that never answers, and whether the backend was asked."""
    arrived = asyncio.Event()

    async def reply(_request):
        arrived.set()
        await asyncio.Event().wait()

    web_server.reply = reply

    def make(limit_ms):
        integration = Integration("HTTP_PROXY", "GET", web_server.url, timeout_in_millis=limit_ms)
        return make_gateway({"/": Method("GET", integration=integration)}), arrived

    return make


async def test_requests_that_begin_outside_of_tasks_are_given_up(slow_gateway, web_server):
    gateway, arrived = slow_gateway(29_000)
    connection, wire = connect(gateway.app)
    asyncio.get_running_loop().call_soon(connection.data_received, GET)
    await asyncio.wait_for(arrived.wait(), 5)
    connection.connection_lost(None)
    await asyncio.wait_for(web_server.dropped.wait(), 5)
    await until(lambda: gateway.entries)
    assert (wire.written, gateway.entries[-1].status) == (b"", 499)


async def test_requests_that_begin_outside_of_tasks_have_their_time(slow_gateway):
    gateway, _ = slow_gateway(50)
    connection, wire = connect(gateway.app)
    asyncio.get_running_loop().call_soon(connection.data_received, GET)
    await until(lambda: wire.written)
    assert wire.written.startswith(b"HTTP/1.1 504")
    connection.connection_lost(None)
