"""Results in files: NDJSON as the rows come, CSV and Parquet once all columns are known."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Self

import click

from groundwatch.cli.asking.asker import Row

PARQUET_ROWS = 50_000
"""Rows of a row group, and of what is in memory."""
POINTER = "@ptr"


def write_file(path: Path, pages: Iterable[list[Row]], counted: Callable[[int], None]) -> int:
    """Write rows in the form that the file's name says, and return how many there are.

    `counted` is told how many were read so far. The file takes its name only when it is whole. Raises
    click.ClickException.
    """
    write = _writer(path)
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            count = write(file, pages, counted)
        partial.replace(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def check_file(path: Path) -> None:
    """Raise click.UsageError for a name that says no form, before anything is asked."""
    _writer(path)


Writer = Callable[[IO[bytes], Iterable[list[Row]], Callable[[int], None]], int]


def _ndjson(file: IO[bytes], pages: Iterable[list[Row]], counted: Callable[[int], None]) -> int:
    count = 0
    for page in pages:
        for row in page:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        count += len(page)
        counted(count)
    return count


def _csv(file: IO[bytes], pages: Iterable[list[Row]], counted: Callable[[int], None]) -> int:
    with _Spool() as spool:
        spool.take(pages, counted)
        text = _Utf8(file)
        writer = csv.DictWriter(text, list(spool.columns), restval="", lineterminator="\n")
        writer.writeheader()
        for rows in spool.portions():
            writer.writerows(rows)
        return spool.count


def _parquet(file: IO[bytes], pages: Iterable[list[Row]], counted: Callable[[int], None]) -> int:
    # Half a second to load, and only for this.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with _Spool() as spool:
        spool.take(pages, counted)
        schema = pa.schema([(name, pa.string()) for name in spool.columns])
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in spool.portions():
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        return spool.count


WRITERS: Mapping[str, Writer] = {".ndjson": _ndjson, ".jsonl": _ndjson, ".csv": _csv, ".parquet": _parquet}


def _writer(path: Path) -> Writer:
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise click.UsageError(f"--out: {path.name!r} says no form; end it with {', '.join(WRITERS)}")
    return writer


class _Utf8:
    """Text into a file of bytes; what is no Unicode becomes a question mark."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode("utf-8", "replace"))


class _Spool:
    """Rows on disk until all their columns are known: a row lacks the columns for which it has no value."""

    def __init__(self) -> None:
        self.columns: dict[str, None] = {}
        self.count = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the exit of this one

    def take(self, pages: Iterable[list[Row]], counted: Callable[[int], None]) -> None:
        """Put rows on disk."""
        for page in pages:
            for row in page:
                row.pop(POINTER, None)
                self.columns.update(dict.fromkeys(row))
                self._file.write(json.dumps(row).encode() + b"\n")
            self.count += len(page)
            counted(self.count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def portions(self) -> Iterator[list[Row]]:
        """Yield the rows, some at a time."""
        self._file.seek(0)
        rows: list[Row] = []
        for line in self._file:
            rows.append(json.loads(line))
            if len(rows) == PARQUET_ROWS:
                yield rows
                rows = []
        yield rows
