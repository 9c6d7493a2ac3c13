"""Reads HTTP/1.1 responses out of the bytes of a connection, without touching a socket.

One request is in flight at a time, so a reader knows exactly one response. It understands what servers of the field
send: `Content-Length`, chunked bodies, bodies that end with the connection, and interim (1xx) responses.
"""

from __future__ import annotations

import msgspec

HEADER_END = b"\r\n\r\n"
LINE_END = b"\r\n"
BODILESS_STATUSES = frozenset({204, 304})


class MalformedResponseError(Exception):
    """The server sent something that is not an HTTP/1.1 response, or more than one."""


class Response(msgspec.Struct, frozen=True):
    """One complete answer."""

    status: int
    headers: dict[str, str]
    """Lower-case names; the last of repeated headers."""
    body: bytes
    keep_alive: bool
    """Whether the connection may carry another request."""


class ResponseReader:
    """Collects bytes until one response is complete, then starts afresh."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None

    @property
    def started(self) -> bool:
        """Whether part of a response has arrived."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> Response | None:
        """Add what arrived; return the response when it is complete. Raises `MalformedResponseError`."""
        self._buffer += data
        while self._head is None or 100 <= self._head.status < 200:
            end = self._buffer.find(HEADER_END)
            if end < 0:
                return None
            self._head = _parse_head(bytes(self._buffer[:end]))
            del self._buffer[: end + len(HEADER_END)]
        body = self._take_body(self._head)
        return None if body is None else self._finish(self._head, body)

    def end(self) -> Response | None:
        """Say that the server closed the connection; return the response if the close completes one, else None."""
        head = self._head
        if head is None or head.chunked or head.length is not None:
            return None
        return self._finish(head, bytes(self._buffer))

    def _take_body(self, head: _Head) -> bytes | None:
        if head.chunked:
            return _unchunk(self._buffer)
        if head.length is None or len(self._buffer) < head.length:
            return None
        if len(self._buffer) > head.length:
            raise MalformedResponseError(f"{len(self._buffer) - head.length} bytes more than the response announced")
        return bytes(self._buffer)

    def _finish(self, head: _Head, body: bytes) -> Response:
        self._buffer.clear()
        self._head = None
        return Response(head.status, head.headers, body, head.keep_alive)


class _Head(msgspec.Struct, frozen=True):
    """A parsed status line with its headers; no length and not chunked means that the body ends with the connection."""

    status: int
    headers: dict[str, str]
    length: int | None
    chunked: bool
    keep_alive: bool


def _parse_head(raw: bytes) -> _Head:
    status_line, *lines = raw.decode("latin-1").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not code.isdecimal():
        raise MalformedResponseError(f"not an HTTP/1.1 status line: {status_line[:100]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    status, connection = int(code), headers.get("connection", "").lower()
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    length = 0 if status in BODILESS_STATUSES else _length(headers)
    delimited = chunked or length is not None
    keep_alive = delimited and connection != "close" and (version == "HTTP/1.1" or connection == "keep-alive")
    return _Head(status, headers, length, chunked, keep_alive)


def _length(headers: dict[str, str]) -> int | None:
    text = headers.get("content-length")
    if text is None:
        return None
    if not text.isdecimal():
        raise MalformedResponseError(f"Content-Length is {text!r}")
    return int(text)


def _unchunk(buffer: bytearray) -> bytes | None:
    """Return the body of a chunked response, or None while its last chunk is missing; trailers are dropped."""
    body, position = bytearray(), 0
    while True:
        line_end = buffer.find(LINE_END, position)
        if line_end < 0:
            return None
        size = _chunk_size(bytes(buffer[position:line_end]))
        position = line_end + len(LINE_END)
        if size == 0:
            complete = buffer.startswith(LINE_END, position) or buffer.find(HEADER_END, position) >= 0
            return bytes(body) if complete else None
        if len(buffer) < position + size + len(LINE_END):
            return None
        body += buffer[position : position + size]
        position += size + len(LINE_END)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise MalformedResponseError(f"not a chunk size: {line[:40]!r}") from None
