"""Requests that the gateway refuses before they have a payload, and payloads for which it has no room."""

from __future__ import annotations

import asyncio

import pytest
from tests.exchanges import Client

from groundwatch.aws.intake import Intake

PIECE = bytes(100_000)


HOSTS = [
    pytest.param([], "1.1", 400, id="none"),
    pytest.param([], "1.0", 403, id="none, before it was asked for"),
    pytest.param(["a.example"], "1.1", 403, id="one"),
    pytest.param(["a.example", "b.example"], "1.1", 400, id="two"),
    pytest.param(["a.example", "a.example"], "1.0", 400, id="the same twice"),
]


@pytest.mark.parametrize(("hosts", "version", "status"), HOSTS)
async def test_a_request_is_for_one_host(hosts, version, status, make_gateway, mock):
    client = Client(path="/x/y", headers=[("host", host) for host in hosts], version=version, secure=True)
    await client.ask(make_gateway({"/": mock()}).app)
    assert client.status == status
    assert client.body == (b'{"message":"Bad Request"}' if status == 400 else b'{"message":"Forbidden"}')
    assert "x-amzn-requestid" in client.headers


async def test_no_room_is_told(make_gateway, mock):
    gateway = make_gateway({"/": mock(verb="POST")})
    gateway.app._intake = Intake(100_000)
    client = Client("POST", "/abcdef1234/v1/")
    serving = asyncio.ensure_future(client.exchange.run(gateway.app))
    for more in (True, False):
        client.send(PIECE, more=more)
        for _ in range(10):
            await asyncio.sleep(0)
    await serving
    assert (client.status, client.body) == (429, b'{"message":"Too Many Requests"}')
    assert client.headers["connection"] == "close"
    assert gateway.app._intake.held_bytes == 0
