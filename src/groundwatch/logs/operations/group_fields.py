"""The fields of a log group's events."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.logs.insights.field_census import EventRange
from groundwatch.logs.insights.run import LAST_MS, expired_before_ms
from groundwatch.logs.operations.room import Operations

AROUND_MS = 8 * 60_000
LATEST_MS = 15 * 60_000


class GroupFieldOperations(Operations):
    """The operation on fields."""

    async def get_log_group_fields(
        self,
        context: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        time: int | None = None,
    ) -> dict[str, object]:
        """List the fields of the events of the last 15 minutes, or of 8 minutes before and after the second `time`."""
        group = await self._group(context, log_group_name, log_group_identifier)
        now_ms = context.received_ms
        start_ms, end_ms = now_ms - LATEST_MS, now_ms
        if time is not None:
            middle_ms = min(time * 1_000, LAST_MS)
            start_ms, end_ms = middle_ms - AROUND_MS, middle_ms + AROUND_MS
        expired_ms = expired_before_ms(group, now_ms)
        deleted = await self._room.catalog.deleted_streams([group.number])
        events = EventRange(group.number, max(start_ms, expired_ms or 0), end_ms, deleted)
        found = await self._room.field_census.percentages(events)
        return {"logGroupFields": [{"name": name, "percent": percent} for name, percent in found]}
