"""Pages of messages of a megabyte: as right as any, and in memory that does not grow with how many there are."""

from pathlib import Path

import pytest
from tests.logs.put_events import NOW_MS, messages

from groundwatch.logs import store, walks
from groundwatch.logs.operations.events import END
from groundwatch.logs.operations.room import tenant_of
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.statements import StreamPlace

MEGABYTE = 1_000_000
MANY = 300
GROWTH_BYTES = 700 * MEGABYTE
"""What a read may take for a while, merges beside it included: all messages at once were two gigabytes and more."""
FILL = """
    INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
    SELECT {group:UInt64}, {stream:UInt64}, {first:Int64} + number, {first:Int64}, 1, number,
        concat(toString(number), ' ', repeat(if(number % 2, 'odd ', 'even'), {length:UInt32}))
    FROM numbers({count:UInt32}) SETTINGS max_block_size = 50
"""


@pytest.fixture
async def fill(room, context, stream, event_database):
    """Store messages `0 evenevenev…`, `1 odd odd …` of so many times four bytes, and return their place."""

    async def fill(count: int, length: int) -> StreamPlace:
        group = await room.catalog.group(tenant_of(context), stream["log_group_name"])
        found = await room.catalog.stream(group, stream["log_stream_name"])
        bound = {"group": group.number, "stream": found.number, "first": NOW_MS, "count": count, "length": length}
        await event_database.run("write", lambda client: client.command(FILL, parameters=bound))
        return StreamPlace(group.number, found.number)

    return fill


READS = {
    "newest": lambda operations, context, stream: operations.get_log_events(context, **stream),
    "oldest": lambda operations, context, stream: operations.get_log_events(context, **stream, start_from_head=True),
    "search": lambda operations, context, stream: operations.filter_log_events(context, log_group_name="/app/web"),
    "search newest": lambda operations, context, stream: operations.filter_log_events(
        context, log_group_name="/app/web", start_time=NOW_MS, start_from_head=False
    ),
    "pattern": lambda operations, context, stream: operations.filter_log_events(
        context, log_group_name="/app/web", filter_pattern="odd"
    ),
}
FIRST = {"newest": MANY - 1, "oldest": 0, "search": 0, "search newest": MANY - 1, "pattern": 1}


async def test_memory_does_not_grow_with_the_stream(operations, context, stream, fill, room):
    place = await fill(MANY, MEGABYTE // 4)
    for name, read in READS.items():
        growth = Growth()
        shown = messages(await read(operations, context, stream))
        assert [text.split()[0] for text in shown] == [str(FIRST[name])], name
        assert growth.peak_bytes() < GROWTH_BYTES, name
    growth = Growth()
    assert len(await room.store.bulk_page(place, Range(BEGINNING, END), 3 * MEGABYTE)) == 2
    assert growth.peak_bytes() < GROWTH_BYTES


@pytest.fixture
def little_memory(monkeypatch):
    """So little memory for a statement that some megabytes of messages are too much."""
    for module in (store, walks):
        monkeypatch.setattr(module, "BOUNDED", {"max_memory_usage": "12000000"})
    monkeypatch.setattr(store, "LOADED_BYTES", 2 * MEGABYTE)


@pytest.mark.parametrize("from_head", [True, False])
@pytest.mark.usefixtures("little_memory")
async def test_every_event_of_a_stream_is_shown_once(operations, context, stream, fill, from_head):
    await fill(60, 75_000)
    seen, token = [], None
    while True:
        more = {"next_token": token} if token else {}
        page = await operations.get_log_events(context, **stream, **more, start_from_head=from_head)
        found = numbers(page)
        if not found:
            break
        assert len(found) == 3, "as many as fit into a page"
        seen = [*seen, *found] if from_head else [*found, *seen]
        token = page["nextForwardToken" if from_head else "nextBackwardToken"]
    assert seen == list(range(60))


@pytest.mark.parametrize("pattern", ["", "odd"])
@pytest.mark.parametrize("from_head", [True, False])
@pytest.mark.usefixtures("stream", "little_memory")
async def test_every_event_of_a_search_is_found_once(operations, context, fill, pattern, from_head):
    await fill(60, 75_000)
    seen, more = [], {}
    while True:
        page = await operations.filter_log_events(
            context,
            log_group_name="/app/web",
            start_time=NOW_MS,
            filter_pattern=pattern,
            start_from_head=from_head,
            **more,
        )
        seen += numbers(page)
        if "nextToken" not in page:
            break
        assert len(numbers(page)) == 3
        more = {"next_token": page["nextToken"]}
    expected = range(1, 60, 2) if pattern else range(60)
    assert seen == (list(expected) if from_head else list(expected)[::-1])


@pytest.mark.usefixtures("little_memory")
async def test_the_end_of_a_stream_is_kept_as_far_as_it_fits(operations, context, stream, fill, room):
    place = await fill(60, 75_000)
    assert numbers(await operations.get_log_events(context, **stream)) == [57, 58, 59]
    kept = room.recent.find(place.stream_id, Range(BEGINNING, END), 2, newest=True)
    assert [event.key.timestamp - NOW_MS for event in kept] == [58, 59]
    assert room.recent.find(place.stream_id, Range(BEGINNING, END), 60, newest=True) is None


def numbers(answer) -> list[int]:
    return [int(text.split()[0]) for text in messages(answer)]


class Growth:
    """How much larger than at its beginning the process has been since."""

    def __init__(self) -> None:
        # Makes Linux forget how large the process has ever been.
        Path("/proc/self/clear_refs").write_text("5")
        self._began_bytes = resident_bytes("VmRSS")

    def peak_bytes(self) -> int:
        return resident_bytes("VmHWM") - self._began_bytes


def resident_bytes(which: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    value = next(line.split()[1] for line in lines if line.startswith(which))
    return int(value) * 1024
