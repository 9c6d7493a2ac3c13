"""The columns of the events table that hold fields of messages; the table itself remembers which field is in which.

A column holds the values of one field that have one type, and null for all else. Its number is the version of the
table's shredding that it came with: an event whose `shredded` is at least that number has its value there. Columns are
only added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from groundwatch.storage.clickhouse import Client

ColumnKind = Literal["integer", "double", "boolean", "word", "text"]
"""`word` is text of which few differ."""
TYPES: Mapping[ColumnKind, str] = {
    "integer": "Nullable(Int64)",
    "double": "Nullable(Float64)",
    "boolean": "Nullable(Bool)",
    "word": "LowCardinality(Nullable(String))",
    "text": "Nullable(String)",
}
CODECS: Mapping[ColumnKind, str] = {"integer": "CODEC(T64, LZ4)", "text": "CODEC(ZSTD(1))"}
"""T64 keeps of integers the bits in which those of a block differ: less than half the size, and read faster. Texts that
hardly repeat are half as large with ZSTD; everything else is read faster without."""
PREFIX = "shred_"
MAX_COLUMNS = 32
"""Every insert and merge touches every column."""
PLAIN_NAME = re.compile(r"[A-Za-z_@$][A-Za-z0-9_@$:/ -]{0,63}")
"""Names that may stand in a statement: nothing in them ends a quotation."""
# A buffer a stream is open while parts are rewritten; the engine's own size of a megabyte would be 200 MB for all.
BUFFERS = "SETTINGS (min_compress_block_size = 65536, max_compress_block_size = 131072)"

CODECS_NOW = """
    SELECT name, compression_codec FROM system.columns
    WHERE database = currentDatabase() AND table = 'events' AND startsWith(name, {prefix:String})
"""


class FieldColumn(msgspec.Struct, frozen=True):
    """Where the values of a field are that have one type."""

    number: int
    path: tuple[str, ...]
    kind: ColumnKind

    @property
    def name(self) -> str:
        """The column's name in the events table."""
        return f"{PREFIX}{self.number}"


def read_columns(client: Client) -> list[FieldColumn]:
    """Return the columns that the table has, in the order of their numbers."""
    found = client.query(
        "SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = 'events' "
        "AND startsWith(name, {prefix:String})",
        parameters={"prefix": PREFIX},
    ).result_rows
    kinds = {type_name: kind for kind, type_name in TYPES.items()}
    columns = [
        FieldColumn(int(name.removeprefix(PREFIX)), msgspec.json.decode(path, type=tuple[str, ...]), kinds[type_name])
        for name, type_name, path in found
    ]
    return sorted(columns, key=lambda column: column.number)


def renew_codecs(client: Client, columns: Sequence[FieldColumn]) -> None:
    """Give columns that an earlier version made today's codecs; what is stored gets them as it is merged."""
    rows = client.query(CODECS_NOW, parameters={"prefix": PREFIX}).result_rows
    found = {str(name): str(codec) for name, codec in rows}
    for column in columns:
        wanted = CODECS.get(column.kind, "")
        if found[column.name] != wanted:
            client.command(f"ALTER TABLE events MODIFY COLUMN {column.name} {wanted or 'CODEC(Default)'}")


def add_columns(client: Client, columns: Sequence[FieldColumn]) -> None:
    """Add the columns to the table; safe to repeat after a crash half-way."""
    for column in columns:
        if not all(PLAIN_NAME.fullmatch(step) for step in column.path):
            raise ValueError(f"no column can be made for the field {column.path}")
        comment = msgspec.json.encode(column.path).decode()
        client.command(
            f"ALTER TABLE events ADD COLUMN IF NOT EXISTS {column.name} {TYPES[column.kind]} COMMENT '{comment}' "
            f"{CODECS.get(column.kind, '')} {BUFFERS}"
        )
