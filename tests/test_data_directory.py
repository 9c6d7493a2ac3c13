"""The data directory: private, one server at a time, files whole or not at all."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundwatch import data_directory
from groundwatch.data_directory import DataDirectoryError, open_data_directory, write_private_file


def test_it_is_made_private(tmp_path):
    directory = open_data_directory(tmp_path / "a" / "data")
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert (directory.path / "lock").stat().st_mode & 0o777 == 0o600
    directory.close()


def test_one_server_at_a_time(tmp_path):
    first = open_data_directory(tmp_path)
    with pytest.raises(DataDirectoryError) as caught:
        open_data_directory(tmp_path)
    assert str(caught.value) == (
        f"data directory {tmp_path} is in use by another server (process {os.getpid()}); "
        "stop it or choose another directory with --data"
    )
    first.close()
    open_data_directory(tmp_path).close()


def test_a_killed_server_holds_nothing(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from groundwatch.data_directory import open_data_directory\n"
        "held = open_data_directory(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DataDirectoryError):
            open_data_directory(tmp_path)
        process.kill()
        process.wait()
    open_data_directory(tmp_path).close()


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirectoryError) as caught:
        open_data_directory(tmp_path / "data")
    assert str(caught.value) == f"cannot write {tmp_path / 'data'}: File exists; give a writable directory with --data"


def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(data_directory.os, "open", fail)
    with pytest.raises(DataDirectoryError, match=r"cannot write .*: Permission denied; give a writable directory"):
        open_data_directory(tmp_path)
    with pytest.raises(DataDirectoryError, match=r"cannot write .*: Permission denied"):
        write_private_file(tmp_path / "secret", b"x")


def test_a_directory_of_somebody_else(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    # What looking into a directory of mode 700 comes to, but for root.
    monkeypatch.setattr(Path, "exists", fail)
    with pytest.raises(DataDirectoryError) as caught:
        open_data_directory(tmp_path)
    assert str(caught.value) == f"cannot write {tmp_path}: Permission denied; give a writable directory with --data"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_directory_without_room_for_the_lock(tmp_path):
    (tmp_path / "lock").symlink_to("/dev/full")
    with pytest.raises(DataDirectoryError, match="cannot write"):
        open_data_directory(tmp_path)
    # A lock file that stays open is told by a warning, which is an error here.
    gc.collect()


def test_a_private_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"old")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data_directory.os, "fsync", fail)
    with pytest.raises(DataDirectoryError, match="No space left on device"):
        write_private_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
