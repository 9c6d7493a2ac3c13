"""When events are shredded, and what is kept of that."""

import pytest
from tests.logs.insights.conftest import EventGroup
from tests.waiting import until

from groundwatch.logs.shredding.columns import FieldColumn, add_columns, read_columns, renew_codecs
from groundwatch.logs.shredding.shredder import MANY_EVENTS, OLD_MS, SETTLED_MS, Shredder, Waiting
from groundwatch.storage.event_schema import WEEK_MS

WEEK = 2_950
START_MS = WEEK * WEEK_MS
STATE = "SELECT shredded, count() FROM events WHERE group_id = {group:UInt64} GROUP BY shredded ORDER BY shredded"


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


async def no_pause(_seconds) -> None:
    return None


@pytest.mark.parametrize(
    ("events", "oldest_ms", "newest_ms", "merging", "due"),
    [
        pytest.param(10, 0, 0, False, False, id="just put"),
        pytest.param(10, SETTLED_MS, SETTLED_MS, False, True, id="settled"),
        pytest.param(10, SETTLED_MS, SETTLED_MS, True, False, id="settled, but parts are merging"),
        pytest.param(10, SETTLED_MS * 2, 0, False, False, id="more still comes"),
        pytest.param(10, OLD_MS, 0, True, True, id="waiting for long"),
        pytest.param(MANY_EVENTS, 0, 0, True, True, id="many"),
    ],
)
def test_events_are_due(events, oldest_ms, newest_ms, merging, due):
    now_ms = 10 * OLD_MS
    waiting = Waiting("1", events, now_ms - oldest_ms, now_ms - newest_ms)
    assert waiting.is_due(now_ms, merging=merging) == due


async def test_what_has_settled_is_shredded_once_and_what_is_new_is_added(event_database):
    clock, group = Clock(), EventGroup(event_database)
    shredder = Shredder(event_database, clock, pause=no_pause)

    def put(message, first):
        group.put([{"timestamp": START_MS + first + n, "message": message} for n in range(100)])

    def state():
        return group.rows(STATE, {"group": group.number})

    put("plain text", 0)
    clock.now_ms += SETTLED_MS + 200
    await shredder.shred()
    # There are no fields, so there is nothing to mark.
    assert state() == [(0, 100)]
    put('{"level":"INFO"}', 200)
    await shredder.shred()
    assert state() == [(0, 200)]
    clock.now_ms += 2 * SETTLED_MS
    await shredder.shred()
    version = len(shredder.columns())
    assert version > 0
    assert state() == [(version, 200)]
    put('{"level":7}', 400)
    assert await shredder.shred(everything=True) >= 100
    assert await shredder.shred(everything=True) == 0
    # A type that was not there gets a column; events that were shredded before stay as they are.
    assert state() == [(version, 200), (version + 1, 100)]
    assert [column.kind for column in shredder.columns() if column.path == ("level",)] == ["word", "integer"]
    # The table itself remembers.
    assert event_database.run_now(read_columns) == list(shredder.columns())


async def test_whatever_fails_it_goes_on(event_database, monkeypatch):
    shredder, rounds = Shredder(event_database, Clock()), []

    async def fail():
        rounds.append(None)
        raise ValueError("a fault of our own")

    monkeypatch.setattr(shredder, "shred", fail)
    await shredder.begin()
    await until(lambda: rounds)
    shredder.wake()
    await until(lambda: len(rounds) == 2)
    await shredder.stop()


CODEC = "SELECT compression_codec FROM system.columns WHERE table = 'events' AND name = {name:String}"


async def test_columns_of_an_earlier_version_get_the_codecs_of_today(event_database):
    integer = FieldColumn(900, ("made", "earlier"), "integer")

    def codec(client) -> str:
        return client.query(CODEC, parameters={"name": integer.name}).result_rows[0][0]

    event_database.run_now(lambda client: add_columns(client, [integer]))
    today = event_database.run_now(codec)
    event_database.run_now(
        lambda client: client.command(f"ALTER TABLE events MODIFY COLUMN {integer.name} CODEC(Default)")
    )
    assert event_database.run_now(codec) != today
    event_database.run_now(lambda client: renew_codecs(client, [integer]))
    assert event_database.run_now(codec) == today
    event_database.run_now(lambda client: client.command(f"ALTER TABLE events DROP COLUMN {integer.name}"))
