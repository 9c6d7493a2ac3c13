"""The progress bar of copies whose size is known: backups and restores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from groundwatch.cli.terminal import Terminal

REFRESH_S = 0.2
Show = Callable[[int, int], None]
"""Called with the bytes that are done and all bytes."""


@contextmanager
def progress_bar(what: str) -> Iterator[Show]:
    """Show a progress bar on stderr while it is a terminal."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


@contextmanager
def watched(what: str, measure: Callable[[], tuple[int, int]]) -> Iterator[None]:
    """Show a bar while the body runs, from what `measure` returns now and then: bytes done, and all bytes."""
    ended = threading.Event()
    with progress_bar(what) as show:

        def watch() -> None:
            while not ended.wait(REFRESH_S):
                show(*measure())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
