"""Output and errors that lead nowhere: a pipe that nobody reads any more, a full disk, a closed stream."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def open_closed_streams() -> None:
    """Give a process that was started with closed streams (`>&-`) streams that lead nowhere.

    Python has None in place of such a stream, and the next file or socket would get its number.
    """
    # In the order of their numbers: what is opened takes the least one that is free.
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - for as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


@contextmanager
def faults_of_output() -> Iterator[None]:
    """End the command where its output cannot be written.

    A closed pipe is the reader's way to say that it has enough, and a success; a full disk is a ClickException.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        # Files that commands write have names, and their errors are told where they are written.
        if error.filename is not None or error.errno not in NO_ROOM:
            raise
        silence()
        raise click.ClickException(f"cannot write the output: {error.strerror}") from error


@contextmanager
def told() -> Iterator[None]:
    """Pass over that nobody reads a message: the exit code says enough."""
    try:
        yield
    except OSError:
        silence()


def silence() -> None:
    """Send what cannot be written nowhere, or Python would try it once more at its end and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
