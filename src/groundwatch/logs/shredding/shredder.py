"""Fills the columns of fields in the background, when what was put has settled, and knows which columns there are.

An event is acknowledged with its message alone, since shredding costs more than storing. The engine replaces a part by
one with the columns filled, so whatever crashes, an event's columns and its `shredded` belong together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from groundwatch.background import BackgroundWork
from groundwatch.logs.shredding.choosing import choose_columns
from groundwatch.logs.shredding.columns import FieldColumn, add_columns, read_columns, renew_codecs
from groundwatch.logs.shredding.rewriting import rewriting
from groundwatch.storage.clickhouse import Client, EventDatabase, Rows
from groundwatch.storage.errors import StorageError

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
PARTS = "SELECT name, partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'"
OF_PARTS = """
    SELECT _part, countIf(shredded = 0), minIf(ingested, shredded = 0), maxIf(ingested, shredded = 0) FROM events
    WHERE has({parts:Array(String)}, _part) GROUP BY _part
"""
MANY_PARTS = 1_000
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

    def with_more(self, other: Waiting) -> Waiting:
        """Return these events and others of the partition."""
        oldest_ms, newest_ms = min(self.oldest_ms, other.oldest_ms), max(self.newest_ms, other.newest_ms)
        return Waiting(self.partition_id, self.events + other.events, oldest_ms, newest_ms)

    def is_due(self, now_ms: int, *, merging: bool) -> bool:
        """Return whether it is time to shred them."""
        if self.events >= MANY_EVENTS or now_ms - self.oldest_ms >= OLD_MS:
            return True
        return not merging and now_ms - self.newest_ms >= SETTLED_MS


class Shredder(BackgroundWork):
    """Shreds one partition at a time. Queries read the messages of what is not shredded, so failures cost only time.

    A stop leaves to the engine what it has begun, which it goes on with when it is opened again.
    """

    def __init__(
        self,
        database: EventDatabase,
        clock_ms: Callable[[], int],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__("shredding of fields", retry_s=RETRY_S)
        self._database = database
        self._clock_ms = clock_ms
        self._pause = pause
        self._columns: tuple[FieldColumn, ...] = ()
        self._known: dict[str, Waiting] = {}
        """What waits in each part; parts never change, so each is looked at once."""
        self._without_fields: dict[str, int] = {}
        """How many events of a partition waited when a sample of them had no fields."""

    def columns(self) -> Sequence[FieldColumn]:
        """Return the columns that queries can use."""
        return self._columns

    async def begin(self) -> None:
        """Learn which columns there are, and start."""
        self._columns = columns = tuple(await self._database.run("upkeep", read_columns))
        await self._database.run("upkeep", lambda client: renew_codecs(client, columns))
        self.start()

    async def shred(self, *, everything: bool = False) -> int:
        """Shred what is due, or everything that waits, and return how many events that were."""
        self._columns = tuple(await self._database.run("upkeep", read_columns))
        await self._finished()
        found = await self._waiting()
        merging = bool((await self._query(MERGES)).result_rows[0][0])
        now_ms, shredded = self._clock_ms(), 0
        for waiting in found:
            if everything or (self._may_have_fields(waiting) and waiting.is_due(now_ms, merging=merging)):
                shredded += await self._shred(waiting)
        return shredded

    async def _waiting(self) -> list[Waiting]:
        """Return what waits in each partition, the newest first."""
        parts = dict(tuple(row) for row in (await self._query(PARTS)).result_rows)
        self._known = {name: known for name, known in self._known.items() if name in parts}
        for some in batched([name for name in parts if name not in self._known], MANY_PARTS):
            for name, *rest in (await self._query(OF_PARTS, {"parts": some})).result_rows:
                self._known[name] = Waiting(parts.get(name, ""), *rest)
        found: dict[str, Waiting] = {}
        for waiting in self._known.values():
            if waiting.events:
                known = found.get(waiting.partition_id)
                found[waiting.partition_id] = waiting if known is None else known.with_more(waiting)
        return sorted(found.values(), key=lambda waiting: -waiting.newest_ms)

    def _may_have_fields(self, waiting: Waiting) -> bool:
        return waiting.events >= 2 * self._without_fields.get(waiting.partition_id, 0)

    async def _query(self, sql: str, parameters: dict[str, object] | None = None) -> Rows:
        return await self._database.run("upkeep", lambda client: client.query(sql, parameters=parameters))

    async def _shred(self, waiting: Waiting) -> int:
        messages = await self._database.run("upkeep", lambda client: _sample(client, waiting))
        added = await asyncio.to_thread(choose_columns, messages, self._columns)
        await self._database.run("upkeep", lambda client: add_columns(client, added))
        columns = (*self._columns, *added)
        if not columns:
            # Text logs, which would be marked for nothing.
            self._without_fields[waiting.partition_id] = waiting.events
            return 0
        statement = rewriting(columns, waiting.partition_id)
        await self._database.run(
            "upkeep", lambda client: client.command(statement.sql, parameters=statement.parameters)
        )
        self._columns = columns
        await self._finished()
        return waiting.events

    async def _finished(self) -> None:
        """Wait until the engine has done what it was told, also before a restart; give up what it cannot do."""
        while True:
            mutations = (await self._query(MUTATIONS)).result_rows
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

    async def _round(self) -> float:
        await self.shred()
        return LOOK_S


def batched(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Cut a list into portions."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _sample(client: Client, waiting: Waiting) -> list[str]:
    # Some rows at every so many places: few granules are read, of whatever groups there are.
    every = max(SAMPLED_ROWS, min(SAMPLED_EVERY, waiting.events * SAMPLED_ROWS // MAX_SAMPLED))
    parameters = {"partition": waiting.partition_id, "every": every, "rows": SAMPLED_ROWS, "limit": MAX_SAMPLED}
    return [str(row[0]) for row in client.query(SAMPLE, parameters=parameters).result_rows]
