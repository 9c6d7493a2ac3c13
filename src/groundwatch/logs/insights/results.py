"""Rows of results: as pairs of field and value, and in the parts in which they are stored."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from groundwatch.logs.events import EventKey
from groundwatch.logs.insights.compile import Compiled
from groundwatch.logs.pointers import Pointer

T = TypeVar("T")
PART_ROWS = 1_000
FEW_ROWS = 200
"""So many take less time than handing them to another thread."""
Pair = tuple[str, str]
ResultRow = list[Pair]
"""Field and value, of those that have one."""
StreamNames = Mapping[tuple[int, int], tuple[str, str]]
"""Names of group and stream by their numbers."""


def result_rows(compiled: Compiled, rows: Sequence[Sequence[Any]], named: StreamNames) -> list[ResultRow]:
    """Return the engine's rows as a client gets them, with `@ptr` where they are events."""
    return [_result_row(compiled, row, named) for row in rows]


def parts_of(rows: Sequence[ResultRow]) -> list[bytes]:
    """Return the parts in which rows are stored."""
    return [encoded(part) for part in portions(rows, PART_ROWS)]


def encoded(rows: Sequence[ResultRow]) -> bytes:
    """Return a part of a result as it is stored."""
    return zlib.compress(msgspec.msgpack.encode(rows), 1)


def decoded(part: bytes) -> list[ResultRow]:
    """Return the rows of a stored part."""
    return msgspec.msgpack.decode(zlib.decompress(part), type=list[ResultRow])


def portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into parts of at most this many items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _result_row(compiled: Compiled, row: Sequence[Any], named: StreamNames) -> ResultRow:
    pairs = [(name, value) for name, value in zip(compiled.columns, row, strict=False) if value is not None]
    if compiled.has_keys:
        group, stream, *key = row[len(compiled.columns) :]
        names = named.get((group, stream))
        if names is not None:
            pairs.append(("@ptr", str(Pointer(*names, EventKey(*key)))))
    return pairs
