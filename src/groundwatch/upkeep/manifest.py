"""What a backup says about itself: versions, tables and every file with its size and SHA-256.

`manifest.json.sha256` beside it has the form that `sha256sum --check` reads.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import msgspec

from groundwatch.data_directory import write_private_file
from groundwatch.upkeep.errors import BackupError

FORMAT = 1
"""Grows when a backup can no longer be read as before."""
MANIFEST = "manifest.json"
CHECKSUM = "manifest.json.sha256"
_TABLE = re.compile(r"[a-z][a-z0-9_]*")


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    """Below the backup, with slashes."""
    size_bytes: int
    sha256: str


class TableEntry(msgspec.Struct, frozen=True):
    """One table of the event store; its parts lie in `events/NAME`."""

    name: str
    create: str
    """The statement that makes it."""
    rows: int
    parts: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True):
    """The content of `manifest.json`."""

    format: int
    created: str
    """RFC 3339, UTC: every event that was acknowledged before is in the backup."""
    groundwatch: str
    engine: str
    tables: tuple[TableEntry, ...]
    files: tuple[FileEntry, ...]

    @property
    def size_bytes(self) -> int:
        """The sum of all files but the manifest."""
        return sum(file.size_bytes for file in self.files)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest and its checksum, durably."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    write_private_file(directory / MANIFEST, content)
    write_private_file(directory / CHECKSUM, f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode())


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of a backup; raises BackupError when it is no complete and unchanged one."""
    try:
        content = (directory / MANIFEST).read_bytes()
        expected = (directory / CHECKSUM).read_text("utf-8").split()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise BackupError(f"{directory} is not a complete backup: {error}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise BackupError(f"{directory / MANIFEST} was changed after the backup: its SHA-256 differs from {CHECKSUM}")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"{directory / MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{directory} has format {manifest.format}, and this version reads {FORMAT} alone")
    if not all(_TABLE.fullmatch(table.name) for table in manifest.tables):
        raise BackupError(f"{directory / MANIFEST} names a table as no table of this server is called")
    for file in manifest.files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts:
            raise BackupError(f"{directory / MANIFEST} names a file outside the backup: {file.path}")
    return manifest
