"""From bytes to log events: lines, their limits and their timestamps. No I/O."""

from __future__ import annotations

import datetime as dt
import json
import re

import msgspec

BATCH_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
MESSAGE_BYTES = BATCH_BYTES - EVENT_OVERHEAD_BYTES
"""The largest message that fits a batch of PutLogEvents."""
# Epoch numbers below are seconds (until the year 5138), above milliseconds (from 1973 on), as both are in use.
SECONDS_BELOW = 100_000_000_000
MILLISECONDS_BELOW = SECONDS_BELOW * 1000


class Line(msgspec.Struct, frozen=True):
    """A line of input without its end."""

    source: str
    number: int
    content: bytes | None
    """None when the line is longer than any event may be."""
    size_bytes: int


class Event(msgspec.Struct, frozen=True):
    """A log event that is to be sent."""

    source: str
    line_number: int
    message: str
    size_bytes: int
    """As PutLogEvents counts it."""
    timestamp_ms: int | None
    """None means the time at which it is put in a batch."""


class Rejection(msgspec.Struct, frozen=True):
    """A line that is not stored, and why."""

    source: str
    line_number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line_number}: {self.reason}"


class LineSplitter:
    """Cuts chunks of bytes into lines; holds no more than one line, and of one that is too long only its length."""

    def __init__(self, source: str, limit_bytes: int = MESSAGE_BYTES) -> None:
        self._source = source
        self._limit_bytes = limit_bytes
        self._rest = b""
        self._skipped_bytes = 0
        self._number = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that this chunk completes."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for part in complete:
            lines.append(self._line(self._rest + part))
            self._rest = b""
        self._rest += rest
        # One byte more than the limit is kept, for a carriage return at the end.
        if len(self._rest) > self._limit_bytes + 1:
            self._skipped_bytes += len(self._rest) - 1
            self._rest = self._rest[-1:]
        return lines

    def finish(self) -> list[Line]:
        """Return the last line, if it has no end of its own."""
        return [self._line(self._rest)] if self._rest or self._skipped_bytes else []

    def _line(self, content: bytes) -> Line:
        self._number += 1
        content = content.removesuffix(b"\r")
        size_bytes, self._skipped_bytes = self._skipped_bytes + len(content), 0
        fits = size_bytes <= self._limit_bytes
        return Line(self._source, self._number, content if fits else None, size_bytes)


def parse_line(line: Line, timestamp_field: str | None = None) -> Event | Rejection | None:
    """Return the event in a line, the reason why it is none, or None for a blank line, which no log service takes."""
    if line.content is None:
        return _reject(line, f"{line.size_bytes:,} bytes are more than the {MESSAGE_BYTES:,} that an event may have")
    if not line.content:
        return None
    try:
        message = line.content.decode()
    except UnicodeDecodeError as error:
        return _reject(line, f"is not UTF-8 at byte {error.start + 1}")
    try:
        timestamp_ms = None if timestamp_field is None else _find_timestamp(message, timestamp_field)
    except ValueError as error:
        return _reject(line, str(error))
    return Event(line.source, line.number, message, line.size_bytes + EVENT_OVERHEAD_BYTES, timestamp_ms)


def _reject(line: Line, reason: str) -> Rejection:
    return Rejection(line.source, line.number, reason)


def _find_timestamp(message: str, field: str) -> int:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ValueError(f"is not a JSON object, so it has no {field!r}")  # noqa: TRY004 - of the input, not the call
    if field not in document:
        raise ValueError(f"has no field {field!r}")
    try:
        return parse_timestamp_ms(document[field])
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field!r} is {document[field]!r}, which is no time: {error}") from error


def parse_timestamp_ms(value: object) -> int:
    """Return milliseconds since the epoch for a number of seconds or milliseconds, or ISO 8601 (UTC without a zone).

    Raises ValueError.
    """
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value < SECONDS_BELOW:
            return round(value * 1000)
        if value < MILLISECONDS_BELOW and value >= 0:
            return round(value)
        raise ValueError("not seconds or milliseconds since the epoch")
    if isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)
    raise ValueError("neither a number nor ISO 8601 text")
