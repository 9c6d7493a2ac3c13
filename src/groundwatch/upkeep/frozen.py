"""The event store at one moment: parts never change, so hard links to all that are active hold it.

`ALTER TABLE … FREEZE` takes the parts of a table at one instant, while inserts, merges and reads go on; a part that
is merged away afterwards keeps its files until the links go.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from groundwatch.storage.broken_parts import RESCUE_SUFFIX
from groundwatch.storage.clickhouse import Client
from groundwatch.upkeep.errors import BackupError

LINKS = "groundwatch_backup"
"""The name under which the engine keeps the links, in `shadow/` of its directory; it would escape a hyphen."""


class FrozenTable(msgspec.Struct, frozen=True):
    """The parts of one table at one moment."""

    name: str
    create: str
    parts: tuple[Path, ...]

    @property
    def rows(self) -> int:
        """How many rows the parts hold, as each of them says."""
        return sum(int((part / "count.txt").read_text("ascii")) for part in self.parts)


def freeze(client: Client, directory: Path) -> list[FrozenTable]:
    """Link the parts of every table of the engine in `directory`; what a crash left of an earlier call is dropped."""
    unfreeze(directory)
    return [_freeze_table(client, directory, *row) for row in list_tables(client)]


def list_tables(client: Client) -> list[tuple[str, str, str]]:
    """Return name, creating statement and path of every table that holds rows."""
    found = client.query(
        "SELECT name, create_table_query, data_paths[1] FROM system.tables WHERE database = currentDatabase() "
        "AND endsWith(engine, 'MergeTree') AND NOT endsWith(name, {rescue:String}) ORDER BY name",
        parameters={"rescue": RESCUE_SUFFIX},
    )
    return [(str(name), str(create), str(path)) for name, create, path in found.result_rows]


def unfreeze(directory: Path) -> None:
    """Drop the links, and with them the space of parts that were merged away meanwhile."""
    shutil.rmtree(directory / "shadow" / LINKS, ignore_errors=True)


def _freeze_table(client: Client, directory: Path, name: str, create: str, path: str) -> FrozenTable:
    rows = client.query(f"SELECT count() FROM {name}").result_rows[0][0]  # noqa: S608 - the engine's own answer
    # The engine takes this name as a literal alone.
    client.command(f"ALTER TABLE {name} FREEZE WITH NAME '{LINKS}'")
    linked = directory / "shadow" / LINKS / Path(path).resolve().relative_to(directory.resolve())
    if rows and not linked.is_dir():
        raise BackupError(f"the engine did not link the parts of {name} at {linked}")
    return FrozenTable(name, create, tuple(sorted(linked.iterdir())) if linked.is_dir() else ())
