"""What is sent in one turn of the event loop goes out at its end, together.

Each write wakes whoever waits at the other end, which takes the kernel longer than to send a small answer where that
one has gone to sleep meanwhile. When requests of many connections have arrived, their answers are written one behind
the other instead, and the other end is woken once.
"""

from __future__ import annotations

import asyncio
import time

MAX_HELD_S = 0.004
"""How long the first answer of a turn is held back while others are made."""
MAX_HELD_BYTES = 64 * 1024
"""Of one connection; beyond, its transport must learn of it, which tells when the client does not read."""


class Outbox:
    """The connections of one listener that have something to send in this turn of the event loop."""

    def __init__(self) -> None:
        self._senders: list[Sender] = []
        self._first_s = 0.0

    def add(self, sender: Sender) -> None:
        """Send what the connection holds when the turn ends, or when the first has waited long enough."""
        now_s = time.perf_counter()
        if not self._senders:
            asyncio.get_running_loop().call_soon(self.send)
            self._first_s = now_s
        elif now_s - self._first_s > MAX_HELD_S:
            self.send()
            self._first_s = now_s
        self._senders.append(sender)

    def send(self) -> None:
        """Send what is held, in the order in which the connections came by it."""
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.send()


class Sender:
    """The way to the client of one connection: takes the place of its transport wherever that is written or closed."""

    __slots__ = ("_held", "_held_bytes", "_outbox", "_transport", "abort", "is_closing")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.is_closing = transport.is_closing
        self.abort = transport.abort

    def write(self, *parts: bytes) -> None:
        """Send the parts, one behind the other, by the end of this turn."""
        if not self._held:
            self._outbox.add(self)
        for part in parts:
            self._held.append(part)
            self._held_bytes += len(part)
        if self._held_bytes > MAX_HELD_BYTES:
            self.send()

    def send(self) -> None:
        """Send what is held, now, unless nobody is there any more."""
        held, self._held, self._held_bytes = self._held, [], 0
        if not held or self.is_closing():
            return
        if len(held) == 1:
            self._transport.write(held[0])
        else:
            # A single system call, and uvloop copies none of them.
            self._transport.writelines(held)

    def close(self) -> None:
        """End the connection behind what was written."""
        self.send()
        self._transport.close()
