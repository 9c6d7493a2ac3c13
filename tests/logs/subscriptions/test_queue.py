"""The list of what waits: its order, its memory, and what a crash leaves of it."""

import msgspec
import pytest

from groundwatch.logs.subscriptions import queue as queue_module
from groundwatch.logs.subscriptions.queue import Arrival, DeliveryQueue, Waiting
from groundwatch.logs.writer import Batch

NOW_MS = 1_790_000_000_000


def batch(number: int, group_id: int = 1, size_bytes: int = 100) -> Batch:
    return Batch(group_id, 2, NOW_MS + number % 1_000, number, [NOW_MS, NOW_MS + 1], ["a", "b"], size_bytes, "i-1")


def arrivals(*numbers: int, group_id: int = 1) -> list[Arrival]:
    return [Arrival.of(batch(number, group_id)) for number in numbers]


@pytest.fixture
async def queue(queue_database, clock) -> DeliveryQueue:
    opened = DeliveryQueue(queue_database, 1_000, clock)
    await opened.open()
    return opened


async def numbers(queue: DeliveryQueue, position: int = 0, group_id: int = 1, limit: int = 100) -> list[int]:
    return [entry.arrival.batch for entry in await queue.after(group_id, position, limit)]


async def reopened(queue_database, clock) -> tuple[DeliveryQueue, dict[str, int]]:
    queue = DeliveryQueue(queue_database, 1_000, clock)
    return queue, await queue.open()


async def test_entries_come_by_group_in_the_order_of_arrival(queue):
    assert await queue.add([*arrivals(9, 3), *arrivals(5, group_id=2)]) == {1, 2}
    await queue.add(arrivals(1))
    assert await numbers(queue) == [9, 3, 1]
    assert await numbers(queue, limit=2) == [9, 3]
    first = (await queue.after(1, 0, 1))[0].position
    assert await numbers(queue, position=first) == [3, 1]
    assert await numbers(queue, group_id=2) == [5]
    assert await numbers(queue, group_id=3) == []


async def test_a_reopened_queue_has_the_same_entries_and_positions(queue, queue_database, clock):
    await queue.add(arrivals(2**64 - 1, 0))
    await queue.save({"filter:1": 1})
    again, positions = await reopened(queue_database, clock)
    assert positions == {"filter:1": 1}
    entries = await again.after(1, 0, 10)
    assert [entry.arrival for entry in entries] == [
        msgspec.structs.replace(arrival, content=None) for arrival in arrivals(2**64 - 1, 0)
    ]
    await again.add(arrivals(7))
    assert await numbers(again) == [2**64 - 1, 0, 7]
    assert await numbers(again, position=1) == [0, 7]


async def test_positions_are_never_used_twice(queue, queue_database, clock):
    await queue.add(arrivals(1, 2))
    await queue.save({"filter:1": 2})
    await queue.trim({1: 2}, NOW_MS + 10)
    again, _ = await reopened(queue_database, clock)
    await again.add(arrivals(3))
    assert await numbers(again, position=2) == [3]


@pytest.mark.parametrize("position", [0, 500, 1_199], ids=["from the file", "from its middle", "from memory"])
async def test_old_entries_are_read_from_the_file(queue, monkeypatch, position):
    monkeypatch.setattr(queue_module, "TAIL_ENTRIES", 10)
    for start in range(0, 1_200, 100):
        await queue.add(arrivals(*range(start, start + 100)))
    assert await numbers(queue, position=position, limit=2_000) == list(range(position, 1_200))


async def test_events_stay_in_memory_as_far_as_it_goes(queue):
    await queue.add(arrivals(*range(12)))
    entries = await queue.after(1, 0, 20)
    held = [entry.arrival.batch for entry in entries if queue.content(entry) is not None]
    assert held == list(range(2, 12)), "a thousand bytes hold ten of them"
    assert queue.content(entries[-1]).messages == ["a", "b"]


async def test_what_waits_is_counted(queue):
    await queue.add(arrivals(1, 2, 3))
    assert await queue.waiting(1, 1) == Waiting(2, 200)
    assert await queue.waiting(2, 0) == Waiting(0, 0)
    before = queue.added(1)
    await queue.add(arrivals(4))
    assert (before, queue.added(1)) == (Waiting(3, 300), Waiting(4, 400))


@pytest.mark.parametrize(
    ("served", "keep_from", "left"),
    [
        ({1: 2}, NOW_MS + 100, [3]),
        ({1: 2}, NOW_MS + 2, [2, 3]),
        ({}, NOW_MS + 100, []),
        ({1: 0}, NOW_MS + 100, [1, 2, 3]),
    ],
    ids=["what all have had", "but not what is recent", "all of a group that nobody has", "nothing that waits"],
)
async def test_trimming(queue, queue_database, clock, served, keep_from, left):
    await queue.add(arrivals(1, 2, 3))
    await queue.trim(served, keep_from)
    again, _ = await reopened(queue_database, clock)
    assert await numbers(again) == left


async def test_it_knows_whether_the_last_run_ended_in_order(queue, queue_database, clock):
    assert queue.was_closed, "a new file misses nothing"
    crashed, _ = await reopened(queue_database, clock)
    assert not crashed.was_closed
    await crashed.add(arrivals(5))
    await crashed.close()
    again, _ = await reopened(queue_database, clock)
    assert again.was_closed
    assert again.newest_ms == NOW_MS + 5
    assert await again.known_batches(NOW_MS + 5) == {5}
    assert await again.known_batches(NOW_MS + 6) == set()
    assert await again.group_ids() == [1]


async def test_positions_are_replaced_and_forgotten(queue, queue_database, clock):
    await queue.save({"a": 1, "b": 2})
    await queue.save({"a": 3})
    await queue.save({})
    await queue.forget(["b"])
    assert (await reopened(queue_database, clock))[1] == {"a": 3}
