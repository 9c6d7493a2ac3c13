"""The stores of a server that does not run: backups and checks by whoever holds the data directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.errors import StorageError
from groundwatch.storage.sql import open_engine
from groundwatch.upkeep.backup import Sources, complete, new_backup, take_snapshot
from groundwatch.upkeep.copying import Progress
from groundwatch.upkeep.findings import Finding
from groundwatch.upkeep.manifest import Manifest
from groundwatch.upkeep.part_checks import check_parts
from groundwatch.upkeep.store_checks import (
    EVENTS,
    METADATA,
    RESTORE_ADVICE,
    StoredGroups,
    check_clock,
    check_event_store,
    check_metadata,
    check_orphans,
    list_groups,
)


def back_up(sources: Sources, directory: Path, progress: Progress) -> Manifest:
    """Back up a stopped server into a new directory. Raises BackupError, StorageError."""
    events = EventDatabase(f"chdb://{sources.events}")
    try:
        with new_backup(directory, sources) as draft:
            snapshot = events.run_now(lambda client: take_snapshot(client, sources, draft))
            return complete(snapshot, sources, draft, progress)
    finally:
        events.close()


def examine(
    sources: Sources, now_ms: int, on_parts: Callable[[int, int], None] = lambda _checked, _parts: None
) -> list[Finding]:
    """Check both stores; `on_parts` hears how many parts are checked, and of how many."""
    if not sources.events.is_dir():
        return [Finding(EVENTS, "failing", f"{sources.events} does not exist", "name the right --data")]
    try:
        events = EventDatabase(f"chdb://{sources.events}")
    except StorageError as error:
        return [*_metadata(sources, None), Finding(EVENTS, "failing", str(error)[:500], RESTORE_ADVICE)]
    try:
        stored = events.run_now(list_groups)
        findings = [*_metadata(sources, stored), check_clock(stored, now_ms), *events.run_now(check_event_store)]
        return findings + _parts(events, on_parts)
    except StorageError as error:
        return [*_metadata(sources, None), Finding(EVENTS, "failing", str(error)[:500], RESTORE_ADVICE)]
    finally:
        events.close()


def _metadata(sources: Sources, stored: StoredGroups | None) -> list[Finding]:
    path = sources.databases["metadata.db"]
    if not path.exists():
        return [Finding(METADATA, "failing", f"{path} does not exist", RESTORE_ADVICE)]
    engine = open_engine(f"sqlite:///{path}")

    def check(connection: Connection) -> list[Finding]:
        found = check_metadata(connection)
        return found if stored is None else [*found, check_orphans(connection, stored)]

    try:
        with engine.connect() as connection:
            return check(connection)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        return [Finding(METADATA, "failing", f"{path} cannot be read: {reason}", RESTORE_ADVICE)]
    finally:
        engine.dispose()


def _parts(events: EventDatabase, on_parts: Callable[[int, int], None]) -> list[Finding]:
    findings: list[Finding] = []
    after: str | None = ""
    done = 0
    while after is not None:
        checked = events.run_now(lambda client, after=after: check_parts(client, after))  # type: ignore[misc]
        findings += checked.findings
        done += checked.checked
        on_parts(done, done + checked.left)
        after = checked.last
    return findings
