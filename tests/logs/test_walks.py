"""Walks from a stream's beginning to its end: every event once, in order, and those that come meanwhile."""

import random

import msgspec
import pytest

from groundwatch.logs import walks as walks_module
from groundwatch.logs.events import MAX_PAGE_BYTES, EventKey
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.statements import StreamPlace
from groundwatch.logs.walks import Walks
from groundwatch.logs.writer import Batch, EventWriter

END = EventKey(2**62, 0, 0, 0)
START_MS = 1_790_000_000_000
STREAM = iter(range(7_000_000, 8_000_000))


class Scene:
    """A stream of its own in the store, and a walker who takes notes."""

    def __init__(self, database, *, reads_ahead: bool = True) -> None:
        self.place = StreamPlace(77, next(STREAM))
        self.walks = Walks(database, reads_ahead=reads_ahead)
        self.writer = EventWriter(database, self.walks.committed)
        self.number = 0
        self.seen: list[tuple[int, str]] = []
        self.at: EventKey = BEGINNING
        self.reads = 0
        counted = self.walks._columns

        async def columns(*arguments):
            self.reads += 1
            return await counted(*arguments)

        self.walks._columns = columns

    async def put(self, *events: tuple[int, str]) -> None:
        self.number += 1
        timestamps, messages = [at for at, _ in events], [message for _, message in events]
        batch = Batch(self.place.group_id, self.place.stream_id, START_MS, self.number, timestamps, messages, 0)
        await self.writer.append(batch)

    async def step(self, limit: int = 10_000, before: EventKey = END) -> int:
        page = await self.walks.page(self.place, Range(self.at, before), limit)
        found = [msgspec.json.decode(each) for each in page.json]
        self.seen += [(event["timestamp"], event["message"]) for event in found]
        assert all(event["ingestionTime"] == START_MS for event in found)
        if page.last is not None:
            assert page.first is not None
            assert self.at < page.first <= page.last < before
            self.at = page.last
        return len(found)

    async def walk(self, limit: int = 10_000) -> None:
        while await self.step(limit):
            pass
        await self.walks.stop()


@pytest.fixture
def scene(event_database) -> Scene:
    return Scene(event_database)


def spaced(count: int, interval_ms: int = 1, size: int = 10, start_ms: int = START_MS) -> list[tuple[int, str]]:
    return [(start_ms + number * interval_ms, f"{number:0{size}}") for number in range(count)]


@pytest.mark.parametrize(
    ("events", "limit"),
    [
        pytest.param(spaced(5_000), 700, id="small pages"),
        pytest.param(spaced(9_000, size=900), 10_000, id="pages of a megabyte"),
        pytest.param(spaced(3, size=1_000_000), 10_000, id="an event a page"),
        pytest.param(spaced(2_000) + spaced(2_000, 60_000, start_ms=START_MS + 500_000_000), 300, id="a gap"),
        pytest.param(spaced(50, 3_600_000), 7, id="an event an hour"),
        pytest.param(spaced(3_000, 0), 500, id="all at once"),
        pytest.param([(START_MS, 'quote " slash / back \\ \x00 \x1f \x7f ü 🙂 \u2028')], 10, id="what JSON escapes"),
        pytest.param([], 10, id="nothing"),
    ],
)
async def test_every_event_once_and_in_order(scene, events, limit):
    for start in range(0, len(events), 1_000):
        await scene.put(*events[start : start + 1_000])
    await scene.walk(limit)
    assert scene.seen == events


async def test_a_page_has_a_megabyte_at_most(scene):
    await scene.put(*spaced(900, size=3_000))
    count = await scene.step()
    assert MAX_PAGE_BYTES - 3_100 < count * 3_026 <= MAX_PAGE_BYTES


async def test_from_the_second_page_on_blocks_are_read(scene):
    await scene.put(*spaced(1_000))
    await scene.walk(limit=50)
    assert len(scene.seen) == 1_000
    assert scene.reads <= 5


async def test_without_reading_ahead_each_page_is_read(event_database):
    scene = Scene(event_database, reads_ahead=False)
    await scene.put(*spaced(200))
    await scene.walk(limit=50)
    assert len(scene.seen) == 200
    assert scene.reads >= 4


async def test_what_is_committed_meanwhile_is_seen(scene):
    await scene.put(*spaced(300, 10))
    await scene.step(100)
    await scene.step(100)
    late = (START_MS + 2_505, "late")
    await scene.put(late)
    await scene.put((START_MS + 5_000, "new"))
    await scene.walk(100)
    assert scene.seen == sorted([*spaced(300, 10), late, (START_MS + 5_000, "new")])


async def test_what_comes_while_a_block_is_read_is_not_missing_later(scene):
    await scene.put(*spaced(300, 10))
    await scene.step(100)
    columns, late = scene.walks._columns, (START_MS + 2_505, "late")

    async def interrupted(*arguments):
        found = await columns(*arguments)
        scene.walks._columns = columns
        await scene.put(late)
        return found

    scene.walks._columns = interrupted
    await scene.step(100)
    await scene.walk(100)
    assert late in scene.seen


async def test_what_comes_while_the_next_block_is_read_is_not_missing_later(scene, monkeypatch):
    monkeypatch.setattr(walks_module, "BLOCK_BYTES", 36 * 200)
    await scene.put(*spaced(1_000, 10))
    await scene.step(100)
    columns, late = scene.walks._columns, (START_MS + 9_005, "late")

    async def interrupted(place, *how):
        found = await columns(place, *how)
        if late[0] <= found[0][-1] and late not in await_list:
            await_list.append(late)
            await scene.put(late)
        return found

    await_list: list[tuple[int, str]] = []
    scene.walks._columns = interrupted
    await scene.walk(100)
    assert await_list == [late]
    assert late in scene.seen
    assert len(scene.seen) == 1_001


async def test_an_end_time_bounds_the_page(scene):
    await scene.put(*spaced(300, 10))
    await scene.step(100)
    while await scene.step(100, EventKey(START_MS + 2_000, 0, 0, 0)):
        pass
    assert scene.seen == spaced(200, 10)


async def test_blocks_are_bounded_in_number(event_database, monkeypatch):
    monkeypatch.setattr(walks_module, "MAX_BLOCKS", 2)
    scene = Scene(event_database)
    for _ in range(4):
        scene.place, scene.at = StreamPlace(77, next(STREAM)), BEGINNING
        await scene.put(*spaced(30))
        await scene.step(10)
        await scene.step(10)
    assert len(scene.walks._blocks) == 2


@pytest.mark.parametrize("seed", range(6))
async def test_walks_equal_the_store_whatever_comes_between(scene, seed):
    chance = random.Random(seed)
    stored: list[tuple[int, str]] = []
    for _ in range(40):
        if chance.random() < 0.6:
            first = START_MS + chance.randrange(100_000)
            events = sorted(
                (first + chance.randrange(50), f"{scene.number}-{n}") for n in range(chance.randrange(1, 40))
            )
            await scene.put(*events)
            stored += [event for event in events if EventKey(event[0], 0, 0, 0) > scene.at]
        else:
            await scene.step(chance.randrange(1, 60))
    at = scene.at
    await scene.walk(50)
    missing = [event for event in stored if EventKey(event[0], 2**62, 0, 0) > at and event not in scene.seen]
    assert missing == []
    assert scene.seen == sorted(scene.seen, key=lambda event: event[0])
    assert len(scene.seen) == len(set(scene.seen))
