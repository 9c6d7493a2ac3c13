"""Publishing: from a message to a delivery for each subscription that wants it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from groundwatch.aws.context import AccessCheck, Principal, RequestContext
from groundwatch.aws.request_ids import new_request_id
from groundwatch.notifications.attributes import filter_scope
from groundwatch.notifications.deliveries import Deliveries
from groundwatch.notifications.documents import body_for, confirmation_body, farewell_body
from groundwatch.notifications.errors import unauthorized
from groundwatch.notifications.filters.match import Candidate
from groundwatch.notifications.filters.parse import parse_filter
from groundwatch.notifications.messages import DEFAULT_MAX_BYTES, check_size, fitting_subject, is_structured
from groundwatch.notifications.names import parse_topic_arn
from groundwatch.notifications.policies import policy_of
from groundwatch.notifications.queue import DeliveryQueue
from groundwatch.notifications.records import Message, MessageAttribute, MessageKind, Subscription, Topic
from groundwatch.notifications.store import NotificationStore

KNOWN_MS = 24 * 3_600_000
ALARM_SERVICE = "cloudwatch.amazonaws.com"


class Verdict(Protocol):
    """The answer of policies to one question."""

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""


class Decider(Protocol):
    """Evaluates a topic's policy; implemented by `identity/`."""

    async def decide(self, context: RequestContext, check: AccessCheck, resource_policy: str | None = None) -> Verdict:
        """Return the decision on one check."""


class Publisher:
    """Stores messages for those who want them, and sees to it that they are delivered."""

    def __init__(
        self,
        store: NotificationStore,
        queue: DeliveryQueue,
        deliveries: Deliveries,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._queue = queue
        self._deliveries = deliveries
        self._clock_ms = clock_ms

    def message(
        self,
        body: str,
        subject: str | None = None,
        attributes: Mapping[str, MessageAttribute] | None = None,
        *,
        structured: bool = False,
        kind: MessageKind = "Notification",
    ) -> Message:
        """Return a message of now, with an id of its own."""
        return Message(str(uuid.uuid4()), kind, body, self._clock_ms(), subject, structured, attributes or {})

    async def publish(self, topic: Topic, messages: Sequence[Message]) -> None:
        """Return once the messages are stored for all confirmed subscriptions that want them."""
        subscriptions = await self._store.confirmed(topic)
        if any("FilterPolicy" in subscription.attributes for subscription in subscriptions):
            # Some tenths of a second at worst, which others need not wait for.
            receivers = await asyncio.to_thread(_all_receivers, messages, subscriptions)
        else:
            receivers = [list(subscriptions)] * len(messages)
        await self._store_and_wake(topic, list(zip(messages, receivers, strict=True)))

    async def ask_to_confirm(self, topic: Topic, subscription: Subscription) -> None:
        """Send an endpoint the token of its subscription."""
        message = self.message(confirmation_body(topic.arn), kind="SubscriptionConfirmation")
        await self._store_and_wake(topic, [(message, [subscription])])

    async def say_farewell(self, topic: Topic, subscription: Subscription) -> None:
        """Tell an endpoint that its subscription was ended, and how to restore it."""
        message = self.message(farewell_body(subscription.arn), kind="UnsubscribeConfirmation")
        await self._store_and_wake(topic, [(message, [subscription])])

    async def _store_and_wake(self, topic: Topic, given: Sequence[tuple[Message, Sequence[Subscription]]]) -> None:
        wanted = [(message, receivers) for message, receivers in given if receivers]
        if not wanted:
            return
        refused = await self._queue.put(topic, wanted)
        # After the commit: a lane that looks earlier would find nothing and end.
        self._deliveries.wake({receiver.id: receiver for _, receivers in wanted for receiver in receivers}.values())
        await self._deliveries.overflow(refused)


def _all_receivers(messages: Sequence[Message], subscriptions: Sequence[Subscription]) -> list[list[Subscription]]:
    return [_receivers(message, subscriptions) for message in messages]


def _receivers(message: Message, subscriptions: Sequence[Subscription]) -> list[Subscription]:
    candidates: dict[str, Candidate] = {}

    def wants(subscription: Subscription) -> bool:
        policy = subscription.attributes.get("FilterPolicy")
        if policy is None:
            return True
        scope = filter_scope(subscription.attributes)
        # With bodies by protocol, subscribers of one protocol all see the same.
        body = body_for(message, subscription.protocol)
        candidate = candidates.setdefault(subscription.protocol, Candidate(message, body))
        return candidate.matches(parse_filter(policy, scope), scope)

    return [subscription for subscription in subscriptions if wants(subscription)]


class ServicePublisher:
    """Publishes on behalf of this server's own services, as far as the topic's policy lets them.

    The policy that topics begin with lets services act for the account that the topic belongs to.
    """

    def __init__(
        self, store: NotificationStore, publisher: Publisher, decider: Decider, clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._decider = decider
        self._clock_ms = clock_ms

    async def publish(  # noqa: PLR0913 - what a message is made of
        self,
        *,
        account_id: str,
        topic_arn: str,
        subject: str,
        message: str,
        structured: bool = False,
        attributes: Mapping[str, tuple[str, str]] | None = None,
        source_arn: str | None = None,
        message_id: str | None = None,
    ) -> str:
        """Publish for an account and return the message's id; `attributes` are (data type, value) by name.

        With `structured`, the message is a JSON object of bodies by protocol. A `message_id` that was used within a day
        changes nothing: whoever does not know whether a message was stored may publish it again. A subject that no
        caller could give is made one, since the names of alarms are longer than subjects may be.
        Raises ServiceError: `NotFound` without such a topic, `AuthorizationError` where its policy says no.
        """
        topic = await self._store.topic(parse_topic_arn(topic_arn, None))
        await self._check(topic, account_id, source_arn)
        read = {name: MessageAttribute(*pair) for name, pair in (attributes or {}).items()}
        check_size(message, read, int(topic.attributes.get("MaximumMessageSize", DEFAULT_MAX_BYTES)))
        is_structured("json" if structured else None, message)
        made = self._publisher.message(message, fitting_subject(subject), read, structured=structured)
        if message_id is not None:
            made = msgspec.structs.replace(made, id=message_id, kept_until_ms=self._clock_ms() + KNOWN_MS)
        await self._publisher.publish(topic, [made])
        return made.id

    async def _check(self, topic: Topic, account_id: str, source_arn: str | None) -> None:
        principal = Principal(account_id, ALARM_SERVICE, "Service", ALARM_SERVICE)
        context = RequestContext(
            account_id=account_id,
            region=topic.name.region,
            request_id=new_request_id(),
            principal=principal,
            source_ip="",
            user_agent=ALARM_SERVICE,
            secure=True,
            received_ms=self._clock_ms(),
            source_arn=source_arn,
        )
        keys = {"aws:SourceOwner": (account_id,), "aws:SourceAccount": (account_id,)}
        check = AccessCheck("SNS:Publish", topic.arn, keys)
        if not (await self._decider.decide(context, check, policy_of(topic))).allowed:
            raise unauthorized(f"{ALARM_SERVICE} is not authorized to perform: SNS:Publish on resource: {topic.arn}")
