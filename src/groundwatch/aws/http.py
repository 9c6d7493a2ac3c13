"""Plain values for one HTTP exchange, shared by the service port and in-process callers.

Nothing here reads a socket: a listener builds a `WireRequest`, the gateway builds one for an `AWS` integration, and
both get a `WireResponse` back. The listener may also get a `WireStream`, whose body goes on while the client listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import msgspec

_LENGTH_DIGITS = 18
"""As many as are read of a length, more than any body's has: int() fails beyond 4,300."""


class WireRequest(msgspec.Struct, frozen=True, dict=True):
    """An HTTP request as it arrived: nothing decoded, nothing normalised."""

    method: str
    path: str
    """Absolute path, percent-encoded as received, without the query string."""
    query_string: str
    """The part after `?`, as received; empty when there is none."""
    headers: tuple[tuple[str, str], ...]
    """Lower-case names and values in order of arrival; a repeated header has several entries."""
    body: bytes
    """The payload as sent, before any `Content-Encoding` is undone."""
    source_ip: str
    secure: bool = False
    """True when the request came over TLS (`aws:SecureTransport`)."""

    def header(self, name: str) -> str | None:
        """Return the last value of the header called `name` (lower-case), or None."""
        # A dozen headers are asked for per request. What is kept here takes no part in comparing or replacing.
        kept: dict[str, dict[str, str]] = self.__dict__
        values = kept.get("values")
        if values is None:
            values = kept["values"] = dict(self.headers)
        return values.get(name)

    def declared_bytes(self) -> int | None:
        """Return how many bytes the client says that the body has; None where it says none, or no number."""
        declared = self.header("content-length")
        # Not isdigit, which takes the superscripts of Latin-1 for digits.
        return int(declared[:_LENGTH_DIGITS]) if declared is not None and declared.isdecimal() else None

    def with_body(self, body: bytes) -> WireRequest:
        """Return the request with a body."""
        if not body:
            return self
        whole = WireRequest(self.method, self.path, self.query_string, self.headers, body, self.source_ip, self.secure)
        whole.__dict__.update(self.__dict__)
        return whole


class WireResponse(msgspec.Struct, frozen=True):
    """An HTTP answer: status, headers as they should be sent, and the whole body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    members: Mapping[str, object] | None = None
    """What the body was encoded from, for whoever needs parts of it: the members of a JSON object, as `Service` has
    them. None where the body is no JSON object, or where numbers in it may have two forms (decimals, exponents)."""

    def header(self, name: str) -> str | None:
        """Return the last value of the header called `name` (any case), or None."""
        wanted = name.lower()
        for key, value in reversed(self.headers):
            if key.lower() == wanted:
                return value
        return None

    def with_header(self, name: str, value: str) -> WireResponse:
        """Return the answer with one more header."""
        return msgspec.structs.replace(self, headers=(*self.headers, (name, value)))

    def closing(self) -> WireResponse:
        """Return the answer as the last one of its connection, of which nothing more is read."""
        return self.with_header("Connection", "close")


class FrameSource(Protocol):
    """The parts of a body that is still being made."""

    def __aiter__(self) -> Self:
        """Return itself."""

    async def __anext__(self) -> bytes:
        """Return the next part, whole, when there is one; raise StopAsyncIteration at the end."""

    async def aclose(self) -> None:
        """Let go of everything behind it; may be called at any time and more than once."""


class WireStream(msgspec.Struct, frozen=True):
    """An HTTP answer whose body is sent as it comes into being. Whoever takes it must close `frames`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    frames: FrameSource
