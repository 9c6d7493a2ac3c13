"""The metadata database: SQLAlchemy Core on SQLite (embedded) or PostgreSQL (shared by several nodes).

SQLAlchemy's engine blocks, so every piece of work is a function of a `Connection` that runs in a thread. On SQLite
writes go through one thread: the file has one writer anyway, and queueing beats `database is locked`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError

T = TypeVar("T")
READERS = 4
SYNCED, UNSYNCED = "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # An acknowledged change survives a power cut: WAL with FULL syncs at every commit.
    SYNCED,
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)


class Database:
    """Runs functions of a connection in transactions, off the event loop.

    Safe to use from any task of the event loop. `close` waits for what is running.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._shared = self.engine.dialect.name != "sqlite"
        writers = READERS if self._shared else 1
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sql-read")
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="sql-write")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, run in a read transaction that is rolled back."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)` after its transaction is committed to disk; any exception rolls it back.

        Where several nodes write, `work` may run twice: after its first run broke a constraint, see `_write`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._write, work)

    async def write_ahead(self, work: Callable[[Connection], T]) -> T:
        """Do as `write`, but do not wait for SQLite's disk: a change survives the process, a power cut after `sync`."""
        if self._shared:
            return await self.write(work)
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._write_unsynced, work)

    async def sync(self) -> None:
        """Return when all that was written ahead survives a power cut. Raises OSError."""
        if not self._shared:
            # Not in the writers' thread: a change that comes meanwhile syncs all before it, too.
            await asyncio.to_thread(_sync, f"{self.engine.url.database}-wal")

    def close(self) -> None:
        """Finish what is running and close every connection."""
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._transact(work)
        except IntegrityError:
            if not self._shared:
                raise
            # Of two nodes that look for a name and then insert it, the second finds the first one's row when it looks
            # again; whoever counts on the constraint breaks it again.
            return self._transact(work)

    def _write_unsynced(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(UNSYNCED)
            try:
                result = work(connection)
                connection.commit()
            finally:
                # SQLite changes this only between transactions.
                connection.rollback()
                connection.exec_driver_sql(SYNCED)
            return result

    def _transact(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)


def open_engine(url: str) -> Engine:
    """Return an engine for `sqlite:///path` or `postgresql://…`; SQLite files are durable and private (mode 600)."""
    parsed = make_url(url)
    engine = create_engine(parsed)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).touch(mode=0o600)
        event.listen(engine, "connect", _set_pragmas)
    return engine


def _sync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        # SQLite has taken over all that was in it.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_pragmas(dbapi_connection: DBAPIConnection, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
