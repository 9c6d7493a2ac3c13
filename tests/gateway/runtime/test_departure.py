"""Clients that leave while they are answered."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.gateway.definition import Integration, Method
from groundwatch.gateway.runtime.departure import Departure


class Client:
    """What a listener tells of its client."""

    def __init__(self):
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}


async def answer_for(client, work, after_s=0.0):
    with Departure(client.receive, after_s) as departure:
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
    client.left.set()
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

    async def receive():
        asked.append(1)
        return {"type": "http.disconnect"}

    with Departure(receive, after_s=10) as departure:
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
    client = Client()
    messages = [{"type": "http.request", "body": b""}]
    sent = []

    async def receive():
        return messages.pop() if messages else await client.receive()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/abcdef1234/v1/",
        "raw_path": b"/abcdef1234/v1/", "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ("203.0.113.9", 1),
    }  # fmt: skip
    serving = asyncio.ensure_future(gateway.app(scope, receive, send))
    await arrived.wait()
    client.left.set()
    await asyncio.wait_for(serving, 5)
    await asyncio.wait_for(web_server.dropped.wait(), 5)
    assert sent == []
    entry = gateway.entries[-1]
    assert (entry.status, entry.response_length_bytes, entry.resource_path) == (499, 0, "/")
