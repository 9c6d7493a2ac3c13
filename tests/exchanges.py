"""Clients of an application without a network: a real exchange, of which nothing but the socket is made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from groundwatch.aws.exchange import Application
from groundwatch.aws.http import WireRequest
from groundwatch.http_protocol.connection import Connection, Patience, protocol_of
from groundwatch.http_protocol.exchange import Exchange
from groundwatch.http_protocol.sending import Outbox, Sender


class Wire(asyncio.Transport):
    """Remembers what was written, and how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0
        self.closed = self.aborted = self.paused = False

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.written += data
        self.writes += 1

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Client:
    """Sends one request, the body of which may come in pieces, and reads its answer."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Sequence[tuple[str, str]] = (("host", "localhost"),),
        *,
        query: str = "",
        version: str = "1.1",
        secure: bool = False,
    ) -> None:
        head = WireRequest(method, path, query, tuple(headers), b"", "203.0.113.9", secure)
        self._wire, self._outbox = Wire(), Outbox()
        self.flow = FlowControl(self._wire)
        sender = Sender(self._wire, self._outbox)
        self.exchange = Exchange(head, version, sender, self.flow, [], keep_alive=version != "1.0")

    @property
    def wire(self) -> Wire:
        """What was written: a turn of the event loop ends where it is looked at."""
        self._outbox.send()
        return self._wire

    def send(self, *pieces: bytes, more: bool = False) -> None:
        """Send pieces of the body, and its end unless there is more."""
        for piece in pieces:
            self.exchange.take(piece)
        if not more:
            self.exchange.complete()

    def leave(self) -> None:
        self.exchange.lose_client()

    async def ask(self, application: Application, *pieces: bytes) -> Client:
        """Send the rest of the request and wait for the answer."""
        self.send(*pieces)
        await self.exchange.run(application)
        return self

    @property
    def head(self) -> list[str]:
        return self.wire.written.partition(b"\r\n\r\n")[0].decode().split("\r\n")

    @property
    def status(self) -> int:
        return int(self.head[0].split(" ")[1])

    @property
    def fields(self) -> list[tuple[str, str]]:
        return [(name, value) for name, _, value in (line.partition(": ") for line in self.head[1:])]

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def body(self) -> bytes:
        return self.wire.written.partition(b"\r\n\r\n")[2]

    @property
    def parts(self) -> list[bytes]:
        """The parts of a body in chunks."""
        parts, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            parts.append(rest[:length])
            assert re.match(rb"\r\n", rest[length:])
            rest = rest[length + 2 :]
        return parts


def connect(application: Application) -> tuple[Connection, Wire]:
    """Return a connection to be fed by the event loop, with what is written to it."""
    config = uvicorn.Config(None, log_config=None)
    connection = protocol_of(application, Patience(), Outbox())(config=config, server_state=ServerState(), app_state={})
    wire = Wire()
    connection.connection_made(wire)
    return connection, wire
