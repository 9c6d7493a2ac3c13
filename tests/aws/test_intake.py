"""How much memory payloads may take that arrive, or pretend to."""

from __future__ import annotations

import asyncio

import pytest
from tests.exchanges import Client

from groundwatch.aws.exchange import BodyTooLargeError, ClientLeftError
from groundwatch.aws.intake import SMALL_BYTES, Intake, OverloadedError
from groundwatch.begun import Begun

PIECE = bytes(100_000)
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024


class Request:
    """A payload on its way in; `done` ends the request."""

    def __init__(self, intake: Intake) -> None:
        self.client, self.answered = Client(), asyncio.Event()
        self.read = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(intake))

    async def _run(self, intake: Intake) -> None:
        with intake.hold() as holding:
            try:
                self.read.set_result(await holding.read(self.client.exchange, MAX_PAYLOAD_BYTES))
                await self.answered.wait()
            except (OverloadedError, BodyTooLargeError, ClientLeftError) as error:
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
    old.client.send(PIECE, more=True)
    await settle()
    young.client.send(PIECE, more=True)
    await settle()
    young.client.send(PIECE)
    with pytest.raises(OverloadedError):
        await old.read
    assert await young.read == PIECE * 2
    assert intake.held_bytes == 200_000
    await young.done()
    await old.done()
    assert intake.held_bytes == 0


async def test_what_still_comes_of_a_payload_that_was_given_up_takes_no_room():
    intake = Intake(250_000)
    old, young = Request(intake), Request(intake)
    for request in (old, young):
        request.client.send(PIECE, more=True)
        await settle()
    young.client.send(PIECE, more=True)
    # Before it has heard that there is no room for it.
    old.client.send(PIECE, more=True)
    with pytest.raises(OverloadedError):
        await old.read
    assert intake.held_bytes == 200_000
    young.client.send()
    assert await young.read == PIECE * 2
    await young.done()
    await old.done()


async def test_a_payload_may_have_to_go_in_the_turn_in_which_it_came():
    intake, loop = Intake(150_000), asyncio.get_running_loop()
    clients = [Client(), Client()]
    for client in clients:
        client.send(PIECE, more=True)
    # As the port begins requests: on the loop alone.
    begun = loop.create_future()
    loop.call_soon(
        lambda: begun.set_result([Begun(intake.hold().read(client.exchange, MAX_PAYLOAD_BYTES)) for client in clients])
    )
    old, young = await begun
    with pytest.raises(OverloadedError):
        async with asyncio.timeout(10):
            await old
    clients[1].send()
    assert await young == PIECE


async def test_payloads_that_have_arrived_are_not_given_up():
    intake = Intake(250_000)
    held, late = Request(intake), Request(intake)
    held.client.send(PIECE, more=True)
    held.client.send(PIECE)
    await held.read
    late.client.send(PIECE, more=True)
    with pytest.raises(OverloadedError):
        await late.read
    await held.done()
    await late.done()
    assert intake.held_bytes == 0


async def test_small_payloads_always_have_room():
    intake = Intake(1)
    small = Request(intake)
    small.client.send(bytes(SMALL_BYTES - 1), more=True)
    small.client.send(b"x")
    assert len(await small.read) == SMALL_BYTES
    assert intake.held_bytes == 0
    await small.done()


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_the_limit_of_one(in_one_piece):
    intake = Intake()
    for size, fits in ((MAX_PAYLOAD_BYTES, True), (MAX_PAYLOAD_BYTES + 1, False)):
        request = Request(intake)
        if not in_one_piece:
            request.client.send(b"", more=True)
        request.client.send(bytes(size))
        if fits:
            assert len(await request.read) == size
        else:
            with pytest.raises(BodyTooLargeError):
                await request.read
        await request.done()
    assert intake.held_bytes == 0


async def test_a_client_that_leaves_frees_its_room():
    intake = Intake()
    request = Request(intake)
    request.client.send(PIECE, more=True)
    await settle()
    assert intake.held_bytes == len(PIECE)
    request.client.leave()
    with pytest.raises(ClientLeftError):
        await request.read
    await request.done()
    assert intake.held_bytes == 0


async def test_a_request_that_is_cancelled_frees_its_room():
    intake = Intake()
    request = Request(intake)
    request.client.send(PIECE, more=True)
    await settle()
    request.task.cancel()
    await asyncio.gather(request.task, return_exceptions=True)
    assert intake.held_bytes == 0
