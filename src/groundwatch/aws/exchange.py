"""What an application is handed for one HTTP request, and what it raises when it can give no answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from groundwatch.aws.http import WireRequest, WireResponse, WireStream


class BodyTooLargeError(Exception):
    """The body of a request is larger than it may be."""


class ClientLeftError(Exception):
    """The client is gone: nobody is there to be answered."""


class HttpExchange(Protocol):
    """One request of a client that waits for its answer. For one event loop."""

    @property
    def head(self) -> WireRequest:
        """Everything but the body, which is empty here."""

    @property
    def version(self) -> str:
        """The client's version of HTTP: `1.0` or `1.1`."""

    async def read(self, max_bytes: int, on_growth: Callable[[int], None] | None = None) -> bytes:
        """Return the body when it is there, at once when it came with its head; it can be read once.

        `on_growth` is told how many bytes there are as they come, and may raise.

        Raises:
            BodyTooLargeError: as soon as there are more than `max_bytes`.
            ClientLeftError: when the client left before the end of its request.
        """

    async def left(self) -> None:
        """Return when the client has left."""


Application = Callable[[HttpExchange], Coroutine[Any, Any, WireResponse | WireStream]]
"""Answers one request. Lengths, transfer codings and the date are added where the answer is sent; with `Connection:
close` the connection ends behind it. What is raised but for ClientLeftError is answered 500 and logged."""
