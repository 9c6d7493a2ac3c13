"""Restores a backup into an empty data directory; the server starts on it as on the original."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from groundwatch.data_directory import LOCK_NAME, RESTORE_MARK
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.upkeep.backup import EVENTS, FILES
from groundwatch.upkeep.copying import Progress, copy_checked, sync_directories
from groundwatch.upkeep.errors import BackupError
from groundwatch.upkeep.frozen import list_tables
from groundwatch.upkeep.manifest import FileEntry, Manifest, TableEntry, read_manifest


class Places(msgspec.Struct, frozen=True):
    """Where a backup goes."""

    data: Path
    events: Path
    databases: dict[str, Path]


def restore(backup: Path, places: Places, progress: Progress) -> Manifest:
    """Put the backup in its places, each file compared with the manifest, and return that.

    The caller holds the data directory. Raises BackupError; what was restored until then stays, with a mark that keeps
    a server from starting on it.
    """
    manifest = read_manifest(backup)
    _require_empty(places)
    progress.total_bytes = manifest.size_bytes
    free_bytes = shutil.disk_usage(places.data).free
    if free_bytes < manifest.size_bytes:
        raise BackupError(f"{places.data} has {free_bytes} bytes free, and the backup needs {manifest.size_bytes}")
    mark = places.data / RESTORE_MARK
    mark.touch(mode=0o600)
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        if path.parts[0] == FILES:
            name = "/".join(path.parts[1:])
            copy_checked(entry, backup / entry.path, places.databases.get(name, places.data / name), progress)
    _restore_events(backup, manifest, places.events, progress)
    sync_directories(places.data)
    mark.unlink()
    return manifest


def _require_empty(places: Places) -> None:
    found = sorted(path.name for path in places.data.iterdir() if path.name != LOCK_NAME)
    if found:
        shown = ", ".join(found[:3])
        raise BackupError(f"{places.data} is not empty (it holds {shown}); restore into a new directory")
    for path in (places.events, *places.databases.values()):
        if path.exists():
            raise BackupError(f"{path} exists already; restore where nothing is yet")


def _restore_events(backup: Path, manifest: Manifest, directory: Path, progress: Progress) -> None:
    of_table: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        if path.parts[0] == EVENTS:
            of_table[path.parts[1]].append(entry)
    database = EventDatabase(f"chdb://{directory}")
    try:
        for table in manifest.tables:
            entries = of_table[table.name]
            database.run_now(
                lambda client, table=table, entries=entries: _restore_table(client, backup, table, entries, progress)  # type: ignore[misc]
            )
    finally:
        database.close()
    sync_directories(directory)


def _restore_table(
    client: Client, backup: Path, table: TableEntry, entries: Sequence[FileEntry], progress: Progress
) -> None:
    client.command(table.create)
    path = next(path for name, _, path in list_tables(client) if name == table.name)
    # The one place from which the engine attaches parts.
    detached = Path(path) / "detached"
    for entry in entries:
        below = PurePosixPath(entry.path).relative_to(f"{EVENTS}/{table.name}")
        copy_checked(entry, backup / entry.path, detached / below, progress)
    for part in table.parts:
        sync_directories(detached / part)
        client.command(f"ALTER TABLE {table.name} ATTACH PART {{part:String}}", parameters={"part": part})
    rows = int(client.query(f"SELECT count() FROM {table.name}").result_rows[0][0])  # noqa: S608 - from the manifest
    if rows != table.rows:
        raise BackupError(f"table {table.name} has {rows} rows after the restore, and the backup {table.rows}")
