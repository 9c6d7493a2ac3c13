"""HTTP/1.1 on one connection, with bounds on what a client may send without getting on with its request.

uvicorn's protocol bounds bodies (by flow control) and idle connections, but buffers a head, a trailer or the lengths of
chunks for as long as they come, waits for the rest of a request forever, and takes leave of TLS by reading on.
"""

from __future__ import annotations

import functools
from asyncio import AbstractEventLoop, BaseTransport, Event, TimerHandle, Transport
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent

MAX_JOINED_BYTES = 12 * 1024
"""The largest body that is copied behind its head: beyond, a copy costs more than the head's own record of TLS."""
MAX_PIPELINED = 32
"""Requests that may wait for the answer to one before them. What arrives at once can hold 14,000 of the smallest, which
would take 40 MB and hold up everybody while they are parsed."""


_UNUSUAL = frozenset({b"connection", b"transfer-encoding"})
_LENGTH = b"content-length: "


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
    return functools.partial(BoundedHttpProtocol, patience)


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
        self._active_s = 0.0
        self._way_out = cast(Transport, _WayOut(self))

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request, not forever."""
        super().connection_made(cast(Transport, transport))
        self._deadline = self.loop.call_later(self._patience.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._set_deadline(None)
        self._stop_waiting_for_reader()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
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
        """Begin a body, and the making of the answer unless others are made before it."""
        self._in_head, self._has_progressed = False, True
        self._complete_scope()
        app = self.app
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit):
            self.logger.warning("Exceeded concurrency limit.")
            app = service_unavailable
        # None before the first request, whatever the annotation says.
        before: RequestResponseCycle | None = self.cycle
        self.cycle = _Cycle(
            scope=self.scope,
            transport=self._way_out,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.scope["http_version"] != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is not None and not before.response_complete:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))
        else:
            self._start_asgi_task(self.cycle, app)

    def _complete_scope(self) -> None:
        scope, url = self.scope, httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = self.parser.get_http_version()
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop those that trail a body, which no application here reads."""
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

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
        self.server_state.total_requests += 1
        if self._is_ending():
            return
        self._active_s = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.timeout_keep_alive_task is None:
            self._wait_for_rest(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has rested long enough."""
        # One timer a connection that looks when it was last used: one a request would cost a tenth of a small answer.
        rested_s = self.loop.time() - self._active_s if self._at_boundary and self.cycle.response_complete else 0
        self.timeout_keep_alive_task = None
        if rested_s >= self.timeout_keep_alive:
            self.transport.close()
        elif not self.transport.is_closing():
            self._wait_for_rest(self.timeout_keep_alive - rested_s)

    def _wait_for_rest(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        self._active_s = self.loop.time()

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


class _WayOut:
    """What an answer does with its connection: writes to it, and leaves it in the protocol's own way."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: BoundedHttpProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        """Send data."""
        self._protocol.transport.write(data)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Send data that is in several places, at one time."""
        self._protocol.transport.writelines(parts)

    def is_closing(self) -> bool:
        """Tell whether nothing more can be sent."""
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        """Leave."""
        self._protocol.leave()


class _Head(NamedTuple):
    framed: bytes
    length: int
    """Of the body, as announced."""
    message: HTTPResponseStartEvent


class _Cycle(RequestResponseCycle):
    """uvicorn's answer, but for a head that announces a body's length, which waits for that body.

    Written apart, each costs a system call, and with TLS a record. An answer that comes whole is framed here, at half
    the cost; all others, and those that are wrong, by uvicorn.
    """

    _head: _Head | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Take the next part of the answer from the application."""
        if message["type"] == "http.response.start" and not self.response_started and self._is_plain():
            self._head = _framed(message, self.default_headers)
            if self._head is not None:
                self.response_started = True
                return
        head, self._head = self._head, None
        if head is not None:
            body = cast(bytes, message.get("body", b""))
            is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_whole and len(body) == head.length and self._is_plain():
                self._finish(head.framed, body)
                return
            self.response_started = False
            await super().send(head.message)
        await super().send(message)

    def _is_plain(self) -> bool:
        """Tell whether nothing but the bytes of the answer has to be thought of."""
        paused_or_gone = self.flow.write_paused or self.disconnected
        return self.keep_alive and not paused_or_gone and not self.access_log and self.scope["method"] != "HEAD"

    def _finish(self, head: bytes, body: bytes) -> None:
        self.waiting_for_100_continue = False
        if len(body) <= MAX_JOINED_BYTES:
            self.transport.write(head + body)
        else:
            # In one go all the same: a single system call, and uvloop copies neither.
            self.transport.writelines((head, body))
        self.response_complete = True
        self.message_event.set()
        self.on_response()


@functools.lru_cache(maxsize=256)
def _line_start(name: bytes) -> bytes:
    """Return what a header's line begins with, nothing for a name that is not as simple as that."""
    # Answers have the same few names all the time.
    lowered = name.lower()
    return b"" if lowered in _UNUSUAL or HEADER_RE.search(lowered) else lowered + b": "


def _framed(message: HTTPResponseStartEvent, default_headers: list[tuple[bytes, bytes]]) -> _Head | None:
    """Return the head of an answer that announces its length; None where it is not as simple as that."""
    lines = [STATUS_LINE[message["status"]]]
    values: list[bytes] = []
    length = -1
    for name, value in (*default_headers, *message.get("headers", ())):
        start = _line_start(name)
        if start == _LENGTH:
            length = int(value)
        elif not start:
            return None
        values.append(value)
        lines += (start, value, b"\r\n")
    # Joined by what values may hold: one search in place of one a header.
    if length < 0 or HEADER_VALUE_RE.search(b"\t".join(values)):
        return None
    lines.append(b"\r\n")
    return _Head(b"".join(lines), length, message)
