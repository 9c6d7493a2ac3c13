"""The thin ASGI shell around a `ServicePort`: HTTP messages in, `WireRequest` and `WireResponse` between, and out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.aws.port import ServicePort

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Route = Callable[[WireRequest], Awaitable[WireResponse]]


SMALL_BODY_BYTES = 64 * 1024
"""Every service takes bodies of this size: for these its own limit need not be looked up."""


class _TooLargeError(Exception):
    """The body is larger than its service allows."""


class _DisconnectedError(Exception):
    """The client left before its request was complete."""


class ServiceApp:
    """An ASGI application for the service port.

    `extra_routes` maps whole paths (`/health`) to handlers that answer a GET or HEAD without the port; their body is
    not read.
    """

    def __init__(self, port: ServicePort, extra_routes: Mapping[str, Route]) -> None:
        self._port = port
        self._extra_routes = dict(extra_routes)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; only HTTP is spoken, and the listeners send no lifespan."""
        if scope["type"] != "http":
            raise RuntimeError(f"the service port does not serve {scope['type']} connections")
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        head = read_head(scope)
        route = self._extra_routes.get(head.path)
        if route is not None and head.method in {"GET", "HEAD"}:
            await send_response(await route(head), send)
            return
        try:
            body = await _read_body(receive, self._max_bytes(head))
        except _TooLargeError:
            refusal = self._port.refuse_too_large(head)
            # The rest of the body is never read, so the connection cannot be used again.
            closing = msgspec.structs.replace(refusal, headers=(*refusal.headers, ("Connection", "close")))
            await send_response(closing, send)
        except _DisconnectedError:
            return
        else:
            request = msgspec.structs.replace(head, body=body) if body else head
            answer = await self._port.handle(request)
            if isinstance(answer, WireStream):
                await send_stream(answer, receive, send)
            else:
                await send_response(answer, send)

    def _max_bytes(self, head: WireRequest) -> int:
        declared = head.header("content-length")
        if declared is None or not declared.isdigit():
            return self._port.max_body_bytes(head)
        declared_bytes = int(declared[:18])
        if declared_bytes <= SMALL_BODY_BYTES:
            return SMALL_BODY_BYTES
        max_bytes = self._port.max_body_bytes(head)
        if declared_bytes > max_bytes:
            raise _TooLargeError
        return max_bytes


def read_head(scope: Message) -> WireRequest:
    """Return the request of an ASGI scope, with an empty body. Bytes of the wire become Latin-1 text, one by one."""
    raw_path = scope.get("raw_path")
    path = raw_path.decode("latin-1") if raw_path else quote(scope["path"])
    client = scope.get("client")
    return WireRequest(
        method=scope["method"],
        path=path.partition("?")[0],
        query_string=scope["query_string"].decode("latin-1"),
        headers=tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]),
        body=b"",
        source_ip=client[0] if client else "",
        secure=scope.get("scheme") == "https",
    )


async def send_response(response: WireResponse, send: Send) -> None:
    """Send a whole answer, with its length."""
    headers = _raw_headers(response.headers)
    if response.status != 204:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def send_stream(stream: WireStream, receive: Receive, send: Send) -> None:
    """Send frames as they come until the last one or until the client leaves, and close their source."""
    sending = asyncio.ensure_future(_send_frames(stream, send))
    leaving = asyncio.ensure_future(_wait_until_left(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        leaving.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)
        await stream.frames.aclose()
    if not sending.cancelled():
        sending.result()


async def _send_frames(stream: WireStream, send: Send) -> None:
    await send({"type": "http.response.start", "status": stream.status, "headers": _raw_headers(stream.headers)})
    async for frame in stream.frames:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw_headers(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _read_body(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size_bytes, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunk = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise _TooLargeError
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
