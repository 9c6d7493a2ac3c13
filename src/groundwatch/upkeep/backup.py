"""A backup: a directory with the events, the SQLite databases and the private files of one server, and a manifest.

The order makes it consistent. Events are held first, the metadata is copied next, so every event in the backup finds
its stream there, and no number of a group or stream is given out twice after a restore.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import make_url

from groundwatch.data_directory import PRIVATE_DIRECTORY
from groundwatch.storage.clickhouse import Client
from groundwatch.upkeep.copying import Progress, copy_file, entry_of, files_below, sync_directories
from groundwatch.upkeep.errors import BackupError
from groundwatch.upkeep.frozen import FrozenTable, freeze, unfreeze
from groundwatch.upkeep.manifest import FORMAT, Manifest, TableEntry, write_manifest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
EVENTS = "events"
FILES = "files"
PRIVATE_FILES = ("admin-credentials", "groundwatch.toml")
KEY_DIRECTORIES = ("tls", "notifications")
SPARE_BYTES = 64 * 1024 * 1024
"""What a backup leaves free on its disk."""


class Sources(msgspec.Struct, frozen=True):
    """What belongs to a server with embedded stores."""

    data: Path
    events: Path
    """The directory of the embedded engine."""
    databases: Mapping[str, Path]
    """SQLite files, by the name that they have in the data directory; those that are missing are left out."""


def embedded_sources(data: Path, events_url: str, metadata_url: str) -> Sources | None:
    """Return what belongs to a server with these settings, None when one of its stores is a server of its own."""
    events, metadata = urlsplit(events_url), make_url(metadata_url)
    if events.scheme != "chdb" or metadata.get_backend_name() != "sqlite" or not metadata.database:
        return None
    databases = {"metadata.db": Path(metadata.database), "deliveries.db": data / "deliveries.db"}
    return Sources(data, Path(events.path), databases)


class Snapshot(msgspec.Struct, frozen=True):
    """What is held of a server, to be copied at leisure."""

    created: str
    engine: str
    tables: list[FrozenTable]
    databases: list[str]


def take_snapshot(client: Client, sources: Sources, draft: Path) -> Snapshot:
    """Hold the events and copy the databases into `draft`; a moment's work, during which nothing may be forgotten.

    The caller sees to it that no deletion is taken for done meanwhile: the events may still hold what was deleted.
    """
    created = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    engine = str(client.query("SELECT version()").result_rows[0][0])
    tables = freeze(client, sources.events)
    (draft / FILES).mkdir(mode=PRIVATE_DIRECTORY)
    copied = [name for name, path in sources.databases.items() if path.exists()]
    for name in copied:
        _copy_database(sources.databases[name], draft / FILES / name)
    return Snapshot(created, engine, tables, copied)


def complete(snapshot: Snapshot, sources: Sources, draft: Path, progress: Progress) -> Manifest:
    """Copy what the snapshot holds into `draft`, let go of it, and write the manifest. Raises BackupError, OSError."""
    wanted = [*_event_files(snapshot), *_private_files(sources)]
    entries = [entry_of(draft / FILES / name, f"{FILES}/{name}") for name in snapshot.databases]
    needed_bytes = sum(source.stat().st_size for _, source in wanted)
    free_bytes = shutil.disk_usage(draft).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise BackupError(f"{draft.parent} has {free_bytes} bytes free, and the backup needs {needed_bytes} more")
    copied_bytes = sum(entry.size_bytes for entry in entries)
    progress.total_bytes = needed_bytes + copied_bytes
    progress.advance(copied_bytes)
    entries += [copy_file(source, draft / name, name, progress) for name, source in wanted]
    tables = tuple(
        TableEntry(table.name, table.create, table.rows, tuple(part.name for part in table.parts))
        for table in snapshot.tables
    )
    version = importlib.metadata.version("groundwatch")
    manifest = Manifest(FORMAT, snapshot.created, version, snapshot.engine, tables, tuple(entries))
    write_manifest(draft, manifest)
    sync_directories(draft)
    return manifest


@contextlib.contextmanager
def new_backup(directory: Path, sources: Sources) -> Iterator[Path]:
    """Yield a draft that becomes the backup `directory` when all goes well, and vanishes when it does not."""
    if directory.exists():
        raise BackupError(f"{directory} exists already; give a new name")
    draft = directory.with_name(f".{directory.name}.partial")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
        # What an interrupted backup of that name left.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=PRIVATE_DIRECTORY)
    except OSError as error:
        raise BackupError(f"cannot write {draft}: {error.strerror}") from error
    try:
        yield draft
        draft.rename(directory)
        sync_directories(directory)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"the backup failed: {error}") from error
    finally:
        unfreeze(sources.events)
        shutil.rmtree(draft, ignore_errors=True)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use, as of one moment, and check the copy."""
    target.touch(mode=0o600)
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
        contextlib.closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        found = [row[0] for row in writing.execute("PRAGMA integrity_check(3)")]
        # One file instead of one with a log beside it.
        writing.execute("PRAGMA journal_mode=DELETE")
    if found != ["ok"]:
        raise BackupError(f"{source} is damaged: {'; '.join(found)}; see `groundwatch doctor`")


def _event_files(snapshot: Snapshot) -> Iterator[tuple[str, Path]]:
    for table in snapshot.tables:
        for part in table.parts:
            for path in files_below(part):
                yield f"{EVENTS}/{table.name}/{part.name}/{path.relative_to(part).as_posix()}", path


def _private_files(sources: Sources) -> Iterator[tuple[str, Path]]:
    named = [sources.data / name for name in PRIVATE_FILES]
    for path in (*named, *(path for name in KEY_DIRECTORIES for path in files_below(sources.data / name))):
        if path.is_file():
            yield f"{FILES}/{path.relative_to(sources.data).as_posix()}", path
