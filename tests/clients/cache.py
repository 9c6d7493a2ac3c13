"""Directories that are filled once and kept for later runs, also where several test processes want them at a time."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

READY = "ready"


def filled(directory: Path, fill: Callable[[Path], None]) -> Path:
    """Return the directory after `fill` has succeeded on it once; what a failure left behind is thrown away."""
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / READY).exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            fill(directory)
            (directory / READY).touch()
    return directory
