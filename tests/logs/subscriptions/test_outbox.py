"""Which threads send: a slow or failing target must not hold up the others."""

import threading

import pytest

from groundwatch.logs.subscriptions import outbox as outbox_module
from groundwatch.logs.subscriptions.outbox import DOUBTFUL_THREADS, Outbox
from groundwatch.logs.subscriptions.vendors import parse_target

SLOW, QUICK = (parse_target(f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}") for name in ("slow", "quick"))


class Targets:
    def __init__(self) -> None:
        self.lanes: list[tuple[str, str]] = []
        self.gate = threading.Event()
        self.closed = False

    def send(self, target, records):
        self.lanes.append((target.name, threading.current_thread().name.rpartition("_")[0]))
        if target is SLOW:
            self.gate.wait(10)
        return []

    def probe(self, target, control):
        self.lanes.append((target.name, threading.current_thread().name.rpartition("_")[0]))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def targets():
    made = Targets()
    yield made
    made.gate.set()


@pytest.fixture
async def outbox(targets):
    made = Outbox(targets)
    yield made
    targets.gate.set()
    made.close()
    assert targets.closed


async def test_targets_that_failed_are_sent_to_in_a_lane_of_their_own(outbox, targets):
    await outbox.send(QUICK, [], doubtful=True)
    await outbox.send(QUICK, [], doubtful=False)
    assert targets.lanes == [("quick", "subscriptions-retry"), ("quick", "subscriptions-send")]


async def test_a_target_that_was_slow_changes_lanes_until_it_is_quick_again(outbox, targets, monkeypatch):
    monkeypatch.setattr(outbox_module, "SLOW_S", -1)
    await outbox.send(QUICK, [], doubtful=False)
    monkeypatch.setattr(outbox_module, "SLOW_S", 10)
    await outbox.send(QUICK, [], doubtful=False)
    await outbox.send(QUICK, [], doubtful=False)
    assert [lane for _, lane in targets.lanes] == ["subscriptions-send", "subscriptions-retry", "subscriptions-send"]


async def test_many_hanging_targets_leave_the_others_alone(outbox, targets):
    import asyncio

    hanging = [asyncio.create_task(outbox.send(SLOW, [], doubtful=True)) for _ in range(DOUBTFUL_THREADS + 5)]
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
        await outbox.send(QUICK, [], doubtful=False)
        await outbox.probe(QUICK, b"")
        await outbox.compute(str, 1)
    targets.gate.set()
    await asyncio.gather(*hanging)
