"""What came of one attempt, and who makes attempts."""

from __future__ import annotations

from typing import Protocol

import msgspec

from groundwatch.notifications.records import Delivery


class Outcome(msgspec.Struct, frozen=True):
    """The end of an attempt: delivered, or why not and whether to try again."""

    delivered: bool
    reason: str = ""
    retry: bool = False
    status: int | None = None
    """What the endpoint answered, where that has a number."""


DELIVERED = Outcome(delivered=True)


class Sender(Protocol):
    """Makes attempts for the protocols that it knows."""

    async def send(self, delivery: Delivery) -> Outcome:
        """Try once; whatever an endpoint does, this returns within a minute."""
