"""Backups of a running server: one at a time, into the directory that the operator chose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.errors import StorageError
from groundwatch.upkeep.backup import Sources, complete, new_backup, take_snapshot
from groundwatch.upkeep.copying import Progress
from groundwatch.upkeep.errors import BackupError
from groundwatch.upkeep.frozen import unfreeze

T = TypeVar("T")
log = logging.getLogger(__name__)


class RunningBackup:
    """One backup since the server started, and how far it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: Literal["RUNNING", "COMPLETED", "FAILED"] = "RUNNING"
        self.progress = Progress()
        self.events = 0
        self.reason = ""

    def describe(self) -> dict[str, object]:
        """Return the members of the model's `Backup`."""
        return {
            "name": self.path.name,
            "path": str(self.path),
            "state": self.state,
            "copiedBytes": self.progress.done_bytes,
            "totalBytes": self.progress.total_bytes,
            "events": self.events,
            **({"reason": self.reason} if self.reason else {}),
        }


class BackupDesk:
    """Makes backups in the background; `hold` keeps deletions from being forgotten while a snapshot is taken.

    `sources` is None where the stores are servers of their own, which have their own backups.
    """

    def __init__(
        self,
        directory: Path | None,
        sources: Sources | None,
        events: EventDatabase,
        hold: AbstractAsyncContextManager[object],
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._events = events
        self._hold = hold
        # Of each name the last one; names are few, since each is a directory.
        self._known: dict[str, RunningBackup] = {}
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Let go of what a process that was killed held for its backup: the disk would stay full of it."""
        if self._sources is not None:
            await asyncio.to_thread(unfreeze, self._sources.events)

    def start(self, name: str) -> RunningBackup:
        """Begin a backup; raises ServiceError when this server makes none, or not now."""
        if self._directory is None:
            message = "This server makes no backups: it was started without --backup-directory."
            raise ServiceError("ValidationException", message)
        if self._sources is None:
            message = (
                "Only embedded stores are backed up by this server. Back up the events with ClickHouse's BACKUP, "
                "then the metadata with pg_dump."
            )
            raise ServiceError("ValidationException", message)
        if self._task is not None and not self._task.done():
            raise ServiceError("ConflictException", "A backup is running; wait until it has ended.")
        path = self._directory / name
        if path.exists():
            raise ServiceError("ConflictException", f"{path} exists already; give a new name.")
        backup = self._known[name] = RunningBackup(path)
        self._task = asyncio.create_task(self._run(backup, self._sources), name="backup")
        return backup

    def find(self, name: str) -> RunningBackup:
        """Return a backup that was begun since the server started; raises ServiceError for others."""
        found = self._known.get(name)
        if found is None:
            message = f"No backup called {name} was begun since the server started."
            raise ServiceError("ResourceNotFoundException", message)
        return found

    async def stop(self) -> None:
        """Give up what is running; its draft is removed."""
        for backup in self._known.values():
            backup.progress.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self, backup: RunningBackup, sources: Sources) -> None:
        try:
            await self._make(backup, sources)
        except (BackupError, StorageError, OSError) as error:
            backup.state, backup.reason = "FAILED", str(error)
            log.error("backup %s failed: %s", backup.path, error)  # noqa: TRY400 - the text says it all
        except Exception:
            # Whoever asks how far it is must learn that it has ended.
            backup.state, backup.reason = "FAILED", "an internal error; see the server's log"
            log.exception("backup %s failed", backup.path)
        else:
            backup.state = "COMPLETED"
            log.info("backup %s is complete: %d bytes", backup.path, backup.progress.total_bytes)

    async def _make(self, backup: RunningBackup, sources: Sources) -> None:
        async with _in_threads(new_backup(backup.path, sources)) as draft:
            async with self._hold:
                snapshot = await self._events.run("care", lambda client: take_snapshot(client, sources, draft))
            manifest = await asyncio.to_thread(complete, snapshot, sources, draft, backup.progress)
            backup.events = next((table.rows for table in manifest.tables if table.name == "events"), 0)


@asynccontextmanager
async def _in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context that removes many files, without keeping the event loop from its work."""
    entered = await asyncio.to_thread(manager.__enter__)
    try:
        yield entered
    except BaseException as error:
        if not await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)
