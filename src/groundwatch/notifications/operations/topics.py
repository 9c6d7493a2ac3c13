"""Operations on topics: make and remove them, their attributes, permissions and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.aws.tokens import seal
from groundwatch.notifications.attributes import check_topic_attribute
from groundwatch.notifications.delivery_policy import effective_topic_text
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.names import FIFO_SUFFIX, TOPIC_NAME, TopicName, parse_topic_arn
from groundwatch.notifications.operations.paging import last_of
from groundwatch.notifications.operations.room import PAGE, Operations
from groundwatch.notifications.policies import checked_size, policy_of, with_statement, without_statement
from groundwatch.notifications.records import Topic
from groundwatch.notifications.store import Change

MAX_TAGS = 50
SHOWN_STATES = {
    "SubscriptionsConfirmed": "confirmed",
    "SubscriptionsPending": "pending",
    "SubscriptionsDeleted": "deleted",
}
Tags = Sequence[Mapping[str, str]]


class TopicOperations(Operations):
    """CreateTopic and what follows."""

    async def create_topic(
        self,
        context: RequestContext,
        *,
        name: str,
        attributes: Mapping[str, str] | None = None,
        tags: Tags | None = None,
    ) -> dict[str, object]:
        """Make a topic, or find the one of that name; what is given beside the name must be as it has it."""
        # Before the name is judged: without this, the answer would be that a dot is no character of a name.
        if name.endswith(FIFO_SUFFIX):
            raise NotImplementedByServer("A FIFO topic")
        if not TOPIC_NAME.fullmatch(name):
            raise invalid("Topic Name")
        given = dict(attributes or {})
        policy = given.pop("Policy", None)
        if policy is not None:
            self._check_policy(policy)
        for attribute, value in given.items():
            check_topic_attribute(attribute, value, "Attributes")
        kept = {attribute: value for attribute, value in given.items() if _is_set(attribute, value)}
        wanted = Topic(0, TopicName(context.account_id, context.region, name), kept, policy, _read_tags(tags))

        def check_same(found: Topic) -> None:
            same_policy = policy is None or policy == policy_of(found)
            if not same_policy or any(found.attributes.get(name) != value for name, value in kept.items()):
                raise invalid("Attributes", "Topic already exists with different attributes")
            if tags is not None and dict(found.tags) != wanted.tags:
                raise invalid("Tags", "Topic already exists with different tags")

        return {"TopicArn": (await self._room.store.create_topic(wanted, check_same)).arn}

    async def delete_topic(self, context: RequestContext, *, topic_arn: str) -> None:
        """Remove a topic, its subscriptions and what waits for them; one that is not there is no error."""
        await self._room.store.delete_topic(parse_topic_arn(topic_arn, context.region))

    async def list_topics(self, context: RequestContext, *, next_token: str | None = None) -> dict[str, object]:
        """Return a page of the account's topics in the region, in order of name."""
        listing = f"topics {context.account_id} {context.region}"
        after = last_of(listing, next_token)
        found = await self._room.store.topics(context.account_id, context.region, after, PAGE + 1)
        answer: dict[str, object] = {"Topics": [{"TopicArn": topic.arn} for topic in found[:PAGE]]}
        return answer | ({"NextToken": seal(listing, [found[PAGE - 1].name.name])} if len(found) > PAGE else {})

    async def get_topic_attributes(self, context: RequestContext, *, topic_arn: str) -> dict[str, object]:
        """Return all attributes of a topic."""
        topic = await self._topic(context, topic_arn)
        counts = await self._room.store.count_by_state(topic)
        shown = {
            "TopicArn": topic.arn,
            "Owner": topic.name.account_id,
            "Policy": policy_of(topic),
            "DisplayName": "",
            "EffectiveDeliveryPolicy": effective_topic_text(topic.attributes),
            **{name: str(counts.get(state, 0)) for name, state in SHOWN_STATES.items()},
        }
        return {"Attributes": shown | dict(topic.attributes)}

    async def set_topic_attributes(
        self, context: RequestContext, *, topic_arn: str, attribute_name: str, attribute_value: str = ""
    ) -> None:
        """Set one attribute; an empty value takes it back."""
        name = parse_topic_arn(topic_arn, context.region)
        if attribute_name == "Policy":
            if attribute_value:
                self._check_policy(attribute_value)
            await self._room.store.change_topic(name, lambda _topic: {"policy": attribute_value or None})
            return
        check_topic_attribute(attribute_name, attribute_value, "AttributeName")

        def change(topic: Topic) -> Mapping[str, object]:
            kept = {key: value for key, value in topic.attributes.items() if key != attribute_name}
            added = {attribute_name: attribute_value} if _is_set(attribute_name, attribute_value) else {}
            return {"attributes": kept | added}

        await self._room.store.change_topic(name, change)

    async def add_permission(
        self,
        context: RequestContext,
        *,
        topic_arn: str,
        label: str,
        aws_account_id: Sequence[str],
        action_name: Sequence[str],
    ) -> None:
        """Add a statement to a topic's policy that lets accounts do something."""
        await self._room.store.change_topic(
            parse_topic_arn(topic_arn, context.region),
            lambda topic: {"policy": with_statement(topic, label, aws_account_id, action_name)},
        )

    async def remove_permission(self, context: RequestContext, *, topic_arn: str, label: str) -> None:
        """Take a statement out of a topic's policy."""
        await self._room.store.change_topic(
            parse_topic_arn(topic_arn, context.region), lambda topic: {"policy": without_statement(topic, label)}
        )

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: Tags) -> dict[str, object]:
        """Add tags to a topic; a tag that is there gets the new value."""
        added = _read_tags(tags)

        def change(topic: Topic) -> Mapping[str, object]:
            return {"tags": _checked_count({**topic.tags, **added})}

        await self._change_tags(context, resource_arn, change)
        return {}

    async def untag_resource(
        self, context: RequestContext, *, resource_arn: str, tag_keys: Sequence[str]
    ) -> dict[str, object]:
        """Take tags off a topic; keys that it does not have are passed over."""

        def change(topic: Topic) -> Mapping[str, object]:
            return {"tags": {key: value for key, value in topic.tags.items() if key not in tag_keys}}

        await self._change_tags(context, resource_arn, change)
        return {}

    async def list_tags_for_resource(self, context: RequestContext, *, resource_arn: str) -> dict[str, object]:
        """Return the tags of a topic."""
        topic = await self._room.store.find_topic(parse_topic_arn(resource_arn, context.region, "ResourceArn"))
        if topic is None:
            raise _no_such_resource()
        return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}

    async def _change_tags(self, context: RequestContext, arn: str, change: Change) -> None:
        try:
            await self._room.store.change_topic(parse_topic_arn(arn, context.region, "ResourceArn"), change)
        except ServiceError as error:
            if error.code == "NotFound":
                raise _no_such_resource() from error
            raise

    def _check_policy(self, document: str) -> None:
        fault = self._room.policy_fault(document)
        if fault is not None:
            raise invalid("Policy Error", fault)
        checked_size(document)


def _is_set(name: str, value: str) -> bool:
    return bool(value) and (name, value) != ("FifoTopic", "false")


def _read_tags(tags: Tags | None) -> dict[str, str]:
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len(found) < len(tags or ()):
        raise invalid("Tags", "Duplicate keys are not allowed")
    if any(key.lower().startswith("aws:") for key in found):
        raise invalid("Tags", "Tag keys that begin with aws: are reserved")
    return _checked_count(found)


def _checked_count(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise ServiceError("TagLimitExceeded", f"A topic can have {MAX_TAGS} tags.")
    return tags


def _no_such_resource() -> ServiceError:
    return ServiceError("ResourceNotFound", "Resource does not exist")
