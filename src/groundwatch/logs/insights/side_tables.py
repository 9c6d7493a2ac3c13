"""Tables beside the events for the length of one query: lists that are too long to be bound in its statement.

They live in the engine's memory but for a small copy on disk, are named by the query, and are dropped when it ends;
what a crash left is dropped at the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from groundwatch.logs.insights.references import ReferenceRows
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)
PREFIX = "query_list_"
LEFT = """
    SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {prefix:String})
    AND metadata_modification_time < now() - {age_s:UInt32}
"""
OTHERS_AGE_S = 2 * 86_400
"""On a server that several nodes use, how old a table is that no query can still need."""


class SideTables:
    """Makes and drops the tables of one query."""

    def __init__(self, database: EventDatabase, query_id: str) -> None:
        self._database = database
        self._name = PREFIX + query_id.replace("-", "_")
        self._made: list[str] = []

    async def names(self, names: Mapping[int, str]) -> str:
        """Return a table from which `joinGet` reads names by numbers."""
        table = f"{self._name}_names"
        rows: list[list[object]] = [list(names), list(names.values())]
        await self._make(table, "number UInt64, name String", "Join(ANY, LEFT, number)", rows)
        return table

    async def numbers(self, numbers: Sequence[int]) -> str:
        """Return a table for the right side of `IN`."""
        table = f"{self._name}_numbers"
        await self._make(table, "number UInt64", "Set", [list(numbers)])
        return table

    async def reference(self, place: int, rows: ReferenceRows) -> str:
        """Return a table from which `joinGet` reads the columns of a lookup table by its keys."""
        table = f"{self._name}_lookup_{place}"
        await self._make(table, rows.declared(), rows.engine(), rows.columns())
        return table

    async def drop(self) -> None:
        """Drop what was made."""
        made, self._made = self._made, []
        if not made:
            return
        try:
            await self._database.run("read", lambda client: _drop(client, made))
        except StorageError as error:
            # The result of the query is there all the same.
            log.warning("%s may be left until the next start: %s", ", ".join(made), error)

    async def _make(self, table: str, columns: str, engine: str, rows: Sequence[Sequence[object]]) -> None:
        declared = [column.split() for column in columns.split(", ")]

        def make(client: Client) -> None:
            # A name of this server's own making: a query's id in hexadecimal.
            client.command(f"CREATE TABLE {table} ({columns}) ENGINE = {engine}")
            client.insert(
                table,
                rows,
                column_names=[name for name, _ in declared],
                column_type_names=[kind for _, kind in declared],
                column_oriented=True,
            )

        self._made.append(table)
        await self._database.run("read", make)


async def drop_left_tables(database: EventDatabase) -> None:
    """Drop the tables of queries of processes that are gone."""
    parameters = {"prefix": PREFIX, "age_s": 0 if database.embedded else OTHERS_AGE_S}

    def work(client: Client) -> None:
        _drop(client, [row[0] for row in client.query(LEFT, parameters=parameters).result_rows])

    await database.run("read", work)


def _drop(client: Client, tables: Sequence[str]) -> None:
    for table in tables:
        client.command(f"DROP TABLE IF EXISTS `{table}`")
