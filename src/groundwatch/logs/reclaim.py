"""Gives back the space of deleted groups and streams, in the background.

Their events are out of reach from the moment of deletion; what waits is remembered in the metadata database, so a
restart goes on where the last run stopped.
"""

from __future__ import annotations

import asyncio
import logging

from groundwatch.logs.catalog import LogCatalog, Reclaim
from groundwatch.logs.writer import EventWriter
from groundwatch.storage.clickhouse import Client, EventDatabase

log = logging.getLogger(__name__)
RETRY_S = 60.0

BY_GROUP = "DELETE FROM events WHERE has({groups:Array(UInt64)}, group_id)"
BY_STREAM = "DELETE FROM events WHERE has({groups:Array(UInt64)}, group_id) AND has({streams:Array(UInt64)}, stream_id)"


class Reclaimer:
    """Deletes the events that no name leads to any more; one run at a time."""

    def __init__(self, catalog: LogCatalog, writer: EventWriter, database: EventDatabase) -> None:
        self._catalog = catalog
        self._writer = writer
        self._database = database
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work in the background, first on what an earlier run left."""
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="reclaimer")

    def wake(self) -> None:
        """Say that something was deleted."""
        self._wake.set()

    async def stop(self) -> None:
        """End the background work; what is left goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def reclaim(self) -> int:
        """Delete the events of everything that waits, and return how many deletions that were."""
        waiting = await self._catalog.waiting_reclaims()
        if not waiting:
            return 0
        # A put that found its stream before the deletion may still be on its way to the store.
        await self._writer.flush()
        await self._database.run("search", lambda client: _delete(client, waiting))
        await self._catalog.reclaimed([item.number for item in waiting])
        return len(waiting)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.reclaim()
            except Exception:
                # The loop must outlive a failing store; the deletions stay remembered.
                log.exception("space of deleted log groups could not be reclaimed; trying again in %d s", RETRY_S)
                await asyncio.sleep(RETRY_S)
                self._wake.set()


def _delete(client: Client, waiting: list[Reclaim]) -> None:
    groups = [item.group_number for item in waiting if item.stream_number is None]
    streams = [item for item in waiting if item.stream_number is not None]
    if groups:
        client.command(BY_GROUP, parameters={"groups": groups})
    if streams:
        owners = sorted({item.group_number for item in streams})
        client.command(BY_STREAM, parameters={"groups": owners, "streams": [item.stream_number for item in streams]})
