"""The client of the embedded engine: clickhouse-connect's, but inserts go to the engine without a file between.

clickhouse-connect writes what it inserts into a temporary file, which the engine then reads: the file costs as much
processor time as the insert, and waits for the disk that the insert is about to sync.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from groundwatch.storage.errors import StorageError

if TYPE_CHECKING:
    from groundwatch.storage.clickhouse import Client


class Stream(Protocol):
    """The part of chDB's streaming insert that is used."""

    def append(self, data: bytes) -> None:
        """Hand over encoded rows. Raises RuntimeError."""

    def finish(self) -> object:
        """Return when the rows are stored. Raises RuntimeError."""

    def cancel(self) -> None:
        """Give the insert up, unless it is finished."""


class Connection(Protocol):
    """The part of a chDB connection that is used; one statement at a time."""

    def send_insert(self, query: str, format: str) -> Stream:  # noqa: A002 - chDB's name
        """Begin an INSERT. Raises RuntimeError."""

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
        data = _encoded(arrow_table)
        if self._connection is None:
            self._connection = self._connect()
        try:
            stream = self._connection.send_insert(f"INSERT INTO {table} ({columns}) SETTINGS {chosen}", "ArrowStream")
            try:
                stream.append(data)
                stream.finish()
            finally:
                stream.cancel()
        except RuntimeError as error:
            raise StorageError(str(error)) from error

    def close(self) -> None:
        """Release both connections."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._client.close()


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded
