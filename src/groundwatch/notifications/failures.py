"""Dead letters: what was given up, whole, as events in a log group of the topic's account.

The group is the one in which the real service logs failed deliveries. Its events have the members that those have, and
beside them the message, since there is no queue to keep it in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

from groundwatch.notifications.documents import iso_time, shown_attributes
from groundwatch.notifications.names import TopicName
from groundwatch.notifications.records import Message, Subscription
from groundwatch.notifications.sending.http import shown_endpoint
from groundwatch.notifications.sending.outcome import Outcome

STREAM = "failures"
PART_CHARACTERS = 64 * 1024
"""An event takes 1 MiB, and JSON may make twelve bytes of a character."""


class FailureLog(Protocol):
    """Writes to log groups; implemented by whoever knows the logs."""

    async def append(self, topic: TopicName, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store (milliseconds, text) pairs durably in a group of the topic's account and region."""


def group_of(topic: TopicName) -> str:
    """Return the log group of a topic's failures."""
    return f"sns/{topic.region}/{topic.account_id}/{topic.name}/Failure"


def failure_events(
    message: Message, subscription: Subscription, outcome: Outcome, attempts: int, now_ms: int
) -> list[tuple[int, str]]:
    """Return the events that keep one dead letter: one, unless the message is long."""
    body = message.body
    parts = [body[start : start + PART_CHARACTERS] for start in range(0, len(body), PART_CHARACTERS)]
    shared = _shared(message, subscription, outcome, attempts, now_ms)
    numbered = [{"part": number, "parts": len(parts)} if len(parts) > 1 else {} for number in range(1, len(parts) + 1)]
    return [
        (now_ms, json.dumps(shared | {"message": _message(message, part) | number}, ensure_ascii=False))
        for part, number in zip(parts, numbered, strict=True)
    ]


def _message(message: Message, part: str) -> dict[str, object]:
    found: dict[str, object] = {"type": message.kind, "subject": message.subject, "body": part}
    if message.structured:
        found["messageStructure"] = "json"
    if message.attributes:
        found["messageAttributes"] = shown_attributes(message.attributes)
    return {name: value for name, value in found.items() if value is not None}


def _shared(
    message: Message, subscription: Subscription, outcome: Outcome, attempts: int, now_ms: int
) -> dict[str, object]:
    digest = hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest()
    delivery: dict[str, object] = {
        "subscriptionArn": subscription.arn,
        "destination": shown_endpoint(subscription.endpoint),
        "providerResponse": outcome.reason,
        "dwellTimeMs": max(0, now_ms - message.published_ms),
        "attempts": attempts,
    }
    if outcome.status is not None:
        delivery["statusCode"] = outcome.status
    return {
        "notification": {
            "messageMD5Sum": digest,
            "messageId": message.id,
            "topicArn": subscription.topic.arn,
            "timestamp": iso_time(message.published_ms),
        },
        "delivery": delivery,
        "status": "FAILURE",
    }
