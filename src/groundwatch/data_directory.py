"""The data directory: private to its owner, used by one server at a time, its secrets written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TextIO

from groundwatch.config import StartupError

LOCK_NAME = "lock"
RESTORE_MARK = "restore-unfinished"
"""A file in the data directory while a backup is being restored into it."""
PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


class DataDirectoryError(StartupError):
    """The data directory cannot be used."""


class DataDirectoryInUseError(DataDirectoryError):
    """Another process, a server most likely, uses the data directory."""


class DataDirectory:
    """Holds the directory for this process until `close`; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path, lock: TextIO) -> None:
        self.path = path
        self._lock = lock

    def close(self) -> None:
        """Let another server use the directory."""
        self._lock.close()


def open_data_directory(path: Path) -> DataDirectory:
    """Create the directory if needed (mode 700), check that it can be written and take it for this process.

    Raises DataDirectoryError when that fails, when another server uses the directory, or when it was restored in part.
    """
    make_private_directory(path)
    try:
        if (path / RESTORE_MARK).exists():
            raise DataDirectoryError(
                f"data directory {path} holds half of a backup: a restore was cut short; empty it and restore again"
            )
        lock = os.fdopen(os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE), "r+")
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(lock, path)
    except BaseException:
        # What could not be written is not written at the close either.
        with contextlib.suppress(OSError):
            lock.close()
        raise
    return DataDirectory(path, lock)


def _take(lock: TextIO, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except BlockingIOError as error:
        raise DataDirectoryInUseError(
            f"data directory {path} is in use by another server (process {lock.read().strip() or 'unknown'}); "
            "stop it or choose another directory with --data"
        ) from error
    except OSError as error:
        raise _unusable(path, error) from error


def make_private_directory(path: Path) -> None:
    """Create the directory and its parents; only the directory itself is made private, and only when it is new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error


def write_private_file(path: Path, content: bytes) -> None:
    """Put `content` at `path`, readable by the owner alone from the first byte, durable and atomic.

    A reader sees the old file or the new one. Raises DataDirectoryError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        # It may hold half of a secret, and nobody else would look for it.
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _unusable(path, error) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> DataDirectoryError:
    reason = error.strerror or str(error)
    return DataDirectoryError(f"cannot write {path}: {reason}; give a writable directory with --data")
