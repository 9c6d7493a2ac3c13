"""How far each stream is, on disk, so that an interrupted migration goes on where it was."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

SCHEMA = """
CREATE TABLE IF NOT EXISTS copied (
    source TEXT, target TEXT, log_group TEXT, stream TEXT, until_ms INTEGER NOT NULL,
    PRIMARY KEY (source, target, log_group, stream)
)
"""


class ProgressFile:
    """One file for all migrations; safe to use from several threads. Raises sqlite3.Error."""

    def __init__(self, path: Path, source: str, target: str) -> None:
        self._ends = (source, target)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute(SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def copied_until(self, group: str, stream: str) -> int:
        """Return the time in milliseconds since the epoch before which everything is copied, 0 at the beginning."""
        question = "SELECT until_ms FROM copied WHERE (source, target, log_group, stream) = (?, ?, ?, ?)"
        with self._lock:
            row = self._connection.execute(question, (*self._ends, group, stream)).fetchone()
        return int(row[0]) if row else 0

    def advance(self, group: str, stream: str, until_ms: int) -> None:
        """Note that everything before `until_ms` is at the target."""
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO copied VALUES (?, ?, ?, ?, ?)", (*self._ends, group, stream, until_ms)
            )
