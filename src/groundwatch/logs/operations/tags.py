"""Tags of log groups: by ARN, and by name as the older operations have it; both see the same tags."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.tags import adding, removing


class TagOperations(Operations):
    """The TagResource and TagLogGroup families."""

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: dict[str, str]) -> None:
        """Add tags to a group; a tag that is there gets the new value."""
        await self._tag(await self._group(context, None, resource_arn), tags)

    async def tag_log_group(self, context: RequestContext, *, log_group_name: str, tags: dict[str, str]) -> None:
        """The same by name."""
        await self._tag(await self._group(context, log_group_name), tags)

    async def untag_resource(self, context: RequestContext, *, resource_arn: str, tag_keys: list[str]) -> None:
        """Take tags off a group; keys that it does not have are passed over."""
        await self._untag(await self._group(context, None, resource_arn), tag_keys)

    async def untag_log_group(self, context: RequestContext, *, log_group_name: str, tags: list[str]) -> None:
        """The same by name."""
        await self._untag(await self._group(context, log_group_name), tags)

    async def list_tags_for_resource(self, context: RequestContext, *, resource_arn: str) -> dict[str, object]:
        """Return the tags of a group."""
        return {"tags": (await self._group(context, None, resource_arn)).tags}

    async def list_tags_log_group(self, context: RequestContext, *, log_group_name: str) -> dict[str, object]:
        """The same by name."""
        return {"tags": (await self._group(context, log_group_name)).tags}

    async def _tag(self, group: LogGroup, tags: dict[str, str]) -> None:
        await self._room.catalog.change_tags(group, adding(tags, group.name))

    async def _untag(self, group: LogGroup, keys: list[str]) -> None:
        await self._room.catalog.change_tags(group, removing(keys))
