"""Whatever the order of puts, reads, loads and evictions: an answer from memory is the store's answer."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwatch.logs.events import Event, EventKey, RenderedEvent, render
from groundwatch.logs.recent import BEGINNING, LOADED_EVENTS, Loaded, Range, RecentEvents
from groundwatch.logs.writer import Batch

END = EventKey(2**62, 0, 0, 0)
ALL = Range(BEGINNING, END)


class Stored:
    """The store as a list, with the same contract as the engine."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def put(self, batch: Batch) -> None:
        for seq, (at, message) in enumerate(zip(batch.timestamps, batch.messages, strict=True)):
            self.events.append(Event(EventKey(at, batch.ingested_ms, batch.number, seq), message))
        self.events.sort()

    def find(self, wanted: Range, limit: int, newest: bool) -> list[RenderedEvent]:
        inside = [render(event) for event in self.events if wanted.after < event.key < wanted.before]
        return inside[-limit:] if newest else inside[:limit]

    async def newest(self, count: int) -> Loaded:
        return Loaded(self.events[-count:], reaches_beginning=len(self.events) <= count)


def rendered(events: list[Event]) -> list[RenderedEvent]:
    return list(map(render, events))


def batch(number: int, timestamps: list[int], stream: int = 1, size: int = 10) -> Batch:
    messages = [f"{number}.{n} ".ljust(size, "x") for n in range(len(timestamps))]
    return Batch(1, stream, 1000 + number, number, sorted(timestamps), messages, size * len(timestamps))


actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(st.integers(0, 50), min_size=1, max_size=8)),
        st.tuples(st.just("load"), st.none()),
        st.tuples(st.just("read"), st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9), st.booleans())),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(actions, st.sampled_from([4_000, 40_000, 1_000_000]))
def test_memory_equals_store(steps, capacity_bytes):
    async def run() -> None:
        stored, recent = Stored(), RecentEvents(capacity_bytes)
        for number, (action, value) in enumerate(steps):
            if action == "put":
                stored.put(batch(number, value))
                recent.committed([batch(number, value)])
            elif action == "load":
                await recent.load(1, stored.newest)
            else:
                low, high, limit, newest = value
                wanted = Range(EventKey(low, 0, 0, 0), EventKey(high, 0, 0, 0))
                found = recent.find(1, wanted, limit, newest=newest)
                assert found is None or found == stored.find(wanted, limit, newest)
            assert recent.used_bytes <= capacity_bytes

    asyncio.run(run())


async def test_a_commit_during_a_load_is_seen_once():
    stored, recent = Stored(), RecentEvents(1_000_000)
    stored.put(batch(1, [1]))

    async def load(count: int) -> Loaded:
        snapshot = await stored.newest(count)
        for number, visible in ((2, True), (3, False)):
            stored.put(batch(number, [number]))
            if visible:
                snapshot = await stored.newest(count)
            recent.committed([batch(number, [number])])
        return snapshot

    await recent.load(1, load)
    assert recent.find(1, ALL, 10, newest=True) == rendered(stored.events)


async def test_only_the_end_of_a_long_stream_is_known():
    stored, recent = Stored(), RecentEvents(100_000_000)
    stored.put(batch(1, list(range(LOADED_EVENTS + 10))))
    await recent.load(1, stored.newest)
    assert recent.find(1, ALL, 5, newest=True) == rendered(stored.events[-5:])
    assert recent.find(1, ALL, 5, newest=False) is None
    assert recent.find(1, ALL, LOADED_EVENTS + 5, newest=True) is None
    assert recent.find(1, Range(stored.events[-2].key, END), 5, newest=False) == rendered(stored.events[-1:])


async def test_a_late_event_below_the_floor_does_not_enter():
    stored, recent = Stored(), RecentEvents(100_000_000)
    stored.put(batch(1, list(range(100, LOADED_EVENTS + 110))))
    await recent.load(1, stored.newest)
    for target in (stored.put, lambda late: recent.committed([late])):
        target(batch(2, [5]))
    assert recent.find(1, ALL, 3, newest=True) == stored.find(ALL, 3, newest=True)
    assert recent.find(1, ALL, 3, newest=False) is None


async def test_the_stream_that_was_read_least_recently_leaves_first():
    recent = RecentEvents(8_000)
    for stream in (1, 2):
        stored = Stored()
        stored.put(batch(stream, list(range(5)), stream))
        await recent.load(stream, stored.newest)
    recent.find(1, ALL, 1, newest=True)
    for number in range(3, 8):
        stored = Stored()
        stored.put(batch(number, list(range(5)), number))
        await recent.load(number, stored.newest)
        recent.find(1, ALL, 1, newest=True)
    assert recent.find(1, ALL, 1, newest=True) is not None
    assert recent.find(2, ALL, 1, newest=True) is None


async def test_a_stream_that_is_written_and_not_read_keeps_its_newest_events_within_its_share():
    stored, recent = Stored(), RecentEvents(400_000)
    await recent.load(1, stored.newest)
    for number in range(100):
        put = batch(number, [number * 10 + n for n in range(10)])
        stored.put(put)
        recent.committed([put])
        assert recent.used_bytes <= 100_000
    assert recent.find(1, ALL, 50, newest=True) == stored.find(ALL, 50, newest=True)
    assert recent.find(1, ALL, 50, newest=False) is None
    assert recent.used_bytes <= 100_000


async def test_no_capacity_means_no_memory():
    stored, recent = Stored(), RecentEvents(0)
    stored.put(batch(1, [1]))
    await recent.load(1, stored.newest)
    assert recent.find(1, ALL, 1, newest=True) is None


async def test_a_failed_load_leaves_nothing_behind():
    recent = RecentEvents(1_000_000)

    async def fail(_count: int) -> Loaded:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await recent.load(1, fail)
    recent.committed([batch(1, [1])])
    assert recent.find(1, ALL, 1, newest=True) is None
    stored = Stored()
    stored.put(batch(1, [1]))
    await recent.load(1, stored.newest)
    assert recent.find(1, ALL, 1, newest=True) == rendered(stored.events)


async def test_a_forgotten_stream_gives_its_memory_back():
    stored, recent = Stored(), RecentEvents(1_000_000)
    stored.put(batch(1, [1, 2]))
    await recent.load(1, stored.newest)
    recent.forget(1)
    assert recent.used_bytes == 0
    assert recent.find(1, ALL, 1, newest=True) is None


async def test_news_of_a_commit_that_comes_after_its_snapshot_is_no_second_event():
    """A load may begin after a commit and be done before the writer hears of it."""
    stored, recent = Stored(), RecentEvents(1_000_000)
    stored.put(batch(1, [1, 2]))
    stored.put(batch(2, [2, 3]))
    await recent.load(1, stored.newest)
    recent.committed([batch(2, [2, 3])])
    assert recent.find(1, ALL, 10, newest=True) == rendered(stored.events)
    recent.forget(1)
    assert recent.used_bytes == 0


@pytest.mark.parametrize("loading", [False, True])
async def test_after_a_failed_insert_the_store_is_asked(loading):
    stored, recent = Stored(), RecentEvents(1_000_000)

    async def load(count: int) -> Loaded:
        snapshot = await stored.newest(count)
        if loading:
            recent.failed([batch(1, [1])])
        return snapshot

    await recent.load(1, load)
    stored.put(batch(1, [1]))
    recent.failed([batch(1, [1])])
    assert recent.find(1, ALL, 10, newest=True) is None
    loading = False
    await recent.load(1, load)
    assert recent.find(1, ALL, 10, newest=True) == rendered(stored.events)
