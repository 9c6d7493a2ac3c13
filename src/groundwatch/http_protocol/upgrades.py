"""Requests that ask for another protocol, of which this server has none: they are like any others (RFC 9110, 7.8).

Java's client asks for HTTP/2 whenever it opens a connection. The parser ends such a request with its head, and would
take its body for the next one: whoever can send through a proxy could put requests between those of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httptools

from groundwatch.aws.http import WireRequest

_FRAMING = ("content-length", "transfer-encoding")


class ParserEvents(Protocol):
    """What a parser tells whoever takes requests in."""

    def on_message_begin(self) -> None:
        """Begin a head."""

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""

    def on_headers_complete(self) -> None:
        """Begin a body."""

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""

    def on_message_complete(self) -> None:
        """End a request."""


def new_parser(events: ParserEvents) -> httptools.HttpRequestParser:
    """Return a parser of what a client sends; it raises what httptools raises."""
    parser = httptools.HttpRequestParser(events)
    # Clients that say `close` and send on have their first request answered all the same.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def parser_behind(head: WireRequest, events: ParserEvents) -> httptools.HttpRequestParser:
    """Return a parser that goes on with the body of a request, if there is one, and with the requests behind it."""
    parser = new_parser(_BehindHead(events))
    framing = [f"{name}: {value}\r\n" for name, value in head.headers if name in _FRAMING]
    parser.feed_data(f"POST / HTTP/1.1\r\n{''.join(framing)}\r\n".encode("latin-1"))
    return parser


class _BehindHead:
    """Hands on all that a parser tells but the first head."""

    def __init__(self, events: ParserEvents) -> None:
        self._events = events
        self._is_behind = False
        self.on_body: Callable[[bytes], None] = events.on_body
        self.on_message_complete: Callable[[], None] = events.on_message_complete

    def on_message_begin(self) -> None:
        if self._is_behind:
            self._events.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_behind:
            self._events.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_behind:
            self._events.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_behind:
            self._events.on_headers_complete()
        self._is_behind = True
