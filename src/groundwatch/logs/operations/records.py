"""Single log events by their pointers."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.events import EventKey
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.pointers import parse_pointer
from groundwatch.logs.record_fields import discovered_fields
from groundwatch.logs.statements import StreamPlace


class RecordOperations(Operations):
    """The operation on a record of a query's results."""

    async def get_log_record(
        self,
        context: RequestContext,
        *,
        log_record_pointer: str,
        unmask: bool = False,  # noqa: ARG002 - nothing is masked: there are no data protection policies here
    ) -> dict[str, object]:
        """Return every field of the event that a `@ptr` stands for, as text; times are epoch milliseconds."""
        pointer = parse_pointer(log_record_pointer)
        group = await self._group(context, pointer.group)
        stream = await self._room.catalog.stream(group, pointer.stream)
        event = None
        if not _is_expired(group, pointer.key, context.received_ms):
            event = await self._room.store.event_at(StreamPlace(group.number, stream.number), pointer.key)
        if event is None:
            raise ServiceError("ResourceNotFoundException", "The specified log record does not exist.")
        record = discovered_fields(event.message) | {
            "@ptr": log_record_pointer,
            "@message": event.message,
            "@timestamp": str(event.key.timestamp),
            "@ingestionTime": str(event.key.ingested),
            "@logStream": stream.name,
            "@log": f"{context.account_id}:{group.name}",
        }
        return {"logRecord": record}


def _is_expired(group: LogGroup, key: EventKey, now_ms: int) -> bool:
    return group.retention_in_days is not None and key.timestamp < now_ms - group.retention_in_days * DAY_MS
