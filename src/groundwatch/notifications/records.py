"""Topics, subscriptions, messages and deliveries as the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from groundwatch.notifications.names import SubscriptionName, TopicName

SubscriptionState = Literal["pending", "confirmed", "deleted"]
"""`deleted` is kept for a while, so that its endpoint can undo an unsigned Unsubscribe."""
MessageKind = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]


class Topic(msgspec.Struct, frozen=True):
    """A topic, with the attributes that were set."""

    number: int
    name: TopicName
    attributes: Mapping[str, str]
    policy: str | None
    """None for the default policy."""
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The topic's ARN."""
        return self.name.arn


class Subscription(msgspec.Struct, frozen=True):
    """A subscription, with the attributes that were set."""

    id: str
    topic: TopicName
    account_id: str
    """The subscriber's account, which may be another than the topic's."""
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    state: SubscriptionState
    token: str
    token_ms: int
    """When the token was made."""
    confirmed_by_signature: bool = False
    unsubscribe_needs_signature: bool = False
    principal: str = ""
    """The ARN of who subscribed."""

    @property
    def arn(self) -> str:
        """The subscription's ARN."""
        return SubscriptionName(self.topic, self.id).arn


class MessageAttribute(msgspec.Struct, frozen=True):
    """An attribute of a message; the value of a binary one is base64."""

    type: str
    value: str


class Message(msgspec.Struct, frozen=True):
    """What was published, or what asks an endpoint to confirm."""

    id: str
    kind: MessageKind
    body: str
    published_ms: int
    subject: str | None = None
    structured: bool = False
    """Whether the body is a JSON object of bodies by protocol."""
    attributes: Mapping[str, MessageAttribute] = {}
    kept_until_ms: int = 0
    """Until when publishing under the same id again changes nothing."""


class Delivery(msgspec.Struct, frozen=True):
    """One message on its way to one subscription."""

    number: int
    message: Message
    subscription: Subscription
    topic_attributes: Mapping[str, str]
    attempts: int
    """How often it was tried in vain."""
    accepted_ms: int
