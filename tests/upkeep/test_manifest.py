"""Manifests and copies: what was changed after the backup is refused, with its name."""

import os

import msgspec
import pytest

from groundwatch.upkeep.copying import Progress, copy_checked, copy_file
from groundwatch.upkeep.errors import BackupError
from groundwatch.upkeep.manifest import (
    CHECKSUM,
    MANIFEST,
    FileEntry,
    Manifest,
    TableEntry,
    read_manifest,
    write_manifest,
)

ENTRY = FileEntry("files/metadata.db", 3, "0" * 64)
TABLE = TableEntry("events", "CREATE TABLE events …", 7, ("1_1_1_0",))
SOUND = Manifest(1, "2026-01-01T00:00:00.000Z", "0.1.0", "26.9", (TABLE,), (ENTRY,))


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    write_manifest(tmp_path, SOUND)
    assert read_manifest(tmp_path) == SOUND
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"format": 2}, "has format 2, and this version reads 1", id="of a later version"),
        pytest.param({"files": (msgspec.structs.replace(ENTRY, path="../x"),)}, "outside the backup", id="upwards"),
        pytest.param({"files": (msgspec.structs.replace(ENTRY, path="/etc/x"),)}, "outside the backup", id="absolute"),
        pytest.param(
            {"tables": (msgspec.structs.replace(TABLE, name="x; DROP TABLE y"),)}, "no table of this server", id="SQL"
        ),
    ],
)
def test_a_manifest_that_says_what_it_may_not(tmp_path, change, complaint):
    write_manifest(tmp_path, msgspec.structs.replace(SOUND, **change))
    with pytest.raises(BackupError, match=complaint):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param(MANIFEST, b"{}", "was changed after the backup", id="another manifest"),
        pytest.param(CHECKSUM, b"", "not a complete backup", id="no checksum"),
        pytest.param(CHECKSUM, b"\xff", "not a complete backup", id="a checksum that is no text"),
        pytest.param(MANIFEST, None, "not a complete backup", id="no manifest"),
    ],
)
def test_a_manifest_that_was_changed(tmp_path, name, content, complaint):
    write_manifest(tmp_path, SOUND)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BackupError, match=complaint):
        read_manifest(tmp_path)


def test_copies_are_private_and_compared(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    progress = Progress()
    entry = copy_file(source, tmp_path / "a" / "copy", "name", progress)
    assert (entry.size_bytes, progress.done_bytes) == (3_000_000, 3_000_000)
    assert (tmp_path / "a" / "copy").stat().st_mode & 0o777 == 0o600
    copy_checked(entry, tmp_path / "a" / "copy", tmp_path / "b", progress)
    assert (tmp_path / "b").read_bytes() == source.read_bytes()
    with source.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"?")
    with pytest.raises(BackupError, match="was changed after the backup"):
        copy_checked(entry, source, tmp_path / "c", progress)
    with pytest.raises(BackupError, match="lacks the file"):
        copy_checked(entry, tmp_path / "gone", tmp_path / "d", progress)


def test_a_cancelled_copy_ends(tmp_path):
    (tmp_path / "source").write_bytes(b"x")
    progress = Progress()
    progress.cancel()
    with pytest.raises(BackupError, match="the server stopped"):
        copy_file(tmp_path / "source", tmp_path / "copy", "name", progress)
