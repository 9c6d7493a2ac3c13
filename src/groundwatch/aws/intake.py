"""Taking in payloads, within a bound for each and one for all together.

Payloads arrive before anything is known of their senders. So whoever can reach the port could fill the memory with
payloads that never end: when they are too much together, the one that has been arriving for longest is given up.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from groundwatch.aws.exchange import HttpExchange
from groundwatch.begun import Begun, in_task

MAX_HELD_BYTES = 256 * 1024 * 1024
"""What all large payloads together may hold, from their first bytes to their answers."""
SMALL_BYTES = 64 * 1024
"""Payloads up to this size are not counted: they never wait, and a listener has few enough connections."""


class OverloadedError(Exception):
    """There is no room for a payload, or no longer."""


class Intake:
    """The room for payloads of one listener; for one event loop."""

    def __init__(self, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._max_held_bytes = max_held_bytes
        self._arriving: dict[Holding, None] = {}
        self.held_bytes = 0

    def hold(self) -> Holding:
        """Return the room of one request, to be entered for as long as the payload is needed."""
        return Holding(self)

    def take(self, holding: Holding, size: int) -> None:
        """Count `size` more bytes, for which older payloads that still arrive may have to go.

        Raises:
            OverloadedError: when even that does not help.
        """
        self._arriving.setdefault(holding)
        holding.size += size
        self.held_bytes += size
        while self.held_bytes > self._max_held_bytes:
            oldest = next(iter(self._arriving))
            if oldest is holding:
                raise OverloadedError
            oldest.give_up()
            self.free(oldest)

    def arrived(self, holding: Holding) -> None:
        """Keep a payload that is complete: it is no longer given up for others."""
        self._arriving.pop(holding, None)

    def free(self, holding: Holding) -> None:
        """Forget the bytes of a request."""
        self._arriving.pop(holding, None)
        self.held_bytes -= holding.size
        holding.size = 0


class Holding:
    """The room that one request takes up."""

    _is_given_up = False

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._deadline: asyncio.Timeout | None = None
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._intake.free(self)

    def give_up(self) -> None:
        """End the reading of a payload that still arrives."""
        self._is_given_up = True
        if self._deadline is not None:
            self._deadline.reschedule(0)

    async def read(self, exchange: HttpExchange, max_bytes: int) -> bytes:
        """Return the payload of a request.

        Raises:
            BodyTooLargeError: as soon as it is larger than `max_bytes`.
            OverloadedError: when it was given up for others, or they for it, in vain.
            ClientLeftError: when the client left.
        """
        reading = Begun(exchange.read(max_bytes, self._grow))
        # Nearly all payloads are there, and need no timer.
        body = reading.result if reading.is_done else await self._wait_for(reading)
        self._intake.arrived(self)
        return body

    async def _wait_for(self, reading: Begun[bytes]) -> bytes:
        await in_task()
        try:
            # It may have been given up before there was a task to wait in.
            async with asyncio.timeout(0 if self._is_given_up else None) as self._deadline:
                return await reading
        except TimeoutError as error:
            raise OverloadedError from error

    def _grow(self, size: int) -> None:
        if self._is_given_up:
            # It would be counted anew, and push out others, until its reader is told.
            raise OverloadedError
        if size > SMALL_BYTES:
            self._intake.take(self, size - self.size)
