"""Parts of the embedded event store that the disk has spoilt: named, taken out of service, and what is readable kept.

One wrong byte would otherwise fail every statement that touches its part, and a wrong byte in a primary index those
that want other groups as well. The readable rows go into a new part, the spoilt one to `detached/`, where an operator
finds it (docs/decisions/0017-backups-and-broken-parts.md).
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from groundwatch.storage.clickhouse import Client, translated
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)
NOTE = "groundwatch.json"
"""In the directory of a part that was taken out of service: what could be kept of it."""
RESCUE_SUFFIX = "_rescued"
DERIVED_PREFIX = "shred"
"""Of columns that are filled from messages: a fault in one of them costs no event."""
MAX_ERROR_CHARACTERS = 600
GRANULE_ROWS = 8192
"""What the engine reads at least, at most this. Good ones are read in milliseconds each; a bad one takes seconds, since
the engine looks for the one bit that flipped, so that halving what fails would be slower."""
BLOCK_CHECKSUM_BYTES = 16
"""Before each compressed block, and not part of its size."""
LAST_BYTE = 2**63

# Names of ClickHouse's error codes that say "what is on disk cannot be understood".
_SPOILT = re.compile(
    r"\((CHECKSUM_DOESNT_MATCH|CORRUPTED_DATA|CANNOT_DECOMPRESS|CANNOT_READ_ALL_DATA|ATTEMPT_TO_READ_AFTER_EOF"
    r"|FILE_DOESNT_EXIST|NO_FILE_IN_DATA_PART|BAD_SIZE_OF_FILE_IN_DATA_PART|UNKNOWN_CODEC"
    r"|INCORRECT_DATA|SIZES_OF_MARKS_FILES_ARE_INCONSISTENT|CANNOT_READ_FROM_FILE_DESCRIPTOR)\)"
)
_BLOCK = re.compile(
    r"Size of compressed block: (?P<size>\d+).*?/(?P<file>[^/ ]+)\.bin \(position: (?P<end>\d+)"
    r".*?while reading column (?P<column>[a-z_]+)\)"
)
_PLACE = re.compile(r"(?P<table>/[^\s()]*?/store/[0-9a-f]{3}/[0-9a-f-]{36}/)(?P<part>[0-9][0-9A-Za-z_-]*)/")
# Rows are read from the columns alone: projections and skip indexes may be what is spoilt.
_BARE = {"optimize_use_projections": "0", "use_skip_indexes": "0"}
_OF_PART = "_part = {part:String} AND _part_offset >= {first:UInt64} AND _part_offset < {end:UInt64}"

Span = tuple[int, int]
"""First row and the one after the last, as positions in a part."""


class BrokenPart(msgspec.Struct, frozen=True):
    """A part as an error of the engine names it."""

    table_path: str
    part: str


class Rescue(msgspec.Struct, frozen=True):
    """What became of a part that was taken out of service; also the form of the note in its directory."""

    table: str
    part: str
    rows: int
    kept_rows: int
    error: str


class Granule(msgspec.Struct, frozen=True):
    """The least that the engine reads of a part."""

    span: Span
    is_spoilt: bool
    """Known to be; others may be as well."""


def broken_part(error: StorageError) -> BrokenPart | None:
    """Return the part that a failed statement could not read, None when it failed for another reason."""
    text = str(error)
    place = _PLACE.search(text)
    if place is None or _SPOILT.search(text) is None:
        return None
    return BrokenPart(place["table"], place["part"])


class Rescuer:
    """Takes spoilt parts out of service, one at a time. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def repair(self, client: Client, error: StorageError) -> bool:
        """Take the part that an error names out of service; return whether the statement is worth another try.

        Raises StorageError when what could be read cannot be kept: then the part stays.
        """
        broken = broken_part(error)
        if broken is None:
            return False
        with self._lock:
            table = _table_at(client, broken.table_path)
            if table is None:
                return False
            rows = _active_rows(client, table, broken.part)
            if rows is not None:
                translated(lambda client: _take_out(client, table, broken, rows, " ".join(str(error).split())), client)
        # Without rows another thread was faster, or a merge.
        return True


def _take_out(client: Client, table: str, broken: BrokenPart, rows: int, error: str) -> None:
    # What and where; a trace of the engine's calls follows.
    shown = error[:MAX_ERROR_CHARACTERS]
    log.error("part %s of table %s in the event store is broken: %s", broken.part, table, shown)
    kept_rows = _swap(client, table, broken.part, rows, error)
    rescue = Rescue(table, broken.part, rows, kept_rows, shown)
    try:
        (Path(broken.table_path) / "detached" / broken.part / NOTE).write_bytes(msgspec.json.encode(rescue))
    except OSError as reason:
        # The rows are safe; only the doctor will know less.
        log.warning("no note could be left beside part %s: %s", broken.part, reason)
    log.error(
        "part %s of table %s is out of service: %d of its %d rows were kept; `groundwatch doctor` says what to do",
        *(broken.part, table, kept_rows, rows),
    )


def finish_rescues(client: Client) -> None:
    """Bring to an end what a crash interrupted: rows that were kept are moved back unless their part is still there."""
    found = client.query(
        "SELECT name, comment FROM system.tables WHERE database = currentDatabase() "
        "AND endsWith(name, {suffix:String})",
        parameters={"suffix": RESCUE_SUFFIX},
    )
    for name, part in found.result_rows:
        table = str(name).removesuffix(RESCUE_SUFFIX)
        if _active_rows(client, table, part) is None:
            _move_back(client, table)
        client.command(f"DROP TABLE {name} SYNC")


def tell_of_refused(client: Client) -> None:
    """Log which parts the engine refused when it opened its tables: their rows are not served."""
    found = client.query(
        "SELECT table, name, path FROM system.detached_parts WHERE database = currentDatabase() "
        "AND startsWith(reason, 'broken')"
    )
    for table, name, path in found.result_rows:
        log.error("part %s of table %s is broken and out of service: %s; see `groundwatch doctor`", name, table, path)


def _swap(client: Client, table: str, part: str, rows: int, error: str) -> int:
    """Replace a part by one of its readable rows, and return how many these are."""
    readable = list(_readable(client, table, part, rows, error))
    aside = table + RESCUE_SUFFIX
    client.command(f"DROP TABLE IF EXISTS {aside} SYNC")
    # The comment tells `finish_rescues` whose rows these are. It takes no bound value; `_PLACE` vouches for the name.
    client.command(f"CREATE TABLE {aside} AS {table} COMMENT '{part}'")
    columns = _own_columns(client, table)
    for first, end in readable:
        client.command(
            f"INSERT INTO {aside} ({columns}) SELECT {columns} FROM {table} WHERE {_OF_PART}",  # noqa: S608 - our tables
            parameters={"part": part, "first": first, "end": end},
            settings=_BARE,
        )
    # Detached first: rows that are missing for a moment, after a crash until the next start, are better than doubles.
    client.command(f"ALTER TABLE {table} DETACH PART {{part:String}}", parameters={"part": part})
    _move_back(client, table)
    client.command(f"DROP TABLE {aside} SYNC")
    return sum(end - first for first, end in readable)


def _move_back(client: Client, table: str) -> None:
    aside = table + RESCUE_SUFFIX
    sql = "SELECT DISTINCT partition_id FROM system.parts WHERE active AND table = {aside:String}"
    for (partition,) in client.query(sql, parameters={"aside": aside}).result_rows:
        sql = f"ALTER TABLE {aside} MOVE PARTITION ID {{partition:String}} TO TABLE {table}"
        client.command(sql, parameters={"partition": partition})


def _readable(client: Client, table: str, part: str, rows: int, error: str) -> Iterator[Span]:
    """Yield the spans of a part that can be read, neighbours joined."""
    joined: Span | None = None
    for granule in _granules(client, table, part, rows, error):
        first, end = granule.span
        if granule.is_spoilt or not _can_read(client, table, part, granule.span):
            continue
        if joined is not None and joined[1] == first:
            joined = (joined[0], end)
            continue
        if joined is not None:
            yield joined
        joined = (first, end)
    if joined is not None:
        yield joined


def _granules(client: Client, table: str, part: str, rows: int, error: str) -> list[Granule]:
    """Return the granules of a part; one that the error names is known to be spoilt without another slow read."""
    block = _BLOCK.search(error)
    column = block["column"] if block else "message"
    if block and block["file"] not in {column, "data"}:
        # A file beside the column's own, such as that of lengths, has marks of its own.
        block = None
    sql = (
        f"SELECT rows_in_granule, `{column}.mark`.1, `{column}.mark`.2 "  # noqa: S608 - our tables and columns
        f"FROM mergeTreeIndex(currentDatabase(), {table}, with_marks = true) WHERE part_name = {{part:String}} "
        "ORDER BY mark_number"
    )
    try:
        marks = translated(lambda client: client.query(sql, parameters={"part": part}), client).result_rows
    except StorageError:
        # The marks may be what is spoilt: then every granule is tried.
        starts = range(0, rows, GRANULE_ROWS)
        return [Granule((first, min(first + GRANULE_ROWS, rows)), is_spoilt=False) for first in starts]
    start = int(block["end"]) - int(block["size"]) - BLOCK_CHECKSUM_BYTES if block else None
    return list(_from_marks(marks, start))


def _from_marks(marks: Sequence[Sequence[int]], spoilt_block: int | None) -> Iterator[Granule]:
    first = 0
    for mark, following in pairwise([*marks, (0, LAST_BYTE, 0)]):
        rows, block, _ = mark
        # A granule reaches into the block of the next one unless that begins there.
        last = following[1] if following[2] else following[1] - 1
        if rows:
            is_spoilt = spoilt_block is not None and block <= spoilt_block <= last
            yield Granule((first, first + rows), is_spoilt=is_spoilt)
            first += rows


def _can_read(client: Client, table: str, part: str, span: Span) -> bool:
    columns = _own_columns(client, table)
    sql = f"SELECT count() FROM {table} WHERE {_OF_PART} AND NOT ignore({columns})"  # noqa: S608 - as above
    parameters = {"part": part, "first": span[0], "end": span[1]}
    try:
        found = translated(lambda client: client.query(sql, parameters=parameters, settings=_BARE), client)
    except StorageError as error:
        if _SPOILT.search(str(error)) is None:
            raise
        return False
    return bool(found.result_rows[0][0] == span[1] - span[0])


def _own_columns(client: Client, table: str) -> str:
    """Return the columns that cannot be made again from others."""
    sql = (
        "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns WHERE database = currentDatabase() "
        "AND table = {table:String} AND NOT startsWith(name, {derived:String})"
    )
    return str(client.query(sql, parameters={"table": table, "derived": DERIVED_PREFIX}).result_rows[0][0])


def _table_at(client: Client, path: str) -> str | None:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND has(data_paths, {path:String})"
    found = client.query(sql, parameters={"path": path}).result_rows
    return str(found[0][0]) if found else None


def _active_rows(client: Client, table: str, part: str) -> int | None:
    sql = (
        "SELECT rows FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String} "
        "AND name = {part:String}"
    )
    found = client.query(sql, parameters={"table": table, "part": part}).result_rows
    return int(found[0][0]) if found else None
