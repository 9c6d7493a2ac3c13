"""The client of the embedded engine: clickhouse-connect's, but inserts go to the engine through memory.

clickhouse-connect writes what it inserts into a temporary file, which the engine then reads: that waits for the disk
which the insert is about to sync, and fails when the disk of temporary files is full.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from groundwatch.storage.errors import StorageError

if TYPE_CHECKING:
    from groundwatch.storage.clickhouse import Client


class Connection(Protocol):
    """The part of a chDB connection that is used; one statement at a time."""

    def query(self, query: str, format: str) -> object:  # noqa: A002 - chDB's name
        """Run a statement. Raises RuntimeError, also for what fails while rows are written."""

    def close(self) -> None:
        """Let go of the engine."""


class EmbeddedClient:
    """Does as `client` does, except for `insert_arrow`, for which it opens a connection of its own at first use."""

    def __init__(self, client: Client, connect: Callable[[], Connection], settings: Mapping[str, str]) -> None:
        self.query = client.query
        self.command = client.command
        self.insert = client.insert
        self._client = client
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

    def close(self) -> None:
        """Release both connections."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._client.close()


def _encode(table: pa.Table, path: str) -> None:
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
