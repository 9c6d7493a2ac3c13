"""What the operations work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.notifications.names import parse_topic_arn
from groundwatch.notifications.publisher import Publisher
from groundwatch.notifications.records import Topic
from groundwatch.notifications.store import NotificationStore

PAGE = 100
"""Topics and subscriptions come a hundred at a time."""


class ReadsPolicies(Protocol):
    """Judges the form of a policy document; implemented by `identity/`."""

    def __call__(self, document: str) -> str | None:
        """Return what is wrong with a resource policy, None when nothing is."""


class NotificationsRoom(msgspec.Struct, frozen=True):
    """The parts of the room, handed to the operations at construction."""

    store: NotificationStore
    publisher: Publisher
    policy_fault: ReadsPolicies
    clock_ms: Callable[[], int]
    mail: bool = False
    """Whether there is a mail server."""
    functions: bool = False
    """Whether functions can be reached."""
    webhook_hosts: tuple[str, ...] = ()


class Operations:
    """Base of the operation classes."""

    def __init__(self, room: NotificationsRoom) -> None:
        self._room = room

    async def _topic(self, context: RequestContext, arn: str, parameter: str = "TopicArn") -> Topic:
        return await self._room.store.topic(parse_topic_arn(arn, context.region, parameter))
