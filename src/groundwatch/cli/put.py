"""`groundwatch put`: lines of files or of standard input become log events."""

from __future__ import annotations

import os
import queue
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from groundwatch.cli.api import Wishes, connect
from groundwatch.cli.batches import Batcher
from groundwatch.cli.lines import Line, LineSplitter, Rejection, parse_line
from groundwatch.cli.options import server_options
from groundwatch.cli.sender import Account, Sender
from groundwatch.cli.terminal import Terminal

CHUNK_BYTES = 256 * 1024
CHUNKS_AHEAD = 32
LINGER_S = 1.0
"""A line from a slow pipe waits for company no longer than this."""
REJECTIONS_SHOWN = 20


class Chunk(msgspec.Struct, frozen=True):
    """A piece of one source; empty at its end."""

    source: str
    content: bytes
    error: str | None = None


@click.command()
@click.argument("group")
@click.argument("stream", required=False)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--create/--no-create", default=True, show_default=True, help="Make the group and stream if they lack.")
@click.option(
    "--timestamp-field",
    metavar="NAME",
    help="Lines are JSON objects, whose time is in this field (epoch s or ms, ISO 8601).",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="Batches on their way at the same time.",
)
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    group: str,
    stream: str | None,
    files: tuple[str, ...],
    create: bool,
    timestamp_field: str | None,
    in_flight: int,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> int:
    """Send lines to a log group, one event a line.

    Lines come from the files, or from standard input when there are none; the file - is standard input. Without STREAM
    the name of this machine is the log stream. Events get the time at which they are read, unless --timestamp-field
    says where theirs is. Blank lines are skipped. The exit code is 1 when something was not stored.
    """
    _check_files(stream, files)
    client = connect(Wishes(endpoint_url, profile, region, data), os.environ)
    with Sender(client, group, stream or own_stream_name(), create=create, in_flight=in_flight) as sender:
        interrupted = _send_all(sender, files or ("-",), timestamp_field)
    return _report(sender.account, interrupted=interrupted)


def own_stream_name() -> str:
    """Return the name of this machine as a log stream may be called."""
    return re.sub(r"[:*]", "_", socket.gethostname()) or "default"


def _check_files(stream: str | None, files: Sequence[str]) -> None:
    # `put GROUP app.log` would wait for standard input for ever.
    if stream is not None and not files and Path(stream).is_file():
        raise click.UsageError(f"{stream} is a file; write `groundwatch put GROUP STREAM {stream}`")
    for name in files:
        if name == "-":
            continue
        if not Path(name).exists():
            raise click.UsageError(f"no such file: {name}")
        if Path(name).is_dir():
            raise click.UsageError(f"{name} is a directory")


def _send_all(sender: Sender, files: Sequence[str], timestamp_field: str | None) -> bool:
    """Read, batch and send everything; return whether the user interrupted it, after sending what was read."""
    batcher = Batcher(lambda: time.time_ns() // 1_000_000)
    with _progress(files) as show:
        try:
            for lines, read_bytes, idle in read_lines(files, sender.account):
                for line in lines:
                    _take(line, timestamp_field, batcher, sender)
                if idle and len(batcher):
                    sender.send(batcher.flush())
                show(sender.account, read_bytes)
                if sender.account.failure:
                    return False
        except KeyboardInterrupt:
            return True
        finally:
            if len(batcher):
                sender.send(batcher.flush())
    return False


def _take(line: Line, timestamp_field: str | None, batcher: Batcher, sender: Sender) -> None:
    event = parse_line(line, timestamp_field)
    if event is None:
        sender.account.blank_lines += 1
    elif isinstance(event, Rejection):
        sender.account.reject(event)
    else:
        finished = batcher.add(event)
        if finished:
            sender.send(finished)


def read_lines(files: Sequence[str], account: Account) -> Iterator[tuple[list[Line], int, bool]]:
    """Yield lines as they come, the bytes read so far, and whether it is time to send what waits.

    A thread reads ahead, since a read from a pipe cannot be given a time limit.
    """
    chunks: queue.Queue[Chunk | None] = queue.Queue(CHUNKS_AHEAD)
    threading.Thread(target=_read_files, args=(files, chunks), daemon=True).start()
    splitters: dict[str, LineSplitter] = {}
    read_bytes = 0
    sent_s = time.monotonic()
    while True:
        try:
            chunk = chunks.get(timeout=LINGER_S)
        except queue.Empty:
            yield [], read_bytes, True
            continue
        if chunk is None:
            return
        if chunk.error:
            account.fail(chunk.error)
        read_bytes += len(chunk.content)
        splitter = splitters.pop(chunk.source, None) or LineSplitter(chunk.source)
        if chunk.content:
            splitters[chunk.source] = splitter
        lines = splitter.feed(chunk.content) if chunk.content else splitter.finish()
        idle = time.monotonic() - sent_s > LINGER_S
        if idle:
            sent_s = time.monotonic()
        yield lines, read_bytes, idle


def _read_files(files: Sequence[str], chunks: queue.Queue[Chunk | None]) -> None:
    for name in files:
        source = "stdin" if name == "-" else name
        try:
            if name == "-":
                _read_file(source, sys.stdin.buffer, chunks)
            else:
                with Path(name).open("rb") as file:
                    _read_file(source, file, chunks)
        except OSError as error:
            chunks.put(Chunk(source, b"", f"cannot read {source}: {error.strerror}"))
    chunks.put(None)


def _read_file(source: str, file: BinaryIO, chunks: queue.Queue[Chunk | None]) -> None:
    descriptor = file.fileno()
    # os.read returns what a pipe has; a buffered read would wait for a whole chunk.
    while content := os.read(descriptor, CHUNK_BYTES):
        chunks.put(Chunk(source, content))
    chunks.put(Chunk(source, b""))


@contextmanager
def _progress(files: Sequence[str]) -> Iterator[Callable[[Account, int], None]]:
    """Show a progress bar on stderr while it is a terminal; the value is called with account and bytes read."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        yield lambda _account, _read_bytes: None
        return
    sizes = [Path(name).stat().st_size if Path(name).is_file() else None for name in files]
    total = None if None in sizes else float(sum(size or 0 for size in sizes))
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[events]:,} events stored"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, events=0)
        yield lambda account, read_bytes: progress.update(task, completed=read_bytes, events=account.stored)


def _report(account: Account, *, interrupted: bool) -> int:
    rejections = sorted(account.rejections, key=lambda rejection: (rejection.source, rejection.line_number))
    for rejection in rejections[:REJECTIONS_SHOWN]:
        click.echo(f"rejected: {rejection}", err=True)
    if account.rejected > REJECTIONS_SHOWN:
        click.echo(f"rejected: {account.rejected - REJECTIONS_SHOWN:,} more", err=True)
    if account.failure:
        click.echo(f"stopped: {account.failure}", err=True)
    parts = [f"{_count(account.stored, 'event')} stored"]
    if account.rejected:
        parts.append(f"{account.rejected:,} rejected")
    if account.blank_lines:
        parts.append(f"{_count(account.blank_lines, 'blank line')} skipped")
    click.echo(", ".join(parts))
    if interrupted:
        return 130
    return 1 if account.rejected or account.failure else 0


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
