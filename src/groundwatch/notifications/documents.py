"""The JSON documents that endpoints receive, and the links in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from groundwatch.notifications.records import Delivery, Message, MessageAttribute
from groundwatch.notifications.signing import DEFAULT_VERSION, Signer

SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Links:
    """URLs that lead back to the service port. `base_url` is set once it is known where that listens."""

    def __init__(self) -> None:
        self.base_url = ""

    def confirm(self, topic_arn: str, token: str) -> str:
        """Return where a GET confirms a subscription."""
        return f"{self.base_url}/?{_query(Action='ConfirmSubscription', TopicArn=topic_arn, Token=token)}"

    def unsubscribe(self, subscription_arn: str) -> str:
        """Return where a GET ends a subscription."""
        return f"{self.base_url}/?{_query(Action='Unsubscribe', SubscriptionArn=subscription_arn)}"

    def confirm_page(self, topic_arn: str, token: str) -> str:
        """Return a page with a button: programs that look through e-mail follow links, but press no buttons."""
        return f"{self.base_url}/confirmation.html?{_query(TopicArn=topic_arn, Token=token)}"

    def unsubscribe_page(self, subscription_arn: str) -> str:
        """Return the page to unsubscribe on."""
        return f"{self.base_url}/unsubscribe.html?{_query(SubscriptionArn=subscription_arn)}"


class Documents:
    """Writes and signs what is sent."""

    def __init__(self, links: Links, signer: Signer) -> None:
        self.links = links
        self._signer = signer

    def write(self, delivery: Delivery) -> str:
        """Return the document of a delivery, signed."""
        # Indented and in the service's order of members: some receivers read it with a pattern.
        return json.dumps(self._members(delivery), indent=2, ensure_ascii=False)

    def function_event(self, delivery: Delivery) -> str:
        """Return the event that a function gets; it spells two members differently, and has those that are empty."""
        members = {"Subject": None, "MessageAttributes": {}} | self._members(delivery)
        spelled = {name.replace("URL", "Url"): value for name, value in members.items()}
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": delivery.subscription.arn,
            "Sns": spelled,
        }
        return json.dumps({"Records": [record]}, ensure_ascii=False)

    def _members(self, delivery: Delivery) -> dict[str, object]:
        is_notification = delivery.message.kind == "Notification"
        members = self._notification(delivery) if is_notification else self._confirmation(delivery)
        version = delivery.topic_attributes.get("SignatureVersion", DEFAULT_VERSION)
        signed = SIGNED_NOTIFICATION if is_notification else SIGNED_CONFIRMATION
        members["SignatureVersion"] = version
        members["Signature"] = self._signer.sign(_text_to_sign(members, signed), version)
        members["SigningCertURL"] = f"{self.links.base_url}{self._signer.certificate_path}"
        if is_notification:
            members["UnsubscribeURL"] = self.links.unsubscribe(delivery.subscription.arn)
            if delivery.message.attributes:
                members["MessageAttributes"] = shown_attributes(delivery.message.attributes)
        return members

    def _notification(self, delivery: Delivery) -> dict[str, object]:
        message, subscription = delivery.message, delivery.subscription
        members: dict[str, object] = {
            "Type": message.kind,
            "MessageId": message.id,
            "TopicArn": subscription.topic.arn,
            "Subject": message.subject,
            "Message": body_for(message, subscription.protocol),
            "Timestamp": iso_time(message.published_ms),
        }
        if message.subject is None:
            del members["Subject"]
        return members

    def _confirmation(self, delivery: Delivery) -> dict[str, object]:
        message, subscription = delivery.message, delivery.subscription
        return {
            "Type": message.kind,
            "MessageId": message.id,
            "Token": subscription.token,
            "TopicArn": subscription.topic.arn,
            "Message": message.body,
            "SubscribeURL": self.links.confirm(subscription.topic.arn, subscription.token),
            "Timestamp": iso_time(message.published_ms),
        }


def body_for(message: Message, protocol: str) -> str:
    """Return the body that subscribers of a protocol get."""
    if not message.structured:
        return message.body
    # Checked when it was published: an object with a text called default.
    bodies: Mapping[str, object] = json.loads(message.body)
    own = bodies.get(protocol)
    return own if isinstance(own, str) else str(bodies["default"])


def shown_attributes(attributes: Mapping[str, MessageAttribute]) -> dict[str, dict[str, str]]:
    """Return the member MessageAttributes."""
    return {name: {"Type": attribute.type, "Value": attribute.value} for name, attribute in attributes.items()}


def confirmation_body(topic_arn: str) -> str:
    """Return the text of a SubscriptionConfirmation."""
    return (
        f"You have chosen to subscribe to the topic {topic_arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )


def farewell_body(subscription_arn: str) -> str:
    """Return the text of an UnsubscribeConfirmation."""
    return (
        f"You have chosen to deactivate subscription {subscription_arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def iso_time(epoch_ms: int) -> str:
    """Return a time in milliseconds of UTC, as messages carry it."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"


def _text_to_sign(members: Mapping[str, object], names: Sequence[str]) -> str:
    return "".join(f"{name}\n{members[name]}\n" for name in names if name in members)


def _query(**fields: str) -> str:
    return urlencode(fields, safe=":")
