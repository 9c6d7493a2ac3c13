"""Deliveries over http and https.

https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit, urlunsplit

from groundwatch.notifications.delivery_policy import effective_policy
from groundwatch.notifications.documents import Documents, body_for
from groundwatch.notifications.records import Delivery
from groundwatch.notifications.sending import webhooks
from groundwatch.notifications.sending.outcome import DELIVERED, Outcome
from groundwatch.outbound import AnswerTooLargeError, OutboundClient, OutboundError, RefusedDestinationError

TIMEOUT_S = 15.0
USER_AGENT = "Amazon Simple Notification Service Agent"
TOO_MANY_REQUESTS = 429

Headers = list[tuple[str, str]]


class HttpSender:
    """Posts messages through the guarded client; redirects are not followed."""

    def __init__(self, client: OutboundClient, documents: Documents) -> None:
        self._client = client
        self._documents = documents

    async def send(self, delivery: Delivery) -> Outcome:
        """Post once and judge the answer."""
        url, authorization = split_user(delivery.subscription.endpoint)
        body, headers = self._request(delivery)
        try:
            answer = await self._client.send(
                "POST", url, timeout_s=TIMEOUT_S, headers=headers + authorization, body=body.encode()
            )
        except RefusedDestinationError as error:
            # For good: otherwise a name could be tried until it once resolves to an address that is allowed.
            return Outcome(delivered=False, reason=str(error))
        except AnswerTooLargeError as error:
            # The endpoint has the message and has said so; what else it says is of no interest.
            return judge(error.status)
        except OutboundError as error:
            return Outcome(delivered=False, reason=str(error), retry=True)
        return judge(answer.status)

    def _request(self, delivery: Delivery) -> tuple[str, Headers]:
        message, subscription = delivery.message, delivery.subscription
        template = subscription.attributes.get(webhooks.ATTRIBUTE)
        if template is not None:
            # Chats know nothing of SNS, and some refuse headers that they do not know.
            return webhooks.render(template, delivery), [("Content-Type", "application/json"), _agent()]
        policy = effective_policy(delivery.topic_attributes, subscription.attributes)
        headers = [
            ("x-amz-sns-message-type", message.kind),
            ("x-amz-sns-message-id", message.id),
            ("x-amz-sns-topic-arn", subscription.topic.arn),
            ("Content-Type", policy.request.header_content_type),
            _agent(),
            ("Accept-Encoding", "gzip,deflate"),
        ]
        if message.kind != "SubscriptionConfirmation":
            headers.append(("x-amz-sns-subscription-arn", subscription.arn))
        if message.kind == "Notification" and subscription.attributes.get("RawMessageDelivery") == "true":
            return body_for(message, subscription.protocol), [*headers, ("x-amz-sns-rawdelivery", "true")]
        return self._documents.write(delivery), headers


def _agent() -> tuple[str, str]:
    return "User-Agent", USER_AGENT


def judge(status: int) -> Outcome:
    """Return what an answer means: 2xx is delivered, 429 and 5xx are tried again, the rest is refused for good."""
    if 200 <= status < 300:
        return DELIVERED
    retry = status >= 500 or status < 200 or status == TOO_MANY_REQUESTS
    return Outcome(delivered=False, reason=f"the endpoint answered {status}", retry=retry, status=status)


def shown_endpoint(endpoint: str) -> str:
    """Return an endpoint as lists show it: the password of a URL is nobody's to read."""
    parts = urlsplit(endpoint)
    user, at, host = parts.netloc.rpartition("@")
    if not at or not parts.scheme:
        return endpoint
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}{colon}{'****' if colon else ''}@{host}"))


def split_user(endpoint: str) -> tuple[str, Headers]:
    """Return a URL without its user information, and that as a header of Basic authentication."""
    parts = urlsplit(endpoint)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return endpoint, []
    # Sent at once; the service waits for a challenge, which would make every message two requests.
    encoded = base64.b64encode(unquote(user).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), [("Authorization", f"Basic {encoded}")]
