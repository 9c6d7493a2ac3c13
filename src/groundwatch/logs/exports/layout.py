"""How an export looks in its bucket: the keys of objects, and the lines in them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from groundwatch.logs.events import Event

DEFAULT_PREFIX = "exportedlogs"
TEST_OBJECT = "aws-logs-write-test"
TEST_CONTENT = b"Permission Check Successful"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEVEL = 6


def write_test_key(prefix: str) -> str:
    """Return the key of the object that CreateExportTask writes to see whether it may."""
    return _joined(prefix, TEST_OBJECT)


def folder_of(stream_name: str) -> str:
    """Return the folder of a stream's objects; two names may lead to one folder."""
    return stream_name.replace("/", "-")


def object_key(prefix: str, task_id: str, folder: str, part: int) -> str:
    """Return the key of a stream's object, the first of which is part 0."""
    return _joined(prefix, f"{task_id}/{folder}/{part:06d}.gz")


def lines(events: Iterable[Event]) -> bytes:
    """Return events as the service exports them: time in UTC with milliseconds, a blank, the message, a newline."""
    return "".join([f"{_iso(event.key.timestamp)} {event.message}\n" for event in events]).encode()


class GzipObject:
    """The lines of one object, compressed in memory."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        # Without a time of its own, the same events make the same object.
        self._gzip = gzip.GzipFile(fileobj=self._buffer, mode="wb", compresslevel=LEVEL, mtime=0)

    @property
    def size_bytes(self) -> int:
        """The compressed bytes so far, but for what the compressor still holds."""
        return self._buffer.tell()

    def add(self, events: Iterable[Event]) -> None:
        """Append events."""
        self._gzip.write(lines(events))

    def finish(self) -> io.BytesIO:
        """Return the whole object, to be read from its beginning."""
        self._gzip.close()
        self._buffer.seek(0)
        return self._buffer


def _iso(timestamp_ms: int) -> str:
    # Not fromtimestamp, whose floats round milliseconds.
    moment = EPOCH + timedelta(milliseconds=timestamp_ms)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _joined(prefix: str, rest: str) -> str:
    return f"{prefix}/{rest}" if prefix else rest
