"""PutLogEvents bodies made before the clock starts and kept in mapped files, so that a large load costs no memory.

The bodies are written by several processes, one file each, one body a line; the client sends slices of the mapped
files.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, zip_longest
from multiprocessing import get_context
from pathlib import Path

from benchmarks.events import EventSource, put_body

PROCESSES = 2


def prepare(directory: Path, source: EventSource, group: str, streams: Sequence[str], batches: int) -> list[Path]:
    """Write the bodies of `batches` calls, dealt out over the streams in turn; return the files."""
    numbers = [range(first, batches, PROCESSES) for first in range(PROCESSES)]
    paths = [directory / f"bodies-{first}.jsonl" for first in range(PROCESSES)]
    # Fresh interpreters: a fork of the load generator would share its event loop's descriptors.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(_write, paths, numbers, [source] * PROCESSES, [group] * PROCESSES, [streams] * PROCESSES))
    return paths


class Bodies:
    """The prepared bodies in their order, as views into mapped files. Call `close` when no view is in use any more."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._maps = [_map(path) for path in paths]
        lines = [_lines(memoryview(each)) for each in self._maps]
        self.views: list[memoryview] = [view for view in chain.from_iterable(zip_longest(*lines)) if view is not None]

    def close(self) -> None:
        """Unmap the files."""
        self.views.clear()
        self._maps.clear()


def _write(path: Path, numbers: range, source: EventSource, group: str, streams: Sequence[str]) -> None:
    with path.open("wb") as file:
        for number in numbers:
            stream = streams[number % len(streams)]
            file.write(put_body(group, stream, source.batch(number)) + b"\n")


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def _lines(view: memoryview) -> Iterator[memoryview]:
    """Yield the lines of a mapped file without their newlines."""
    mapped = view.obj
    start = 0
    while (end := mapped.find(b"\n", start)) >= 0:  # type: ignore[attr-defined]
        yield view[start:end]
        start = end + 1
