"""Copies of files into and out of a backup: private, durable, and with the SHA-256 of what was copied."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from groundwatch.data_directory import PRIVATE_DIRECTORY, PRIVATE_FILE
from groundwatch.upkeep.errors import BackupError
from groundwatch.upkeep.manifest import FileEntry

PIECE_BYTES = 1024 * 1024


class Progress:
    """How far a copy is. One thread advances, others read and may cancel."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self.done_bytes = 0
        self._cancelled = threading.Event()

    def advance(self, size_bytes: int) -> None:
        """Count what was copied. Raises BackupError after `cancel`."""
        self.done_bytes += size_bytes
        if self._cancelled.is_set():
            raise BackupError("the server stopped before the backup was complete")

    def cancel(self) -> None:
        """Make the next `advance` fail."""
        self._cancelled.set()


def copy_file(source: Path, target: Path, name: str, progress: Progress) -> FileEntry:
    """Copy a file to a new one that its owner alone can read, and return its entry under `name`."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
    digest = hashlib.sha256()
    size_bytes = 0
    with (
        source.open("rb") as reading,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as writing,
    ):
        while piece := reading.read(PIECE_BYTES):
            writing.write(piece)
            digest.update(piece)
            size_bytes += len(piece)
            progress.advance(len(piece))
        writing.flush()
        os.fsync(writing.fileno())
    return FileEntry(name, size_bytes, digest.hexdigest())


def entry_of(path: Path, name: str) -> FileEntry:
    """Return the entry of a file that is in the backup already, under `name`."""
    with path.open("rb") as reading:
        return FileEntry(name, path.stat().st_size, hashlib.file_digest(reading, "sha256").hexdigest())


def copy_checked(entry: FileEntry, source: Path, target: Path, progress: Progress) -> None:
    """Copy a file out of a backup; raises BackupError when it is not what the manifest says."""
    try:
        copied = copy_file(source, target, entry.path, progress)
    except FileNotFoundError as error:
        raise BackupError(f"the backup lacks the file {source}") from error
    if copied != entry:
        raise BackupError(f"{source} was changed after the backup: its size or SHA-256 is not the manifest's")


def files_below(directory: Path) -> list[Path]:
    """Return every file below a directory, in order."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def sync_directories(root: Path) -> None:
    """Make the names of everything below a directory durable, and its own."""
    for directory in (root.parent, root, *(path for path in root.rglob("*") if path.is_dir())):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
