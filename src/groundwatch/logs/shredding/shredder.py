"""Fills the columns of fields in the background, when what was put has settled, and knows which columns there are.

An event is acknowledged with its message alone, since shredding costs more than storing. The engine replaces a part by
one with the columns filled, so whatever crashes, an event's columns and its `shredded` belong together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from groundwatch.logs.shredding.choosing import choose_columns
from groundwatch.logs.shredding.columns import FieldColumn, add_columns, read_columns
from groundwatch.logs.shredding.rewriting import rewriting
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)
LOOK_S = 5.0
RETRY_S = 60.0
POLL_S = 0.2
SETTLED_MS = 15_000
"""What nothing was added to for so long is shredded, once merges are done: parts merged afterwards cost more."""
OLD_MS = 600_000
MANY_EVENTS = 5_000_000
"""So many or such old events are shredded whatever else happens."""
SAMPLED_ROWS = 64
SAMPLED_EVERY = 65_536
MAX_SAMPLED = 10_000
WAITING = """
    SELECT _partition_id, count(), min(ingested), max(ingested) FROM events WHERE shredded = 0 GROUP BY _partition_id
    ORDER BY max(ingested) DESC
"""
MERGES = "SELECT count() FROM system.merges WHERE database = currentDatabase() AND table = 'events'"
SAMPLE = """
    SELECT message FROM events
    WHERE _partition_id = {partition:String} AND shredded = 0 AND _part_offset % {every:UInt64} < {rows:UInt64}
    LIMIT {limit:UInt64}
"""
MUTATIONS = """
    SELECT mutation_id, latest_fail_reason FROM system.mutations
    WHERE database = currentDatabase() AND table = 'events' AND NOT is_done AND position(command, '(UPDATE ') > 0
"""
KILL = "KILL MUTATION WHERE database = currentDatabase() AND table = 'events' AND mutation_id = {id:String}"


class Waiting(msgspec.Struct, frozen=True):
    """Events of a partition that are not shredded."""

    partition_id: str
    events: int
    oldest_ms: int
    """When the first of them was put; `newest_ms` the last."""
    newest_ms: int

    def is_due(self, now_ms: int, *, merging: bool) -> bool:
        """Return whether it is time to shred them."""
        if self.events >= MANY_EVENTS or now_ms - self.oldest_ms >= OLD_MS:
            return True
        return not merging and now_ms - self.newest_ms >= SETTLED_MS


class Shredder:
    """Shreds one partition at a time."""

    def __init__(
        self,
        database: EventDatabase,
        clock_ms: Callable[[], int],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._pause = pause
        self._columns: tuple[FieldColumn, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def columns(self) -> Sequence[FieldColumn]:
        """Return the columns that queries can use."""
        return self._columns

    async def start(self) -> None:
        """Learn which columns there are, and begin to work in the background."""
        self._columns = tuple(await self._database.run("upkeep", read_columns))
        self._task = asyncio.create_task(self._run(), name="shredder")

    async def stop(self) -> None:
        """End the background work; the engine goes on with what it has begun when it is opened again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def shred(self, *, everything: bool = False) -> int:
        """Shred what is due, or everything that waits, and return how many events that were."""
        self._columns = tuple(await self._database.run("upkeep", read_columns))
        await self._finished()
        rows = (await self._database.run("upkeep", lambda client: client.query(WAITING))).result_rows
        merging = bool((await self._database.run("upkeep", lambda client: client.query(MERGES))).result_rows[0][0])
        now_ms, shredded = self._clock_ms(), 0
        for waiting in (Waiting(*row) for row in rows):
            if everything or waiting.is_due(now_ms, merging=merging):
                await self._shred(waiting)
                shredded += waiting.events
        return shredded

    async def _shred(self, waiting: Waiting) -> None:
        messages = await self._database.run("upkeep", lambda client: _sample(client, waiting))
        added = await asyncio.to_thread(choose_columns, messages, self._columns)
        await self._database.run("upkeep", lambda client: add_columns(client, added))
        columns = (*self._columns, *added)
        if not columns:
            # Marked as shredded, text logs would be rewritten for nothing.
            return
        statement = rewriting(columns, waiting.partition_id)
        await self._database.run(
            "upkeep", lambda client: client.command(statement.sql, parameters=statement.parameters)
        )
        self._columns = columns
        await self._finished()

    async def _finished(self) -> None:
        """Wait until the engine has done what it was told, also before a restart; give up what it cannot do."""
        while True:
            mutations = (await self._database.run("upkeep", lambda client: client.query(MUTATIONS))).result_rows
            if not mutations:
                return
            for number, reason in mutations:
                if reason:
                    await self._database.run(
                        "upkeep",
                        lambda client, number=number: client.command(KILL, parameters={"id": number}),  # type: ignore[misc]
                    )
                    raise StorageError(f"events could not be shredded: {str(reason)[:500]}")
            await self._pause(POLL_S)

    async def _run(self) -> None:
        while True:
            pause_s = LOOK_S
            try:
                await self.shred()
            except StorageError:
                # Queries read the messages of what is not shredded.
                pause_s = RETRY_S
                log.exception("fields could not be shredded; next try in %d s", pause_s)
            await self._pause(pause_s)


def _sample(client: Client, waiting: Waiting) -> list[str]:
    # Some rows at every so many places: few granules are read, of whatever groups there are.
    every = max(SAMPLED_ROWS, min(SAMPLED_EVERY, waiting.events * SAMPLED_ROWS // MAX_SAMPLED))
    parameters = {"partition": waiting.partition_id, "every": every, "rows": SAMPLED_ROWS, "limit": MAX_SAMPLED}
    return [str(row[0]) for row in client.query(SAMPLE, parameters=parameters).result_rows]
