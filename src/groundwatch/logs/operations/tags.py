"""Tags of log groups, by ARN."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.operations.room import Operations

MAX_TAGS = 50


class TagOperations(Operations):
    """The TagResource family, for log groups."""

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: dict[str, str]) -> None:
        """Add tags to a group; a tag that is there gets the new value."""
        group = await self._group(context, None, resource_arn)
        merged = group.tags | tags
        if len(merged) > MAX_TAGS:
            raise ServiceError(
                "TooManyTagsException",
                "The number of tags exceeds the limit of 50.",
                members={"resourceName": group.name},
            )
        await self._room.catalog.change_group(group, tags=merged)

    async def untag_resource(self, context: RequestContext, *, resource_arn: str, tag_keys: list[str]) -> None:
        """Take tags off a group; keys that it does not have are passed over."""
        group = await self._group(context, None, resource_arn)
        left = {key: value for key, value in group.tags.items() if key not in tag_keys}
        await self._room.catalog.change_group(group, tags=left)

    async def list_tags_for_resource(self, context: RequestContext, *, resource_arn: str) -> dict[str, object]:
        """Return the tags of a group."""
        group = await self._group(context, None, resource_arn)
        return {"tags": group.tags}
