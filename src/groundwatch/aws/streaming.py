"""Answers that go on: what an operation with an event stream returns, and its way to frames on the wire.

Both ends are plain objects with `__anext__` and `aclose` instead of generators: a generator that was never started
does not run its `finally` when it is closed, and a client may leave before the first event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, Self

import msgspec

from groundwatch.aws.errors import ServiceError

_LOGGER = logging.getLogger(__name__)


class StreamedEvent(msgspec.Struct, frozen=True):
    """One event of a stream."""

    name: str
    """The member of the model's stream shape, such as `sessionUpdate`."""
    value: object
    """What the member holds: a mapping or Struct by model names."""


class EventSource(Protocol):
    """The events of one answer in order.

    A `ServiceError` raised by `__anext__` is told to the client as the last thing in the stream.
    """

    def __aiter__(self) -> Self:
        """Return itself."""

    async def __anext__(self) -> StreamedEvent:
        """Return the next event when there is one; raise StopAsyncIteration at the end."""

    async def aclose(self) -> None:
        """Let go of everything; may be called at any time and more than once."""


class StreamingOutput(msgspec.Struct, frozen=True):
    """What an operation returns whose output has an event stream."""

    events: EventSource


class EventFrames:
    """The frames of one answer: the first as given, then one for each event, then one for an error, if any."""

    def __init__(
        self,
        first: bytes,
        events: EventSource,
        render_event: Callable[[StreamedEvent], bytes],
        render_error: Callable[[ServiceError], bytes],
    ) -> None:
        self._first: bytes | None = first
        self._events = events
        self._render_event = render_event
        self._render_error = render_error
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return self._render_event(await anext(self._events))
        except StopAsyncIteration:
            self._ended = True
            raise
        except ServiceError as error:
            return await self._end_with(error)
        except Exception:
            # The outermost exit of a stream: the client learns that it failed and nothing else.
            _LOGGER.exception("an event stream failed")
            return await self._end_with(ServiceError("InternalFailure", "An internal error occurred."))

    async def aclose(self) -> None:
        """Close the source of the events."""
        self._ended = True
        await self._events.aclose()

    async def _end_with(self, error: ServiceError) -> bytes:
        await self.aclose()
        return self._render_error(error)
