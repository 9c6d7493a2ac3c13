"""Attributes of topics and subscriptions: which there are, and what they may be set to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.notifications.delivery_policy import check_subscription_policy, check_topic_policy
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.filters.parse import Scope, parse_filter
from groundwatch.notifications.sending import webhooks
from groundwatch.notifications.signing import HASHES

MAX_DISPLAY_NAME = 100
MESSAGE_SIZES = range(1024, 1_048_577)
MAIL = frozenset({"email", "email-json"})
HTTP = frozenset({"http", "https"})
SUBSCRIPTION_ATTRIBUTES = frozenset(
    {
        *("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "DeliveryPolicy", "RedrivePolicy"),
        webhooks.ATTRIBUTE,
    }
)
FUNCTIONS = "lambda"
UNSUPPORTED_PROTOCOLS = frozenset({"sqs", "firehose", "sms", "application"})
"""What the real service delivers to beside these; refused by name."""

Check = Callable[[str], None]


def _check_display_name(value: str) -> None:
    if len(value) > MAX_DISPLAY_NAME or not (value.isprintable() or not value):
        raise invalid("DisplayName")


def _check_signature_version(value: str) -> None:
    if value not in HASHES:
        raise invalid("Attributes", f"SignatureVersion: Invalid value [{value}]. Must be 1 or 2.")


def _check_message_size(value: str) -> None:
    # Read only when short: Python refuses to read numbers of some thousand digits.
    if not (re.fullmatch(r"[0-9]{4,7}", value) and int(value) in MESSAGE_SIZES):
        raise invalid("MaximumMessageSize")


def _check_tracing(value: str) -> None:
    if value != "PassThrough":
        raise NotImplementedByServer(f"TracingConfig {value}")


def _check_fifo(value: str) -> None:
    if value != "false":
        raise NotImplementedByServer("A FIFO topic")


def _refuse(name: str) -> Check:
    def check(value: str) -> None:
        if value:
            raise NotImplementedByServer(f"The topic attribute {name}")

    return check


TOPIC_CHECKS: Mapping[str, Check] = {
    "DisplayName": _check_display_name,
    "DeliveryPolicy": lambda value: check_topic_policy(value) if value else None,
    "SignatureVersion": _check_signature_version,
    "MaximumMessageSize": _check_message_size,
    "TracingConfig": _check_tracing,
    "FifoTopic": _check_fifo,
    **{name: _refuse(name) for name in ("KmsMasterKeyId", "ContentBasedDeduplication", "ArchivePolicy")},
}
"""All but Policy, which is kept apart."""
FEEDBACK_SUFFIXES = ("FeedbackRoleArn", "SuccessFeedbackSampleRate")


def check_topic_attribute(name: str, value: str, parameter: str) -> None:
    """Return for an attribute that a topic may have; raise for an unknown name, naming `parameter`, or a bad value."""
    check = TOPIC_CHECKS.get(name)
    if check is None:
        if name.endswith(FEEDBACK_SUFFIXES):
            # What is given up is always logged; a log of what went well would cost an event a message.
            raise NotImplementedByServer(f"The topic attribute {name}")
        raise invalid(parameter) if parameter == "AttributeName" else invalid(parameter, f"Unknown attribute {name}")
    check(value)


def check_subscription_attributes(protocol: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what to keep of a subscription's attributes, all of them taken together; `InvalidParameter` for faults."""
    for name, value in attributes.items():
        _check_subscription_attribute(protocol, name, value)
    kept = {name: value for name, value in attributes.items() if value and (name, value) not in _CLEARED}
    if "FilterPolicy" in kept:
        parse_filter(kept["FilterPolicy"], _scope(kept.get("FilterPolicyScope", "MessageAttributes")))
    if webhooks.ATTRIBUTE in kept and kept.get("RawMessageDelivery") == "true":
        raise invalid("Attributes", f"{webhooks.ATTRIBUTE}: not together with RawMessageDelivery")
    return kept


_CLEARED = frozenset({("FilterPolicy", "{}"), ("RawMessageDelivery", "false")})


def _check_subscription_attribute(protocol: str, name: str, value: str) -> None:
    if name == "RawMessageDelivery":
        if value not in ("true", "false"):
            raise invalid("Attributes", f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if value == "true" and protocol not in HTTP:
            raise invalid("Attributes", f"RawMessageDelivery: not supported for protocol {protocol}")
    elif name == "FilterPolicyScope":
        _scope(value)
    elif name == "DeliveryPolicy":
        if value and protocol not in HTTP:
            raise invalid("Attributes", f"DeliveryPolicy: not supported for protocol {protocol}")
        if value:
            check_subscription_policy(value)
    elif name == webhooks.ATTRIBUTE:
        if protocol not in HTTP:
            raise invalid("Attributes", f"{name}: not supported for protocol {protocol}")
        webhooks.check_template(value)
    elif name == "RedrivePolicy":
        if value:
            # The store has no queues; a message that is given up is kept in a log group in any case.
            raise NotImplementedByServer("RedrivePolicy: what is given up is in the topic's log group …/Failure; it")
    elif name != "FilterPolicy":
        raise invalid("Attributes", f"Unknown attribute {name}")


def _scope(value: str) -> Scope:
    if value == "MessageBody":
        return "MessageBody"
    if value == "MessageAttributes":
        return "MessageAttributes"
    raise invalid("Attributes", f"FilterPolicyScope: Invalid value [{value}]. Must be MessageBody or MessageAttributes")


def filter_scope(attributes: Mapping[str, str]) -> Scope:
    """Return what the filter policy of a subscription looks at."""
    return "MessageBody" if attributes.get("FilterPolicyScope") == "MessageBody" else "MessageAttributes"
