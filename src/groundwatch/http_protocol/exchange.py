"""One request on its connection: how its body is read, and how it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

from uvicorn.protocols.http.flow_control import FlowControl

from groundwatch.aws.exchange import Application, BodyTooLargeError, ClientLeftError
from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.http_protocol.framing import BODILESS, LAST_CHUNK, chunk, frame_head
from groundwatch.http_protocol.sending import Sender

logger = logging.getLogger(__name__)
MAX_JOINED_BYTES = 12 * 1024
"""The largest body that is copied behind its head: beyond, a copy costs more than the head's own record of TLS."""
FAILED = WireResponse(
    500, (("content-type", "text/plain; charset=utf-8"), ("connection", "close")), b"Internal Server Error"
)


class Exchange:
    """Implements `aws.exchange.HttpExchange`; its connection tells what arrives, and is told when all is sent."""

    def __init__(
        self,
        head: WireRequest,
        version: str,
        sender: Sender,
        flow: FlowControl,
        defaults: Sequence[tuple[bytes, bytes]],
        *,
        keep_alive: bool,
    ) -> None:
        self.head = head
        self.version = version
        self.keep_alive = keep_alive
        """Whether the connection goes on behind the answer."""
        self.is_whole = False
        """Whether the body has arrived to its end."""
        self.has_begun = False
        """Whether something of the answer was sent."""
        self.is_answered = False
        self.has_left = False
        self._sender = sender
        self._flow = flow
        self._defaults = defaults
        # Clients of HTTP/1.0 would take the word to go on for their answer (RFC 9110, 10.1.1).
        self._expects_continue = version != "1.0" and (head.header("expect") or "").lower() == "100-continue"
        self._body: bytes | bytearray = b""
        self._size = self._seen = 0
        self._is_read = False
        self._changed: asyncio.Event | None = None

    @property
    def unread_bytes(self) -> int:
        """What has arrived of the body since it was last looked at."""
        return self._size - self._seen

    def take(self, piece: bytes) -> None:
        """Take a piece of the body in, unless nobody will read it."""
        if self._is_read:
            return
        if not self._size:
            # Nearly all bodies are one piece.
            self._body = piece
        else:
            # Kept apart, pieces of a byte would take forty times their size.
            self._body = self._body if isinstance(self._body, bytearray) else bytearray(self._body)
            self._body += piece
        self._size += len(piece)
        self._wake()

    def complete(self) -> None:
        """Take note of the end of the body."""
        self.is_whole = True
        self._wake()

    def lose_client(self) -> None:
        """Take note that nobody is there any more: nothing more is sent."""
        self.has_left = True
        self._wake()

    async def read(self, max_bytes: int, on_growth: Callable[[int], None] | None = None) -> bytes:
        """Return the body when it is there."""
        try:
            while True:
                self._seen = self._size
                if self._size > max_bytes:
                    raise BodyTooLargeError
                if on_growth is not None:
                    on_growth(self._size)
                if self.is_whole:
                    return bytes(self._body)
                if self.has_left:
                    raise ClientLeftError
                self._let_send()
                await self._change()
        finally:
            self._forget_body()

    def _forget_body(self) -> None:
        # It is the application's now, or nobody's: a connection that is being left would hold it for a second more.
        self._body, self._is_read, self._seen = b"", True, self._size

    def _let_send(self) -> None:
        if self._expects_continue:
            self._expects_continue = False
            self._sender.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def left(self) -> None:
        """Return when the client has left."""
        while not self.has_left:
            await self._change()

    async def _change(self) -> None:
        # Only who reads learns that the other side has closed.
        self._flow.resume_reading()
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    async def run(self, application: Application) -> None:
        """Have the request answered, and send the answer; with 500 when there is none."""
        try:
            await self._send(await application(self))
        except ClientLeftError:
            self.keep_alive = False
        except BaseException as error:
            # The outermost exit of a request: the client learns nothing of what happened.
            self.keep_alive = False
            if not self.has_begun:
                self._write(FAILED)
            if not isinstance(error, Exception):
                raise
            logger.exception("a request failed")
        finally:
            self._forget_body()

    async def _send(self, answer: WireResponse | WireStream) -> None:
        if isinstance(answer, WireStream):
            await self._stream(answer)
            return
        if self._flow.write_paused:
            await self._flow.drain()
        self._write(answer)

    def _write(self, answer: WireResponse) -> None:
        if self.has_left:
            return
        bodiless = answer.status in BODILESS
        length = None if bodiless else f"content-length: {len(answer.body)}"
        head = frame_head(answer.status, answer.headers, self._defaults, length, ends_connection=not self.keep_alive)
        self.has_begun = True
        self.keep_alive = not head.ends_connection
        if bodiless or self.head.method == "HEAD":
            self._sender.write(head.framed)
        elif len(answer.body) <= MAX_JOINED_BYTES:
            self._sender.write(head.framed + answer.body)
        else:
            self._sender.write(head.framed, answer.body)
        self.is_answered = True

    async def _stream(self, stream: WireStream) -> None:
        """Send frames as they come until the last one or until the client leaves, and close their source."""
        async with aclosing(stream.frames):
            sending = asyncio.ensure_future(self._send_frames(stream))
            leaving = asyncio.ensure_future(self.left())
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                leaving.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _send_frames(self, stream: WireStream) -> None:
        # Clients of HTTP/1.0 know no chunks: for these the end of the connection is the end of the body.
        chunked = self.version != "1.0"
        coding = "transfer-encoding: chunked" if chunked else None
        head = frame_head(stream.status, stream.headers, self._defaults, coding, ends_connection=not self.keep_alive)
        self.has_begun = True
        self.keep_alive = not head.ends_connection
        await self._write_part(head.framed)
        if self.head.method != "HEAD":
            async for frame in stream.frames:
                if frame:
                    await self._write_part(chunk(frame) if chunked else frame)
            if chunked:
                await self._write_part(LAST_CHUNK)
        self.is_answered = True

    async def _write_part(self, part: bytes) -> None:
        if self._flow.write_paused:
            await self._flow.drain()
        if not self.has_left:
            self._sender.write(part)
            # Whether the client still reads is to be known before the next part.
            self._sender.send()
