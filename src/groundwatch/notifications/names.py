"""ARNs of topics and subscriptions."""

from __future__ import annotations

import re
import uuid

import msgspec

from groundwatch.notifications.errors import invalid

TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
FIFO_SUFFIX = ".fifo"
TOPIC_PARTS = 6
SUBSCRIPTION_PARTS = 7


class TopicName(msgspec.Struct, frozen=True):
    """Where a topic is, and what it is called."""

    account_id: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The topic's ARN."""
        return f"arn:aws:sns:{self.region}:{self.account_id}:{self.name}"


class SubscriptionName(msgspec.Struct, frozen=True):
    """A topic and the id of one of its subscriptions."""

    topic: TopicName
    id: str

    @property
    def arn(self) -> str:
        """The subscription's ARN, which holds the account of the topic and not that of the subscriber."""
        return f"{self.topic.arn}:{self.id}"


def parse_topic_arn(arn: str, region: str | None, parameter: str = "TopicArn") -> TopicName:
    """Return what a topic's ARN names; `InvalidParameter` when it is none, or in another region than `region`."""
    parts = _parts(arn, parameter)
    if len(parts) != TOPIC_PARTS or parts[2] != "sns" or not parts[5]:
        raise invalid(parameter)
    if region is not None and parts[3] != region:
        raise invalid(parameter)
    return TopicName(parts[4], parts[3], parts[5])


def parse_subscription_arn(arn: str) -> SubscriptionName:
    """Return what a subscription's ARN names; `InvalidParameter` when it is none."""
    parts = _parts(arn, "SubscriptionArn")
    if len(parts) != SUBSCRIPTION_PARTS or parts[2] != "sns":
        raise invalid("SubscriptionArn")
    try:
        uuid.UUID(parts[6])
    except ValueError as error:
        raise invalid("SubscriptionId") from error
    return SubscriptionName(TopicName(parts[4], parts[3], parts[5]), parts[6])


def _parts(arn: str, parameter: str) -> list[str]:
    parts = arn.split(":")
    if len(parts) < TOPIC_PARTS:
        raise invalid(parameter, f"An ARN must have at least 6 elements, not {len(parts)}")
    return parts
