"""The background work of the reclaimer: it ends with the server, and takes any number of deletions."""

import asyncio

import pytest
import sqlalchemy

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.events import EventKey
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.patterns.sql import Condition
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.reclaim import SETTLE_S, Reclaimer
from groundwatch.logs.writer import INSERT_SETTINGS, Batch, EventWriter, event_table
from groundwatch.storage.tables.logs import reclaims


@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_is_not_lost_when_something_was_just_deleted(room, turns):
    async def idle() -> None:
        done.set()

    done = asyncio.Event()
    room.reclaimer.expire = idle
    room.reclaimer.start()
    await done.wait()
    await take_turns(5)
    room.reclaimer.wake()
    await take_turns(turns)
    async with asyncio.timeout(5):
        await room.reclaimer.stop()


async def take_turns(count: int) -> None:
    """Let the other tasks of the loop run, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


MANY = 120_000
"""More numbers than a statement can take: 1.2 MB of them."""


async def test_more_is_reclaimed_than_fits_into_a_statement(room, operations, context, clock, event_database):
    """The embedded engine never came back from a bound value of more than 1 MiB, nor the reclaimer with it."""
    await operations.create_log_group(context, log_group_name="g")
    group = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    gone = 10_000_000
    await put_directly(event_database, group.number, [gone, gone + MANY - 1, gone + MANY], clock.now_ms)
    await remember_deletions(room, group.number, range(gone, gone + MANY))
    async with asyncio.timeout(60):
        assert await room.reclaimer.reclaim() == MANY
    assert await room.catalog.waiting_reclaims() == []
    assert list(await room.store.stream_statistics(group.number)) == [gone + MANY]


async def test_searches_of_very_many_streams_are_answered(room, operations, context, clock, event_database):
    await operations.create_log_group(context, log_group_name="g")
    group = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    first = 20_000_000
    chosen = [first + MANY, first + 5, first + MANY - 1, first]
    await put_directly(event_database, group.number, [*chosen, first - 1], clock.now_ms)
    everything = Range(BEGINNING, EventKey(2**62, 0, 0, 0))
    for newest in (False, True):
        async with asyncio.timeout(60):
            found = await room.store.search(
                group.number, range(first, first + MANY + 1), Condition("1", {}), everything, 3, newest=newest
            )
        in_order = chosen[::-1] if newest else chosen
        assert [event.stream_id for event in found] == in_order[:3]


async def test_retentions_of_very_many_groups(room, operations, context, clock, event_database):
    await operations.create_log_group(context, log_group_name="g")
    await operations.put_retention_policy(context, log_group_name="g", retention_in_days=1)
    group = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    await put_directly(event_database, group.number, [1], clock.now_ms - 2 * DAY_MS)
    await put_directly(event_database, group.number, [2], clock.now_ms)

    async def retentions() -> dict[int, int]:
        return {number: 3 + number % 2 for number in range(30_000_000, 30_000_000 + MANY)} | {group.number: 1}

    room.catalog.retentions = retentions
    async with asyncio.timeout(60):
        await room.reclaimer.expire()
    assert list(await room.store.stream_statistics(group.number)) == [2]


async def test_events_that_other_nodes_store_meanwhile_are_reclaimed_too(
    room, operations, context, clock, event_database
):
    await operations.create_log_group(context, log_group_name="g")
    group = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    await operations.delete_log_group(context, log_group_name="g")
    paused = []

    async def pause(duration_s: float) -> None:
        paused.append(duration_s)
        await put_directly(event_database, group.number, [1], clock.now_ms)

    writer = EventWriter(event_database, lambda batches: None)
    reclaimer = Reclaimer(room.catalog, writer, event_database, clock, pause=pause)
    room.catalog.shared = True
    assert await reclaimer.reclaim() == 1
    assert paused == [SETTLE_S]
    assert not await room.store.stream_statistics(group.number)


async def put_directly(event_database, group_id: int, stream_ids: list[int], first_ms: int) -> None:
    """Store an event for each stream, a millisecond apart."""
    batches = [
        Batch(group_id, stream_id, first_ms, stream_id, [first_ms + place], ["m"], 27)
        for place, stream_id in enumerate(stream_ids)
    ]
    await event_database.run(
        "write", lambda client: client.insert_arrow("events", event_table(batches), settings=INSERT_SETTINGS)
    )


async def remember_deletions(room, group_id: int, stream_ids: range) -> None:
    rows = [{"group_id": group_id, "stream_id": number} for number in stream_ids]
    database = room.catalog._database
    await database.write(lambda connection: connection.execute(sqlalchemy.insert(reclaims), rows))


async def test_a_deletion_is_not_forgotten_while_a_backup_is_taken(room, operations, context):
    """Else a backup could hold the deleted events, and metadata that no longer knows that they are to go."""
    await operations.create_log_group(context, log_group_name="g")
    await operations.delete_log_group(context, log_group_name="g")
    async with room.reclaimer.remembering():
        reclaiming = asyncio.create_task(room.reclaimer.reclaim())
        waiting = await room.catalog.waiting_reclaims()
        done, _ = await asyncio.wait([reclaiming], timeout=0.3)
        assert not done
        assert await room.catalog.waiting_reclaims() == waiting != []
    assert await reclaiming == 1
    assert await room.catalog.waiting_reclaims() == []
