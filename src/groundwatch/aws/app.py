"""The application of the service port: takes requests in for a `ServicePort`, and answers a few paths beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from groundwatch.aws.exchange import BodyTooLargeError, HttpExchange
from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.aws.intake import MAX_HELD_BYTES, SMALL_BYTES, Intake, OverloadedError
from groundwatch.aws.port import ServicePort

Route = Callable[[WireRequest], Awaitable[WireResponse]]


class ServiceApp:
    """Answers the requests of the service port.

    `extra_routes` maps whole paths (`/health`) to handlers that answer a GET or HEAD without the port; their body is
    not read. `max_held_bytes` is what large bodies may hold together.
    """

    def __init__(
        self, port: ServicePort, extra_routes: Mapping[str, Route], *, max_held_bytes: int = MAX_HELD_BYTES
    ) -> None:
        self._port = port
        self._extra_routes = dict(extra_routes)
        self._intake = Intake(max_held_bytes)

    async def __call__(self, exchange: HttpExchange) -> WireResponse | WireStream:
        """Answer one request."""
        head = exchange.head
        route = self._extra_routes.get(head.path)
        if route is not None and head.method in {"GET", "HEAD"}:
            return await route(head)
        declared_bytes = head.declared_bytes()
        try:
            if declared_bytes is not None and declared_bytes <= SMALL_BYTES:
                # Every service takes bodies of this size, and nobody counts them.
                return await self._port.handle(head.with_body(await exchange.read(SMALL_BYTES)))
            return await self._take_large(exchange, self._max_bytes(head, declared_bytes))
        except BodyTooLargeError:
            # The rest of the body is never read, so the connection cannot be used again.
            return self._port.refuse_too_large(head).closing()
        except OverloadedError:
            return self._port.refuse_overloaded(head).closing()

    async def _take_large(self, exchange: HttpExchange, max_bytes: int) -> WireResponse | WireStream:
        # Bodies arrive before anything is known of their senders, and are held until they are answered.
        with self._intake.hold() as holding:
            body = await holding.read(exchange, max_bytes)
            return await self._port.handle(exchange.head.with_body(body))

    def _max_bytes(self, head: WireRequest, declared_bytes: int | None) -> int:
        max_bytes = self._port.max_body_bytes(head)
        if declared_bytes is not None and declared_bytes > max_bytes:
            raise BodyTooLargeError
        return max_bytes
