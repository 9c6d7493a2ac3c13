"""HTTP/1.1 on one connection, with bounds on what a client may send without getting on with its request.

uvicorn's protocol bounds bodies (by flow control) and idle connections, but buffers a head, a trailer or the lengths of
chunks for as long as they come, waits for the rest of a request forever, and takes leave of TLS by reading on.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, BaseTransport, Handle, TimerHandle, Transport
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import msgspec
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

MAX_JOINED_BYTES = 256 * 1024
"""The largest body that is copied behind its head, to go out in one write."""
MAX_PIPELINED = 32
"""Requests that may wait for the answer to one before them. What arrives at once can hold 14,000 of the smallest, which
would take 40 MB and hold up everybody while they are parsed."""


class Patience(msgspec.Struct, frozen=True):
    """How much, and how long, is put up with per request."""

    stalled_bytes: int = 64 * 1024
    """Bytes received in a row that neither complete a head nor belong to a body."""
    head_s: float = 30
    """From the connection, or a request's first byte, until its head is complete."""
    body_s: float = 300
    """From the head to the end of the body; the largest body needs 35 KB/s."""
    unread_s: float = 60
    """How long a client may leave an answer unread that no longer fits into the buffers on its way."""
    farewell_s: float = 1
    """What is left for the client to read its answer when the rest of its request is not wanted."""


def bounded_protocol(patience: Patience) -> Callable[..., BoundedHttpProtocol]:
    """Return what makes the protocol of one connection, with uvicorn's arguments."""
    return partial(BoundedHttpProtocol, patience)


class _CrowdedError(Exception):
    """More requests arrive in a row than may wait."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which ends connections that stall."""

    def __init__(
        self,
        patience: Patience,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience = patience
        self._stalled_bytes = 0
        self._in_head = True
        self._at_boundary = True
        self._has_progressed = False
        self._deadline: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._is_leaving = False
        self._is_crowded = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request, not forever."""
        super().connection_made(cast(Transport, transport))
        self._deadline = self.loop.call_later(self._patience.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._set_deadline(None)
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, not forever."""
        super().pause_writing()
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(self._patience.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing to a client that reads again."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and judge whether it got the request on."""
        if self._is_leaving or self._is_crowded:
            return
        was_in_head, self._has_progressed = self._in_head, False
        super().data_received(data)
        self._stalled_bytes = 0 if self._has_progressed else self._stalled_bytes + len(data)
        if self._is_ending() or self._is_crowded:
            self._set_deadline(None)
        elif self._stalled_bytes > self._patience.stalled_bytes:
            self._refuse(431, b"Request Header Fields Too Large")
        elif self._at_boundary:
            self._set_deadline(None)
        elif self._in_head != was_in_head or self._deadline is None:
            self._set_deadline(self._patience.head_s if self._in_head else self._patience.body_s)

    def on_message_begin(self) -> None:
        """Begin a head, unless too many requests wait already: those are answered, and no more."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._is_crowded, self._at_boundary = True, False
            raise _CrowdedError
        self._in_head, self._at_boundary = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a body."""
        self._in_head, self._has_progressed = False, True
        super().on_headers_complete()
        self.cycle.transport = cast(Transport, _CycleTransport(self.transport, self.leave, self.loop))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop those that trail a body, which no application here reads."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._has_progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._at_boundary = self._has_progressed = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, unless the connection ends with this one."""
        if not self._is_leaving:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or end with the answers to what was taken in."""
        if self._is_crowded:
            newest, _ = self.pipeline[0]
            newest.keep_alive = False
            return
        self._at_boundary = False
        self._refuse(400, msg.encode())

    def leave(self) -> None:
        """Close the connection; without reading what a client still sends, of which there may be gigabytes.

        A TLS connection that is closed politely would read on until the client agrees.
        """
        if self._at_boundary:
            self.transport.close()
        elif not self._is_leaving:
            self._is_leaving = True
            self.flow.pause_reading()
            self.loop.call_later(self._patience.farewell_s, self.transport.abort)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _is_ending(self) -> bool:
        return self._is_leaving or self.transport.is_closing()

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._at_boundary:
            self.transport.close()
        else:
            self._refuse(408, b"Request Timeout")

    def _refuse(self, status: int, text: bytes) -> None:
        # An answer that has begun cannot be replaced, only cut off.
        # None before the first request, whatever the annotation says.
        answering: RequestResponseCycle | None = self.cycle
        if answering is None or answering.response_complete or not answering.response_started:
            lines = (b"content-type: text/plain", b"content-length: %d" % len(text), b"connection: close", b"", text)
            self.transport.write(STATUS_LINE[status] + b"\r\n".join(lines))
        self.leave()


class _CycleTransport:
    """What an answer does with its connection: writes to it, and leaves it in the protocol's own way.

    Head and body come as two writes in a row, which are sent as one: with TLS each costs a record and a system call.
    """

    __slots__ = ("_head", "_leave", "_loop", "_pending", "_transport", "is_closing")

    def __init__(self, transport: Transport, leave: Callable[[], None], loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._leave = leave
        self._loop = loop
        self._head = b""
        self._pending: Handle | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send the data, or wait with the first of it for the second, at most until the loop comes round."""
        if self._pending is None:
            self._head = data
            self._pending = self._loop.call_soon(self._flush)
        elif self._head and len(data) <= MAX_JOINED_BYTES:
            data, self._head = self._head + data, b""
            self._pending.cancel()
            self._transport.write(data)
        else:
            self._flush()
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and leave."""
        self._flush()
        self._leave()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
