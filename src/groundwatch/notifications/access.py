"""What each operation of SNS is checked against, and the policies and tags of topics for whoever checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.aws.tag_keys import request_tag_keys
from groundwatch.notifications.names import TopicName, parse_subscription_arn, parse_topic_arn
from groundwatch.notifications.policies import policy_of
from groundwatch.notifications.records import Topic
from groundwatch.notifications.store import NotificationStore

EVERYTHING_ACTIONS = frozenset({"ListTopics", "ListSubscriptions"})
SUBSCRIPTION_ACTIONS = frozenset({"Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes"})
"""Subscriptions are no resources of policies (Service Authorization Reference); whose they are is checked later."""
LINKED_ACTIONS = frozenset({"ConfirmSubscription", "Unsubscribe"})
TAG_ACTIONS = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})
RENAMED = {"PublishBatch": "Publish"}
"""A batch needs the permission of its messages."""


def sns_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what policies must allow before `operation` runs; `InvalidParameter` for what is no ARN of a topic."""
    if context.principal.kind == "Anonymous" and operation in LINKED_ACTIONS:
        # Who follows a link shows its token, or the id of the subscription, to the operation itself.
        return ()
    action = f"SNS:{RENAMED.get(operation, operation)}"
    return [AccessCheck(action, _resource(operation, params, context), _keys(operation, params))]


def _resource(operation: str, params: Mapping[str, Any], context: RequestContext) -> str:
    if operation in EVERYTHING_ACTIONS:
        return "*"
    if operation in SUBSCRIPTION_ACTIONS:
        parse_subscription_arn(params["SubscriptionArn"])
        return "*"
    if operation == "CreateTopic":
        return TopicName(context.account_id, context.region, params["Name"]).arn
    if operation in TAG_ACTIONS:
        return parse_topic_arn(params["ResourceArn"], context.region, "ResourceArn").arn
    return topic_of(params, context).arn


def topic_of(params: Mapping[str, Any], context: RequestContext) -> TopicName:
    """Return the topic that a request names, as TopicArn or as TargetArn."""
    if params.get("TopicArn") is not None:
        return parse_topic_arn(params["TopicArn"], context.region)
    if params.get("TargetArn") is not None:
        return parse_topic_arn(params["TargetArn"], context.region, "TargetArn")
    if params.get("PhoneNumber") is not None:
        # A message to a telephone names no topic, and there is nothing to check it against.
        raise NotImplementedByServer("Publish.PhoneNumber")
    raise ServiceError(
        "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
    )


def _keys(operation: str, params: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    keys = request_tag_keys(params)
    if operation == "Subscribe":
        keys["sns:Protocol"] = (params["Protocol"],)
        if params.get("Endpoint"):
            keys["sns:Endpoint"] = (params["Endpoint"],)
    return keys


class TopicPolicies:
    """Implements the source of resource policies for SNS."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store

    async def policy_of(self, resource: str) -> str | None:
        """Return the policy of a topic in any account."""
        topic = await _find(self._store, resource)
        return None if topic is None else policy_of(topic)


class TopicTags:
    """Implements the source of `aws:ResourceTag/…` for SNS."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store

    async def tags_of(self, context: RequestContext, resource: str) -> Mapping[str, str]:  # noqa: ARG002 - a TagSource
        """Return the tags of a topic; its ARN says whose it is."""
        topic = await _find(self._store, resource)
        return {} if topic is None else topic.tags


async def _find(store: NotificationStore, resource: str) -> Topic | None:
    try:
        name = parse_topic_arn(resource, None)
    except ServiceError:
        # Whoever simulates policies may ask about anything.
        return None
    return await store.find_topic(name)
