"""HTTP/1.1 on one connection, with bounds on what a client may send without getting on with its request.

Bodies are bounded by flow control. A head, a trailer and the lengths of chunks are bounded in size, and whatever is to
come next in time.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from asyncio import AbstractEventLoop, BaseTransport, Protocol, TimerHandle, Transport
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import get_remote_addr, is_ssl
from uvicorn.server import ServerState

from groundwatch.aws.exchange import Application, HttpExchange
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.begun import Begun
from groundwatch.http_protocol.exchange import Exchange
from groundwatch.http_protocol.sending import Outbox, Sender
from groundwatch.http_protocol.upgrades import new_parser, parser_behind

logger = logging.getLogger(__name__)
MAX_PIPELINED = 32
"""Requests that may wait for the answer to one before them. What arrives at once can hold 14,000 of the smallest, which
would take 40 MB and hold up everybody while they are parsed."""
_TEXT = (("content-type", "text/plain; charset=utf-8"), ("connection", "close"))
_CROWDED = WireResponse(503, _TEXT, b"Service Unavailable")


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


def protocol_of(application: Application, patience: Patience, outbox: Outbox) -> Callable[..., Connection]:
    """Return what makes one connection of a listener, with the arguments that uvicorn gives to its protocols."""
    return functools.partial(Connection, application, patience, outbox)


async def _refuse_crowd(_exchange: HttpExchange) -> WireResponse:
    return _CROWDED


async def _rest_of(work: Begun[None]) -> None:
    await work


class _TooManyError(Exception):
    """More requests arrive in a row than may wait."""


class Connection(Protocol):
    """Parses what one client sends into exchanges, which the application answers one after the other."""

    def __init__(
        self,
        application: Application,
        patience: Patience,
        outbox: Outbox,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002 - what uvicorn hands over
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        self.transport: Transport = cast(Transport, None)
        self.loop = _loop or asyncio.get_running_loop()
        self._application = application
        self._patience = patience
        self._outbox = outbox
        self._keep_alive_s = config.timeout_keep_alive
        self._max_concurrency = config.limit_concurrency
        self._server = server_state
        self._parser: Any = new_parser(self)
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._newest: Exchange | None = None
        self._answering: Exchange | None = None
        self.waiting: deque[Exchange] = deque()
        """Requests behind the one that is being answered."""
        self._stalled_bytes = 0
        self._in_head = self._at_boundary = True
        self._has_progressed = False
        self._is_leaving = self._is_last = False
        self._refusal: bytes | None = None
        self._active_s = 0.0
        self._deadline: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._resting: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request, not forever."""
        self.transport = cast(Transport, transport)
        self._flow = FlowControl(self.transport)
        self._sender = Sender(self.transport, self._outbox)
        client = get_remote_addr(self.transport)
        self._source_ip = client[0] if client else ""
        self._is_secure = is_ssl(self.transport)
        self._server.connections.add(cast(Any, self))
        self._set_deadline(self._patience.head_s)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection, and tell whoever still works for its client."""
        self._server.connections.discard(cast(Any, self))
        self._set_deadline(None)
        self._stop_waiting_for_reader()
        if self._resting is not None:
            self._resting.cancel()
        self.waiting.clear()
        if self._answering is not None:
            self._answering.lose_client()
        self._flow.resume_writing()
        # The two know each other, and would wait for the collector.
        self._parser = None

    def shutdown(self) -> None:
        """End the connection behind what was taken in."""
        if self._newest is None or self._newest.is_answered:
            self._sender.close()
        else:
            self._newest.keep_alive = False

    def pause_writing(self) -> None:
        """Wait for a client that does not read, not forever."""
        self._flow.pause_writing()
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(self._patience.unread_s, self._sender.abort)

    def resume_writing(self) -> None:
        """Go on writing to a client that reads again."""
        self._stop_waiting_for_reader()
        self._flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what came, judge whether it got the request on, and begin to answer."""
        if self._is_leaving or self._is_last:
            return
        self._active_s = self.loop.time()
        was_in_head, self._has_progressed = self._in_head, False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_behind(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse_nonsense()
        self._stalled_bytes = 0 if self._has_progressed else self._stalled_bytes + len(data)
        if self._is_ending() or self._is_last:
            self._set_deadline(None)
        elif self._stalled_bytes > self._patience.stalled_bytes:
            self._refuse(431, b"Request Header Fields Too Large")
        elif self._at_boundary:
            self._set_deadline(None)
        elif self._in_head != was_in_head or self._deadline is None:
            self._set_deadline(self._patience.head_s if self._in_head else self._patience.body_s)
        self._begin_next()

    def _go_on_behind(self, rest: bytes) -> None:
        """Parse what stands behind the head of a request that asks for another protocol."""
        request = cast(Exchange, self._newest)
        request.is_whole = self._at_boundary = False
        try:
            self._parser = parser_behind(request.head, self)
            self._parser.feed_data(rest)
        except httptools.HttpParserUpgrade as upgrade:
            # No deeper than there are requests, of which so many may wait.
            self._go_on_behind(rest[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        if not self._is_last:
            logger.warning("a client sends what is no HTTP")
            self._refuse(400, b"Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        """Begin a head, unless too many requests wait already: those are answered, and no more."""
        if len(self.waiting) + (self._answering is not None) > MAX_PIPELINED:
            self._is_last, self._at_boundary = True, False
            self.waiting[-1].keep_alive = False
            raise _TooManyError
        self._in_head, self._at_boundary = True, False
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop those that trail a body, which no application here reads."""
        if self._in_head:
            # Bytes of the wire become Latin-1 text, one by one.
            self._headers.append((name.lower().decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Begin a body."""
        self._in_head, self._has_progressed = False, True
        parser, url = self._parser, httptools.parse_url(self._url)
        head = WireRequest(
            parser.get_method().decode("ascii"),
            url.path.decode("ascii"),
            (url.query or b"").decode("latin-1"),
            tuple(self._headers),
            b"",
            self._source_ip,
            self._is_secure,
        )
        version = parser.get_http_version()
        keep_alive = version != "1.0" and parser.should_keep_alive()
        if self._answering is not None or self.waiting:
            self._flow.pause_reading()
        self._newest = Exchange(
            head, version, self._sender, self._flow, self._server.default_headers, keep_alive=keep_alive
        )
        self.waiting.append(self._newest)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._has_progressed = True
        exchange = self._newest
        if exchange is not None:
            exchange.take(body)
            if exchange.unread_bytes > HIGH_WATER_LIMIT:
                self._flow.pause_reading()

    def on_message_complete(self) -> None:
        """End a request."""
        self._at_boundary = self._has_progressed = True
        if self._newest is not None:
            self._newest.complete()

    def _begin_next(self) -> None:
        """Answer what waits, one after the other; what does not end at once goes on in a task."""
        while self._answering is None and self.waiting and not self._is_ending():
            exchange = self._answering = self.waiting.popleft()
            work = Begun(self._answer(exchange))
            if not work.is_done:
                task = self.loop.create_task(_rest_of(work))
                self._server.tasks.add(task)
                task.add_done_callback(self._go_on)

    def _go_on(self, task: asyncio.Task[None]) -> None:
        # Not from within the task, which what is begun would take for its own.
        self._server.tasks.discard(task)
        self._begin_next()

    async def _answer(self, exchange: Exchange) -> None:
        limit, server = self._max_concurrency, self._server
        is_crowded = limit is not None and (len(server.connections) >= limit or len(server.tasks) >= limit)
        if is_crowded:
            logger.warning("exceeded the limit of connections")
        try:
            await exchange.run(_refuse_crowd if is_crowded else self._application)
        finally:
            self._answering = None
            self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        """Get ready for the next request, unless the connection ends with this one."""
        self._server.total_requests += 1
        if exchange.has_left or self._is_ending():
            return
        if not exchange.keep_alive:
            self.leave()
        elif self._refusal is not None and not self.waiting:
            self._sender.write(self._refusal)
            self.leave()
        else:
            self._active_s = self.loop.time()
            self._flow.resume_reading()
            if not self.waiting and self._resting is None:
                self._rest(self._keep_alive_s)

    def _rest(self, seconds: float) -> None:
        self._resting = self.loop.call_later(seconds, self._close_if_rested)

    def _close_if_rested(self) -> None:
        # One timer a connection that looks when it was last used: one a request would cost a tenth of a small answer.
        is_resting = self._at_boundary and self._answering is None
        rested_s = self.loop.time() - self._active_s if is_resting else 0
        self._resting = None
        if rested_s >= self._keep_alive_s:
            self._sender.close()
        elif not self._is_ending():
            self._rest(self._keep_alive_s - rested_s)

    def leave(self) -> None:
        """Close the connection; without reading what a client still sends, of which there may be gigabytes.

        A TLS connection that is closed politely would read on until the client agrees.
        """
        if self._at_boundary:
            self._sender.close()
        elif not self._is_leaving:
            self._is_leaving = True
            self._flow.pause_reading()
            self.loop.call_later(self._patience.farewell_s, self._sender.abort)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _is_ending(self) -> bool:
        return self._is_leaving or self._sender.is_closing()

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._at_boundary:
            self._sender.close()
        else:
            self._refuse(408, b"Request Timeout")

    def _refuse(self, status: int, text: bytes) -> None:
        """Answer what does not become a request, behind the answers to what came before it, and take in no more."""
        lines = (b"content-type: text/plain", b"content-length: %d" % len(text), b"connection: close", b"", text)
        refusal = STATUS_LINE[status] + b"\r\n".join(lines)
        self._at_boundary, self._is_last = False, True
        if self.waiting and not self.waiting[-1].is_whole:
            self.waiting.pop()
        if self.waiting or (self._answering is not None and self._answering.is_whole):
            self._refusal = refusal
            return
        if self._answering is None or not self._answering.has_begun:
            self._sender.write(refusal)
        # An answer that has begun cannot be replaced, only cut off.
        if self._answering is not None:
            self._answering.lose_client()
        self.leave()
