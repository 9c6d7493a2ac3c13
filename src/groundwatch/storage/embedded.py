"""The client of the embedded engine: clickhouse-connect's, but inserts go to the engine through memory, and rows of a
statement that has failed go to nobody.

clickhouse-connect writes what it inserts into a temporary file, which the engine then reads: that waits for the disk
which the insert is about to sync, and fails when the disk of temporary files is full.

A connection of the engine (chDB 4) keeps the rows that a statement has given before it fails or is killed, and puts
them in front of those of the next: of another query, of anybody's.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import pyarrow as pa

from groundwatch.storage.errors import StorageError

P = ParamSpec("P")
T = TypeVar("T")
NOTHING = "SELECT 1 AS nothing"
MOST_TRIES = 3

if TYPE_CHECKING:
    from groundwatch.storage.clickhouse import Client


class Connection(Protocol):
    """The part of a chDB connection that is used; one statement at a time."""

    def query(self, query: str, format: str) -> object:  # noqa: A002 - chDB's name
        """Run a statement. Raises RuntimeError, also for what fails while rows are written."""

    def close(self) -> None:
        """Let go of the engine."""


class EmbeddedClient:
    """Does as `client` does, a statement at a time, except for `insert_arrow`, which has a connection of its own."""

    def __init__(self, client: Client, connect: Callable[[], Connection], settings: Mapping[str, str]) -> None:
        self.query = self._clean(client.query)
        self.command = self._clean(client.command)
        self.insert = self._clean(client.insert)
        self._client = client
        self._may_hold_rows = False
        self._connect = connect
        self._settings = settings
        self._connection: Connection | None = None

    def insert_arrow(self, table: str, arrow_table: pa.Table, *, settings: Mapping[str, str] | None = None) -> None:
        """Insert a table whose columns have the names of the target's. Raises StorageError."""
        columns = ", ".join(arrow_table.column_names)
        chosen = ", ".join(f"{name} = {value}" for name, value in {**self._settings, **(settings or {})}.items())
        if self._connection is None:
            self._connection = self._connect()
        # Not chDB's streaming insert: that tells nobody when the rows could not be written, to a full disk for one.
        descriptor = os.memfd_create("rows")
        try:
            file = f"/proc/self/fd/{descriptor}"
            _encode(arrow_table, file)
            statement = f"INSERT INTO {table} ({columns}) FROM INFILE '{file}' SETTINGS {chosen} FORMAT ArrowStream"
            self._connection.query(statement, "TabSeparated")
        except RuntimeError as error:
            raise StorageError(str(error)) from error
        finally:
            os.close(descriptor)

    def _clean(self, run: Callable[P, T]) -> Callable[P, T]:
        """Return what runs a statement with none of the rows of one before it."""

        @functools.wraps(run)
        def cleanly(*args: P.args, **kwargs: P.kwargs) -> T:
            if self._may_hold_rows:
                self._take_rows()
            # Also of one that ends in a way that nobody has thought of.
            self._may_hold_rows = True
            made = run(*args, **kwargs)
            self._may_hold_rows = False
            return made

        return cleanly

    def _take_rows(self) -> None:
        for _ in range(MOST_TRIES):
            # What comes with its rows is of no form that there is.
            with contextlib.suppress(Exception):
                if [tuple(row) for row in self._client.query(NOTHING).result_rows] == [(1,)]:
                    return
        raise StorageError("the engine does not let go of the rows of a statement that has failed")

    def close(self) -> None:
        """Release both connections."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._client.close()


def _encode(table: pa.Table, path: str) -> None:
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
