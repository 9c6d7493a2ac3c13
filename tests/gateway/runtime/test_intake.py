"""How much memory payloads may take that arrive, or pretend to."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.gateway.runtime.intake import (
    SMALL_BYTES,
    DisconnectedError,
    Intake,
    OverloadedError,
    PayloadTooLargeError,
)
from groundwatch.gateway.runtime.media import MAX_PAYLOAD_BYTES

PIECE = bytes(100_000)


class Client:
    """Sends pieces when told to."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    def send(self, body: bytes = PIECE, *, more: bool = True) -> None:
        self.queue.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def receive(self) -> dict[str, object]:
        return await self.queue.get()


class Request:
    """A payload on its way in; `done` ends the request."""

    def __init__(self, intake: Intake) -> None:
        self.client, self.answered = Client(), asyncio.Event()
        self.read = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(intake))

    async def _run(self, intake: Intake) -> None:
        with intake.hold() as holding:
            try:
                self.read.set_result(await holding.read(self.client.receive))
                await self.answered.wait()
            except (OverloadedError, PayloadTooLargeError, DisconnectedError) as error:
                self.read.set_exception(error)

    async def done(self) -> None:
        self.answered.set()
        await self.task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_payload_that_arrives_for_longest_goes_first():
    intake = Intake(250_000)
    old, young = Request(intake), Request(intake)
    old.client.send()
    await settle()
    young.client.send()
    await settle()
    young.client.send(more=False)
    with pytest.raises(OverloadedError):
        await old.read
    assert await young.read == PIECE * 2
    assert intake.held_bytes == 200_000
    await young.done()
    await old.done()
    assert intake.held_bytes == 0


async def test_payloads_that_have_arrived_are_not_given_up():
    intake = Intake(250_000)
    held, late = Request(intake), Request(intake)
    held.client.send(more=True)
    held.client.send(more=False)
    await held.read
    late.client.send()
    with pytest.raises(OverloadedError):
        await late.read
    await held.done()
    await late.done()
    assert intake.held_bytes == 0


async def test_small_payloads_always_have_room():
    intake = Intake(1)
    small = Request(intake)
    small.client.send(bytes(SMALL_BYTES - 1))
    small.client.send(b"x", more=False)
    assert len(await small.read) == SMALL_BYTES
    assert intake.held_bytes == 0
    await small.done()


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_the_limit_of_one(in_one_piece):
    intake = Intake()
    for size, fits in ((MAX_PAYLOAD_BYTES, True), (MAX_PAYLOAD_BYTES + 1, False)):
        request = Request(intake)
        if not in_one_piece:
            request.client.send(b"")
        request.client.send(bytes(size), more=False)
        if fits:
            assert len(await request.read) == size
        else:
            with pytest.raises(PayloadTooLargeError):
                await request.read
        await request.done()
    assert intake.held_bytes == 0


async def test_a_client_that_leaves_frees_its_room():
    intake = Intake()
    request = Request(intake)
    request.client.send()
    await settle()
    assert intake.held_bytes == len(PIECE)
    request.client.queue.put_nowait({"type": "http.disconnect"})
    with pytest.raises(DisconnectedError):
        await request.read
    await request.done()
    assert intake.held_bytes == 0


async def test_a_request_that_is_cancelled_frees_its_room():
    intake = Intake()
    request = Request(intake)
    request.client.send()
    await settle()
    request.task.cancel()
    await asyncio.gather(request.task, return_exceptions=True)
    assert intake.held_bytes == 0


HOSTS = [
    pytest.param([], "1.1", 400, id="none"),
    pytest.param([], "1.0", 403, id="none, before it was asked for"),
    pytest.param([b"a.example"], "1.1", 403, id="one"),
    pytest.param([b"a.example", b"b.example"], "1.1", 400, id="two"),
    pytest.param([b"a.example", b"a.example"], "1.0", 400, id="the same twice"),
]


@pytest.mark.parametrize(("hosts", "version", "status"), HOSTS)
async def test_a_request_is_for_one_host(hosts, version, status, make_gateway, mock):
    scope = {
        "type": "http", "http_version": version, "method": "GET", "scheme": "https", "path": "/x/y",
        "raw_path": b"/x/y", "query_string": b"", "client": None, "headers": [(b"host", host) for host in hosts],
    }  # fmt: skip
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    start, end = await make_gateway({"/": mock()}).messages(scope, messages)
    assert start["status"] == status
    assert end["body"] == (b'{"message":"Bad Request"}' if status == 400 else b'{"message":"Forbidden"}')
    assert any(name == b"x-amzn-RequestId" for name, _ in start["headers"])


async def test_no_room_is_told(make_gateway, mock):
    gateway = make_gateway({"/": mock(verb="POST")})
    gateway.app._intake = Intake(100_000)
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "https", "path": "/abcdef1234/v1/",
        "raw_path": b"/abcdef1234/v1/", "query_string": b"", "client": None, "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    incoming = [{"type": "http.request", "body": PIECE, "more_body": more} for more in (True, False)]
    start, end = await gateway.messages(scope, incoming)
    assert (start["status"], end["body"]) == (429, b'{"message":"Too Many Requests"}')
    assert (b"Connection", b"close") in start["headers"]
    assert gateway.app._intake.held_bytes == 0
