"""Batches read back from the real event store."""

import msgspec
import pytest

from groundwatch.logs.intake import TOO_OLD_MS
from groundwatch.logs.subscriptions.queue import Arrival
from groundwatch.logs.subscriptions.reader import BatchReader
from groundwatch.logs.writer import INSERT_SETTINGS, Batch, event_table

NOW_MS = 1_790_000_000_000
GROUP, OTHER_GROUP = 900_001, 900_002


def batch(number: int, stream_id: int, *messages: str, group_id: int = GROUP, ingested_ms: int = NOW_MS) -> Batch:
    times = [NOW_MS + number + n for n in range(len(messages))]
    return Batch(group_id, stream_id, ingested_ms, number, times, list(messages), 26, "s")


BATCHES = [
    batch(2**64 - 1, 1, "a", "b"),
    batch(7, 1, "c", ingested_ms=NOW_MS + 5),
    batch(7, 2, "same number, other stream"),
    batch(8, 1, "other group", group_id=OTHER_GROUP),
]
BATCHES[0] = msgspec.structs.replace(BATCHES[0], timestamps=[NOW_MS, NOW_MS])


@pytest.fixture(scope="module", autouse=True)
def _stored(event_database):
    event_database.run_now(lambda client: client.insert_arrow("events", event_table(BATCHES), settings=INSERT_SETTINGS))


@pytest.fixture
def reader(event_database) -> BatchReader:
    return BatchReader(event_database, TOO_OLD_MS)


async def test_the_events_of_batches_are_read_at_once(reader):
    wanted = [Arrival.of(item) for item in BATCHES[:2]]
    parts = await reader.parts(wanted)
    assert set(parts) == {(1, 2**64 - 1), (1, 7)}
    first, second = parts[1, 2**64 - 1], parts[1, 7]
    assert (list(first.messages), list(first.positions), first.batch) == (["a", "b"], [0, 1], 2**64 - 1)
    assert (list(second.messages), second.ingested_ms, list(second.timestamps)) == (["c"], NOW_MS + 5, [NOW_MS + 7])


async def test_what_is_not_there_is_left_out(reader):
    assert await reader.parts([Arrival.of(batch(99, 1, "never stored"))]) == {}


@pytest.mark.parametrize(
    ("since_ms", "found"),
    [(NOW_MS, BATCHES[:3]), (NOW_MS + 5, BATCHES[1:2]), (NOW_MS + 6, [])],
    ids=["all", "the later ones", "none"],
)
async def test_arrivals_since_a_time_in_order(reader, since_ms, found):
    arrivals = await reader.arrivals([GROUP], since_ms)
    assert [item.ingested_ms for item in arrivals] == sorted(item.ingested_ms for item in arrivals)
    places = {(item.stream_id, item.batch): (item.first_ms, item.last_ms, item.events) for item in arrivals}
    assert places == {
        (item.stream_id, item.number): (item.timestamps[0], item.timestamps[-1], len(item.messages)) for item in found
    }
    assert all(item.content is None for item in arrivals)
