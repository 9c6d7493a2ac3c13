"""Gives back the space of deleted groups and streams and of expired events, in the background.

Their events are out of reach at once: names lead to numbers that are never used again, and reads begin where the
group's retention does. What was deleted is remembered in the metadata database, so a restart goes on where the last run
stopped; what expired follows from the retentions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from groundwatch.background import BackgroundWork
from groundwatch.logs.catalog import LogCatalog, Reclaim
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.writer import EventWriter
from groundwatch.storage.clickhouse import Client, EventDatabase, portions

RETRY_S = 60.0
EXPIRY_INTERVAL_S = 3600.0
SETTLE_S = 10.0
"""How long other nodes may go on storing events of what was deleted: they remember names for a second, and an insert
takes its time."""

# A mutation rewrites the parts that hold such rows and drops those that become empty; a lightweight DELETE would only
# hide the rows until some later merge.
SYNCHRONOUS = {"mutations_sync": "1"}
OF_GROUPS = "has({groups:Array(UInt64)}, group_id)"
OF_STREAMS = "has({groups:Array(UInt64)}, group_id) AND has({streams:Array(UInt64)}, stream_id)"
EXPIRED = f"{OF_GROUPS} AND timestamp < {{cutoff:Int64}}"


class Reclaimer(BackgroundWork):
    """Deletes the events that no read leads to any more: every hour, and woken by a deletion or a retention.

    `on_delete` hears when some may be gone, before their deletion is taken for done.
    """

    def __init__(
        self,
        catalog: LogCatalog,
        writer: EventWriter,
        database: EventDatabase,
        clock_ms: Callable[[], int],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_delete: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("reclaiming of space", retry_s=RETRY_S)
        self._catalog = catalog
        self._writer = writer
        self._database = database
        self._clock_ms = clock_ms
        self._pause = pause
        self._on_delete = on_delete
        self._forgetting = asyncio.Lock()

    def remembering(self) -> asyncio.Lock:
        """Return a lock: while it is held, no deletion is taken for done, so that copies of both stores fit."""
        return self._forgetting

    async def reclaim(self) -> int:
        """Delete the events of everything that was deleted, and return how many deletions that were."""
        waiting = await self._catalog.waiting_reclaims()
        if not waiting:
            return 0
        if self._catalog.shared:
            await self._pause(SETTLE_S)
        # A put that found its stream before the deletion may still be on its way to the store.
        await self._writer.flush()
        await self._database.run("upkeep", lambda client: _delete(client, waiting))
        self._on_delete()
        async with self._forgetting:
            await self._catalog.reclaimed([item.number for item in waiting])
        return len(waiting)

    async def expire(self) -> None:
        """Delete the events that are older than their group's retention."""
        now_ms = self._clock_ms()
        retentions = await self._catalog.retentions()
        cutoffs = {group: now_ms - days * DAY_MS for group, days in retentions.items()}
        if cutoffs:
            await self._database.run("upkeep", lambda client: _expire(client, cutoffs))
            self._on_delete()

    async def _round(self) -> float:
        await self.reclaim()
        await self.expire()
        return EXPIRY_INTERVAL_S


def _delete(client: Client, waiting: Sequence[Reclaim]) -> None:
    for groups in portions([item.group_number for item in waiting if item.stream_number is None]):
        _mutate(client, OF_GROUPS, {"groups": groups})
    owners = {item.stream_number: item.group_number for item in waiting if item.stream_number is not None}
    for streams in portions(list(owners)):
        # Numbers of streams are unique, so the groups only tell the engine where to look.
        of_groups = sorted({owners[stream] for stream in streams})
        _mutate(client, OF_STREAMS, {"groups": of_groups, "streams": streams})


def _expire(client: Client, cutoffs: Mapping[int, int]) -> None:
    # Groups with the same retention share a cutoff, so one statement serves them, as many as fit.
    by_cutoff: dict[int, list[int]] = {}
    for group, cutoff in cutoffs.items():
        by_cutoff.setdefault(cutoff, []).append(group)
    for cutoff, groups in by_cutoff.items():
        for portion in portions(groups):
            _expire_groups(client, {"groups": portion, "cutoff": cutoff})


def _expire_groups(client: Client, parameters: dict[str, object]) -> None:
    # Most runs find nothing, and a mutation that changes nothing is still a mutation of every part.
    found = client.query(f"SELECT 1 FROM events WHERE {EXPIRED} LIMIT 1", parameters=parameters)  # noqa: S608
    if found.result_rows:
        _mutate(client, EXPIRED, parameters)


def _mutate(client: Client, condition: str, parameters: Mapping[str, object]) -> None:
    bound = dict(parameters)
    client.command(f"ALTER TABLE events DELETE WHERE {condition}", parameters=bound, settings=SYNCHRONOUS)
