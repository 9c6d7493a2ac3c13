"""Tags of alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.monitoring.alarms.checks import MAX_TAGS, tags_of
from groundwatch.monitoring.alarms.operations.room import Operations, place_of
from groundwatch.monitoring.alarms.rules import ALARM_ARN

Json = dict[str, Any]


class TagOperations(Operations):
    """TagResource, UntagResource, ListTagsForResource."""

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: list[Json]) -> None:
        """Add tags; a tag that is there gets the new value."""
        added = tags_of(tags)

        def change(present: Mapping[str, str]) -> dict[str, str]:
            merged = {**present, **added}
            if len(merged) > MAX_TAGS:
                raise ServiceError("InvalidParameterValue", f"An alarm can have at most {MAX_TAGS} tags.")
            return merged

        await self._alarms.alarms.change_tags(place_of(context), _name(context, resource_arn), change)

    async def untag_resource(self, context: RequestContext, *, resource_arn: str, tag_keys: list[str]) -> None:
        """Take tags off; keys that are not there are passed over."""
        await self._alarms.alarms.change_tags(
            place_of(context),
            _name(context, resource_arn),
            lambda present: {key: value for key, value in present.items() if key not in tag_keys},
        )

    async def list_tags_for_resource(self, context: RequestContext, *, resource_arn: str) -> Json:
        """Return the tags of an alarm."""
        name = _name(context, resource_arn)
        alarm = await self._alarms.alarms.find(place_of(context), name)
        if alarm is None:
            raise _unknown(name)
        return {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}


def _name(context: RequestContext, arn: str) -> str:
    """Return the name of the alarm that an ARN stands for; one of another account or Region names nothing here."""
    found = ALARM_ARN.fullmatch(arn)
    if found is None:
        if arn.startswith("arn:") and ":cloudwatch:" in arn:
            raise NotImplementedByServer(f"Tags of {arn}: of all resources, only alarms")
        raise ServiceError("InvalidParameterValue", f"Invalid ARN: {arn}")
    if (found["account"], found["region"]) != (context.account_id, context.region):
        raise _unknown(found["name"])
    return found["name"]


def _unknown(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Unknown resource: {name}")
