"""A web server of the tests' own, on loopback, that remembers requests and answers as told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httptools
import pytest
from tests.waiting import end


@dataclass
class Received:
    """A request as it arrived: names and values of headers as they were written."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Reply = Callable[[Received], Awaitable[bytes | None]]


def http_answer(body: bytes = b"{}", *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """An answer with Content-Length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class _Parsed:
    def __init__(self) -> None:
        self.target, self.headers, self.body, self.complete = b"", [], b"", False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


@dataclass
class WebServer:
    """`reply` makes the answer to each request; None closes the connection without one."""

    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client leaves while its request is answered."""
    body: bytes = b'{"ok":true}'
    status: int = 200
    headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),)
    reply: Reply | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                self.received.append(request)
                answer = await self._answer(request, reader)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except ConnectionError:
            self.dropped.set()
        finally:
            writer.close()

    async def _answer(self, request: Received, reader: asyncio.StreamReader) -> bytes | None:
        if self.reply is None:
            return http_answer(self.body, status=self.status, headers=self.headers)
        replying = asyncio.ensure_future(self.reply(request))
        leaving = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({replying, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        if replying.done():
            return replying.result()
        replying.cancel()
        self.dropped.set()
        return None


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    parsed = _Parsed()
    parser = httptools.HttpRequestParser(parsed)
    while not parsed.complete:
        data = await reader.read(65536)
        if not data:
            return None
        parser.feed_data(data)
    return Received(parser.get_method().decode(), parsed.target.decode(), parsed.headers, parsed.body)


@pytest.fixture
async def make_web_server() -> AsyncIterator[Callable[..., Awaitable[WebServer]]]:
    async with AsyncExitStack() as opened:

        async def make(tls: ssl.SSLContext | None = None, **settings: Any) -> WebServer:
            server = WebServer(scheme="https" if tls else "http", **settings)
            listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
            opened.push_async_callback(end, listener)
            server.port = listener.sockets[0].getsockname()[1]
            return server

        yield make


@pytest.fixture
async def web_server(make_web_server) -> WebServer:
    return await make_web_server()


@pytest.fixture
def answer_bytes() -> Callable[..., bytes]:
    return http_answer
