"""Publish and PublishBatch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.messages import (
    DEFAULT_MAX_BYTES,
    check_size,
    check_subject,
    is_structured,
    read_attributes,
)
from groundwatch.notifications.operations.room import Operations
from groundwatch.notifications.records import Message, Topic

MAX_ENTRIES = 10
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
Given = Mapping[str, Mapping[str, Any]]


class PublishOperations(Operations):
    """What puts messages into topics."""

    async def publish(
        self,
        context: RequestContext,
        *,
        message: str,
        topic_arn: str | None = None,
        target_arn: str | None = None,
        subject: str | None = None,
        message_structure: str | None = None,
        message_attributes: Given | None = None,
        message_deduplication_id: str | None = None,
        message_group_id: str | None = None,  # noqa: ARG002 - of standard topics it goes to queues alone
    ) -> dict[str, object]:
        """Store a message for the subscriptions of a topic; deliveries follow."""
        parameter = "TopicArn" if topic_arn is not None else "TargetArn"
        topic = await self._topic(context, topic_arn or target_arn or "", parameter)
        _refuse_deduplication(message_deduplication_id)
        made, _ = self._made(topic, message, subject, message_structure, message_attributes)
        await self._room.publisher.publish(topic, [made])
        return {"MessageId": made.id}

    async def publish_batch(
        self,
        context: RequestContext,
        *,
        topic_arn: str,
        publish_batch_request_entries: Sequence[Mapping[str, Any]],
    ) -> dict[str, object]:
        """Store up to ten messages in one transaction; what is wrong with one does not stop the others."""
        entries = publish_batch_request_entries
        _check_entries(entries)
        topic = await self._topic(context, topic_arn)
        made: dict[str, Message] = {}
        failed: list[dict[str, object]] = []
        total_bytes = 0
        for entry in entries:
            try:
                message, size_bytes = self._entry(topic, entry)
            except ServiceError as error:
                # One bad entry is no reason to lose nine good ones.
                failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
            else:
                made[entry["Id"]], total_bytes = message, total_bytes + size_bytes
        if total_bytes > _max_bytes(topic):
            text = "The length of all the messages put together is more than the limit."
            raise ServiceError("BatchRequestTooLong", text)
        await self._room.publisher.publish(topic, list(made.values()))
        successful = [{"Id": entry_id, "MessageId": message.id} for entry_id, message in made.items()]
        return {"Successful": successful, "Failed": failed}

    def _entry(self, topic: Topic, entry: Mapping[str, Any]) -> tuple[Message, int]:
        _refuse_deduplication(entry.get("MessageDeduplicationId"))
        return self._made(
            topic,
            entry["Message"],
            entry.get("Subject"),
            entry.get("MessageStructure"),
            entry.get("MessageAttributes"),
        )

    def _made(
        self, topic: Topic, body: str, subject: str | None, structure: str | None, given: Given | None
    ) -> tuple[Message, int]:
        attributes = read_attributes(given)
        check_subject(subject)
        size_bytes = check_size(body, attributes, _max_bytes(topic))
        structured = is_structured(structure, body)
        return self._room.publisher.message(body, subject, attributes, structured=structured), size_bytes


def _max_bytes(topic: Topic) -> int:
    return int(topic.attributes.get("MaximumMessageSize", DEFAULT_MAX_BYTES))


def _refuse_deduplication(given: str | None) -> None:
    if given is not None:
        raise invalid(
            "MessageDeduplicationId",
            "The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        )


def _check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MAX_ENTRIES:
        text = "The batch request contains more entries than permissible."
        raise ServiceError("TooManyEntriesInBatchRequest", text)
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) < len(ids):
        text = "Two or more batch entries in the request have the same Id."
        raise ServiceError("BatchEntryIdsNotDistinct", text)
    if not all(ENTRY_ID.fullmatch(entry_id) for entry_id in ids):
        text = "The Id of a batch entry in a batch request doesn't abide by the specification."
        raise ServiceError("InvalidBatchEntryId", text)
