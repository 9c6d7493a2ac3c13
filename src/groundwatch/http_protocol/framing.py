"""Answers as bytes: heads whose lines cannot be taken for others, and parts of bodies without an announced length."""

from __future__ import annotations

import functools
import http
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_NO_NAME = re.compile(r'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
MAX_NAME_CHARACTERS = 4096
"""Of a header. The last 256 are remembered, and templates and backends can make them as long as they like."""
BODILESS = frozenset({204, 304})
"""Answers with these statuses have neither a body nor a length."""
LAST_CHUNK = b"0\r\n\r\n"


def _status_line(status: int) -> str:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}"


_STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


class Head(NamedTuple):
    """The first part of an answer."""

    framed: bytes
    ends_connection: bool


@functools.lru_cache(maxsize=256)
def _line_start(name: str) -> str:
    """Return what a header's line begins with; nothing for `Connection`, and for what is not the application's."""
    # Answers have the same few names all the time.
    lowered = name.lower()
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or _NO_NAME.search(lowered):
        raise ValueError(f"{name[:80]!r} is not a header name")
    return "" if lowered in {"connection", "content-length", "transfer-encoding"} else f"{lowered}: "


@functools.lru_cache(maxsize=8)
def _default_line(name: bytes, value: bytes) -> str:
    return f"{name.decode()}: {value.decode()}"


def frame_head(
    status: int,
    headers: Iterable[tuple[str, str]],
    defaults: Sequence[tuple[bytes, bytes]],
    framing: str | None,
    *,
    ends_connection: bool,
) -> Head:
    """Return the head of an answer, with `framing` as the line that tells how long the body is, if any.

    Lengths and transfer codings among the headers are left out. Raises ValueError for a name that is none or too
    long and a value that would be more than one header, and KeyError for a status that is none.
    """
    lines = [_STATUS_LINES[status], *[_default_line(*default) for default in defaults]]
    for name, value in headers:
        start = _line_start(name)
        if start:
            lines.append(start + value)
        elif name.lower() == "connection":
            ends_connection = ends_connection or "close" in [word.strip() for word in value.lower().split(",")]
    if framing is not None:
        lines.append(framing)
    if ends_connection:
        lines.append("connection: close")
    # Joined by what values may hold: one search in place of one a header.
    if _NO_VALUE.search("\t".join(lines)):
        raise ValueError("the value of a header has control characters")
    lines.append("\r\n")
    return Head("\r\n".join(lines).encode(), ends_connection)


def chunk(part: bytes) -> bytes:
    """Return a part of a body in the chunked coding; it must not be empty, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(part), part)
