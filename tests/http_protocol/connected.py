"""A connection without a network, a clock without time, and applications to stand behind them."""

from __future__ import annotations

import asyncio

import uvicorn
from tests.exchanges import Wire
from uvicorn.server import ServerState

from groundwatch.aws.http import WireResponse, WireStream
from groundwatch.http_protocol.connection import Patience, protocol_of
from groundwatch.http_protocol.sending import Outbox

PATIENCE = Patience(stalled_bytes=1000, head_s=30, body_s=300, unread_s=60, farewell_s=1)
HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_1_0 = b"GET / HTTP/1.0\r\n\r\n"


class Timer:
    def __init__(self, seconds, action):
        self.seconds, self.action, self.cancelled = seconds, action, False

    def cancel(self):
        self.cancelled = True


class Clock:
    """The part of an event loop that the protocol uses, without time."""

    def __init__(self):
        self.timers = []
        self.now_s = 0.0
        self.create_task = asyncio.get_running_loop().create_task
        self.call_soon = asyncio.get_running_loop().call_soon

    def call_later(self, seconds, action):
        self.timers.append(Timer(seconds, action))
        return self.timers[-1]

    def time(self):
        return self.now_s

    def waiting(self):
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def pass_by(self, seconds):
        for timer in [timer for timer in self.timers if not timer.cancelled and timer.seconds <= seconds]:
            timer.cancel()
            timer.action()


class Connection:
    def __init__(self, app, limit=None):
        self.clock, self._wire, self._outbox = Clock(), Wire(), Outbox()
        self.server = ServerState()
        config = uvicorn.Config(None, log_config=None, timeout_keep_alive=75, limit_concurrency=limit)
        self.protocol = protocol_of(app, PATIENCE, self._outbox)(
            config=config, server_state=self.server, app_state={}, _loop=self.clock
        )
        self.protocol.connection_made(self._wire)

    @property
    def wire(self):
        """What was written: a turn of the event loop ends where it is looked at."""
        self._outbox.send()
        return self._wire

    def send(self, *pieces):
        for piece in pieces:
            if not self.has_left():
                self.protocol.data_received(piece)

    def has_left(self):
        """Tell whether nothing more is read, for good or until the connection is cut off."""
        return self.wire.closed or (self.wire.paused and PATIENCE.farewell_s in self.clock.waiting())

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)


async def echo_length(exchange):
    return WireResponse(200, (), str(len(await exchange.read(1_000_000))).encode())


async def echo_later(exchange):
    await asyncio.sleep(0)
    return await echo_length(exchange)


async def refuse_at_once(_exchange):
    return WireResponse(413, (("Connection", "close"),), b"")


class Frames:
    """The parts of an answer, each of which waits until it is asked for."""

    def __init__(self, *parts):
        self.parts, self.more, self.closed = list(parts), asyncio.Semaphore(0), False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self.more.acquire()
        if not self.parts:
            raise StopAsyncIteration
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    async def aclose(self):
        self.closed = True


def streaming(frames):
    async def app(_exchange):
        return WireStream(200, (("content-type", "text/plain"),), frames)

    return app
