"""What is written in one turn of the event loop goes out at its end, in order and in bounded memory."""

from __future__ import annotations

import asyncio

import pytest
from tests.exchanges import Wire

from groundwatch.http_protocol import sending
from groundwatch.http_protocol.sending import MAX_HELD_BYTES, MAX_HELD_S, Outbox, Sender


class Clock:
    """Stands for the module `time`."""

    def __init__(self):
        self.now_s = 5.0

    def perf_counter(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(sending, "time", clock)
    return clock


def senders(count):
    outbox, wires = Outbox(), [Wire() for _ in range(count)]
    return [Sender(wire, outbox) for wire in wires], wires


async def test_answers_of_a_turn_are_sent_at_its_end():
    (first, second), wires = senders(2)
    first.write(b"a")
    second.write(b"b")
    first.write(b"c", b"d")
    assert [wire.written for wire in wires] == [b"", b""]
    await asyncio.sleep(0)
    assert [(wire.written, wire.writes) for wire in wires] == [(b"acd", 1), (b"b", 1)]


async def test_every_turn_has_an_end_of_its_own():
    (sender,), (wire,) = senders(1)
    for _ in range(3):
        sender.write(b"a")
        await asyncio.sleep(0)
    assert (wire.written, wire.writes) == (b"aaa", 3)


async def test_a_long_turn_does_not_hold_its_first_answers_back(clock):
    (first, second, third, fourth), wires = senders(4)
    first.write(b"a")
    clock.now_s += MAX_HELD_S
    second.write(b"b")
    assert wires[0].written == b""
    clock.now_s += MAX_HELD_S / 2
    third.write(b"c")
    fourth.write(b"d")
    assert [wire.written for wire in wires] == [b"a", b"b", b"", b""], "those behind them are held together again"
    await asyncio.sleep(0)
    assert [wire.written for wire in wires] == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize(("size", "is_sent"), [(MAX_HELD_BYTES, False), (MAX_HELD_BYTES + 1, True)])
async def test_large_answers_are_not_held(size, is_sent):
    (sender,), (wire,) = senders(1)
    sender.write(b"." * size)
    assert (wire.writes == 1) == is_sent
    await asyncio.sleep(0)
    assert (wire.written, wire.writes) == (b"." * size, 1)


async def test_what_was_written_goes_out_before_the_end_of_a_connection():
    (sender,), (wire,) = senders(1)
    sender.write(b"a")
    sender.close()
    assert (wire.written, wire.closed) == (b"a", True)
    await asyncio.sleep(0)
    assert wire.writes == 1


async def test_nothing_is_sent_behind_an_abort():
    (sender,), (wire,) = senders(1)
    sender.write(b"a")
    sender.abort()
    await asyncio.sleep(0)
    assert (wire.written, wire.aborted) == (b"", True)
