"""Operations on subscriptions: the handshake, the end, and what each is set to."""

from __future__ import annotations

import hmac
import re
import secrets
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.aws.tokens import seal
from groundwatch.notifications.attributes import (
    FUNCTIONS,
    HTTP,
    MAIL,
    SUBSCRIPTION_ATTRIBUTES,
    UNSUPPORTED_PROTOCOLS,
    check_subscription_attributes,
)
from groundwatch.notifications.delivery_policy import effective_subscription_text
from groundwatch.notifications.errors import invalid, no_such_subscription, unauthorized
from groundwatch.notifications.names import parse_subscription_arn, parse_topic_arn
from groundwatch.notifications.operations.paging import last_of
from groundwatch.notifications.operations.room import PAGE, Operations
from groundwatch.notifications.records import Subscription, Topic
from groundwatch.notifications.sending import webhooks
from groundwatch.notifications.sending.http import shown_endpoint, split_user
from groundwatch.outbound import RefusedDestinationError, parse_url

MAX_ENDPOINT_CHARACTERS = 2048
MAX_ADDRESS_CHARACTERS = 254
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*", re.ASCII)
"""An addr-spec of RFC 5322 without quotes, comments and literals."""
FUNCTION = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:(?P<account>\d{12}):function:[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9$_-]{1,128})?",
    re.ASCII,
)
TOKEN_MS = 2 * 24 * 3_600_000
RESEND_MS = 60_000
"""How soon an endpoint is asked again: nobody's mailbox is to be filled by subscribing it over and over."""
PENDING = "pending confirmation"


class SubscriptionOperations(Operations):
    """Subscribe and what follows."""

    async def subscribe(
        self,
        context: RequestContext,
        *,
        topic_arn: str,
        protocol: str,
        endpoint: str | None = None,
        attributes: Mapping[str, str] | None = None,
        return_subscription_arn: bool = False,
    ) -> dict[str, object]:
        """Subscribe an endpoint, which is then asked to confirm; web hooks at hosts that the operator knows are not."""
        self._check_protocol(protocol)
        if not endpoint:
            raise invalid("Endpoint")
        _check_endpoint(protocol, endpoint, context.account_id)
        kept = check_subscription_attributes(protocol, attributes or {})
        topic = await self._topic(context, topic_arn)
        wanted = Subscription(
            id=str(uuid.uuid4()),
            topic=topic.name,
            account_id=context.account_id,
            protocol=protocol,
            endpoint=endpoint,
            attributes=kept,
            # A function of one's own is told nothing that one could not tell it oneself.
            state="confirmed" if protocol == FUNCTIONS or self._is_webhook(kept, endpoint) else "pending",
            token=secrets.token_hex(32),
            token_ms=self._room.clock_ms(),
            principal=context.principal.arn,
        )
        found = await self._subscribed(topic, wanted, attributes)
        shown = found.arn if return_subscription_arn or found.state == "confirmed" else PENDING
        return {"SubscriptionArn": shown}

    async def _subscribed(self, topic: Topic, wanted: Subscription, given: Mapping[str, str] | None) -> Subscription:
        found, is_new = await self._room.store.subscribe(topic, wanted)
        if not is_new:
            if given is not None and found.attributes != wanted.attributes:
                raise invalid("Attributes", "Subscription already exists with different attributes")
            if found.state != "pending" or wanted.token_ms - found.token_ms < RESEND_MS:
                return found
            await self._room.store.change_subscription(found.id, token=wanted.token, token_ms=wanted.token_ms)
        if found.state == "pending":
            await self._room.publisher.ask_to_confirm(topic, found)
        return found

    async def confirm_subscription(
        self,
        context: RequestContext,
        *,
        topic_arn: str,
        token: str,
        authenticate_on_unsubscribe: str = "false",
    ) -> dict[str, object]:
        """Confirm, or restore, the subscription that a token was sent for; again is no error."""
        signed = context.principal.kind != "Anonymous"
        name = parse_topic_arn(topic_arn, context.region if signed else None)
        found = await self._room.store.by_token(token)
        if found is None or not hmac.compare_digest(found.token, token):
            if signed:
                await self._room.store.topic(name)
            # Who has not signed must not learn which topics there are.
            raise invalid("Token")
        if found.topic != name:
            raise invalid("Topic")
        if self._room.clock_ms() - found.token_ms > TOKEN_MS and found.state != "confirmed":
            raise invalid("Token", "Token is expired")
        if found.state != "confirmed":
            # A second confirmation must not take back that unsubscribing needs a signature.
            await self._room.store.change_subscription(
                found.id,
                state="confirmed",
                confirmed_by_signature=signed,
                unsubscribe_needs_signature=signed and authenticate_on_unsubscribe.lower() == "true",
            )
        return {"SubscriptionArn": found.arn}

    async def unsubscribe(self, context: RequestContext, *, subscription_arn: str) -> None:
        """End a subscription; one that is not there is no error.

        Whoever is neither its owner nor the topic's shows by its id that a message came to them. The endpoint is then
        told how to take that back.
        """
        name = parse_subscription_arn(subscription_arn)
        found = await self._room.store.subscription(name.id)
        if found is None or found.arn != subscription_arn or found.state == "deleted":
            # No error, as documented, so that a link may be followed twice.
            return
        if context.principal.kind != "Anonymous":
            self._check_owner(context, found)
            await self._room.store.unsubscribe(found.id)
            return
        if found.state == "pending":
            raise invalid("SubscriptionArn", "This subscription is not confirmed")
        if found.unsubscribe_needs_signature:
            raise unauthorized("Unsubscribing from this subscription needs a signature")
        token, now_ms = secrets.token_hex(32), self._room.clock_ms()
        await self._room.store.change_subscription(found.id, state="deleted", token=token, token_ms=now_ms)
        topic = await self._room.store.topic(found.topic)
        # The delivery reads the subscription again, and so has the token that restores it.
        await self._room.publisher.say_farewell(topic, found)

    async def list_subscriptions(self, context: RequestContext, *, next_token: str | None = None) -> dict[str, object]:
        """Return a page of the account's subscriptions in the region, to topics of any account."""
        return await self._page(context, next_token, None)

    async def list_subscriptions_by_topic(
        self, context: RequestContext, *, topic_arn: str, next_token: str | None = None
    ) -> dict[str, object]:
        """Return a page of a topic's subscriptions, of any account."""
        return await self._page(context, next_token, await self._topic(context, topic_arn))

    async def _page(self, context: RequestContext, token: str | None, topic: Topic | None) -> dict[str, object]:
        listing = f"subscriptions {context.account_id} {context.region}" if topic is None else topic.arn
        after = last_of(listing, token)
        found = await self._room.store.subscriptions(context.account_id, context.region, after, PAGE + 1, topic)
        answer: dict[str, object] = {"Subscriptions": [_shown(subscription) for subscription in found[:PAGE]]}
        return answer | ({"NextToken": seal(listing, [found[PAGE - 1].id])} if len(found) > PAGE else {})

    async def get_subscription_attributes(self, context: RequestContext, *, subscription_arn: str) -> dict[str, object]:
        """Return all attributes of a subscription."""
        found = await self._own(context, subscription_arn)
        topic = await self._room.store.topic(found.topic)
        shown = {
            "SubscriptionArn": found.arn,
            "TopicArn": found.topic.arn,
            "Owner": found.account_id,
            "Protocol": found.protocol,
            "Endpoint": shown_endpoint(found.endpoint),
            "ConfirmationWasAuthenticated": _text(found.confirmed_by_signature),
            "PendingConfirmation": _text(found.state == "pending"),
            "RawMessageDelivery": "false",
            "SubscriptionPrincipal": found.principal,
        }
        if "FilterPolicy" in found.attributes:
            shown["FilterPolicyScope"] = "MessageAttributes"
        if found.protocol in HTTP:
            shown["EffectiveDeliveryPolicy"] = effective_subscription_text(topic.attributes, found.attributes)
        return {"Attributes": shown | dict(found.attributes)}

    async def set_subscription_attributes(
        self, context: RequestContext, *, subscription_arn: str, attribute_name: str, attribute_value: str = ""
    ) -> None:
        """Set one attribute; an empty value takes it back."""
        if attribute_name not in SUBSCRIPTION_ATTRIBUTES:
            raise invalid("AttributeName")
        found = await self._own(context, subscription_arn)

        def change(present: Mapping[str, str]) -> Mapping[str, str]:
            kept = check_subscription_attributes(found.protocol, {**present, attribute_name: attribute_value})
            if (webhooks.ATTRIBUTE in present) != (webhooks.ATTRIBUTE in kept):
                # A web hook skips the handshake, and what has shaken hands expects the documents of SNS.
                raise invalid("Attributes", f"{webhooks.ATTRIBUTE}: subscribe anew to add or remove it")
            return kept

        await self._room.store.change_attributes(await self._room.store.topic(found.topic), found.id, change)

    async def _own(self, context: RequestContext, arn: str) -> Subscription:
        found = await self._room.store.subscription(parse_subscription_arn(arn).id)
        if found is None or found.arn != arn or found.state == "deleted":
            raise no_such_subscription()
        self._check_owner(context, found)
        return found

    def _check_owner(self, context: RequestContext, found: Subscription) -> None:
        if context.account_id not in (found.account_id, found.topic.account_id):
            raise unauthorized("You do not own this subscription")

    def _check_protocol(self, protocol: str) -> None:
        if protocol in UNSUPPORTED_PROTOCOLS:
            raise NotImplementedByServer(f"A subscription by the protocol {protocol}")
        if protocol in MAIL and not self._room.mail:
            raise NotImplementedByServer(f"Without the setting smtp_url, a subscription by the protocol {protocol}")
        if protocol == FUNCTIONS and not self._room.functions:
            raise NotImplementedByServer("Without the setting lambda_url, a subscription by the protocol lambda")
        if protocol not in HTTP | MAIL | {FUNCTIONS}:
            raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")

    def _is_webhook(self, attributes: Mapping[str, str], endpoint: str) -> bool:
        if webhooks.ATTRIBUTE not in attributes:
            return False
        if not webhooks.is_webhook_host(endpoint, self._room.webhook_hosts):
            host = urlsplit(endpoint).hostname
            raise invalid("Endpoint", f"{host} is none of the hosts for web hooks; the operator adds to webhook_hosts")
        return True


def _check_endpoint(protocol: str, endpoint: str, account_id: str) -> None:
    if len(endpoint) > MAX_ENDPOINT_CHARACTERS:
        raise invalid("Endpoint")
    if protocol == FUNCTIONS:
        _check_function(endpoint, account_id)
        return
    if protocol in MAIL:
        _check_address(endpoint)
        return
    if not endpoint.startswith(f"{protocol}://"):
        raise invalid("Endpoint must match the specified protocol")
    try:
        parse_url(split_user(endpoint)[0])
    except (RefusedDestinationError, ValueError) as error:
        raise invalid("Endpoint", str(error)) from error


def _check_function(endpoint: str, account_id: str) -> None:
    named = FUNCTION.fullmatch(endpoint)
    if named is None:
        raise invalid("Lambda endpoint ARN")
    if named["account"] != account_id:
        raise NotImplementedByServer("A subscription of another account's function")


def _check_address(endpoint: str) -> None:
    if not ADDRESS.fullmatch(endpoint) or len(endpoint) > MAX_ADDRESS_CHARACTERS:
        raise invalid("Email address")


def _shown(subscription: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": "PendingConfirmation" if subscription.state == "pending" else subscription.arn,
        "Owner": subscription.account_id,
        "Protocol": subscription.protocol,
        "Endpoint": shown_endpoint(subscription.endpoint),
        "TopicArn": subscription.topic.arn,
    }


def _text(value: bool) -> str:  # noqa: FBT001 - what it turns into text
    return "true" if value else "false"
