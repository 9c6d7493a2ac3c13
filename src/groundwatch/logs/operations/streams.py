"""Log streams: create, delete, describe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import log_stream_arn
from groundwatch.logs.catalog import LogGroup, LogStream
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.store import StreamStatistics
from groundwatch.logs.tokens import seal, unseal

PAGE_STREAMS = 50


class StreamOperations(Operations):
    """Operations on log streams."""

    async def create_log_stream(self, context: RequestContext, *, log_group_name: str, log_stream_name: str) -> None:
        """Make an empty log stream."""
        group = await self._group(context, log_group_name)
        await self._room.catalog.create_stream(group, log_stream_name)

    async def delete_log_stream(self, context: RequestContext, *, log_group_name: str, log_stream_name: str) -> None:
        """Remove a stream and its events; their space is reclaimed in the background."""
        group = await self._group(context, log_group_name)
        stream = await self._room.catalog.stream(group, log_stream_name)
        await self._room.catalog.delete_stream(stream)
        self._room.recent.forget(stream.number)
        self._room.reclaimer.wake()

    async def describe_log_streams(
        self,
        context: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_name_prefix: str = "",
        order_by: str = "LogStreamName",
        descending: bool = False,
        next_token: str | None = None,
        limit: int = PAGE_STREAMS,
    ) -> dict[str, object]:
        """List the streams of a group by name or by the time of their last event."""
        if order_by == "LastEventTime" and log_stream_name_prefix:
            raise ServiceError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
        group = await self._group(context, log_group_name, log_group_identifier)
        request = [group.number, log_stream_name_prefix, order_by, descending]
        position = unseal(request, next_token, str, int) if next_token else None
        if order_by == "LastEventTime":
            statistics = await self._room.store.stream_statistics(group.number)
            streams = await self._room.catalog.streams(group)
            ordered = _by_last_event(streams, statistics, descending=descending)
            page = _after(ordered, position, limit + 1, descending=descending)
        else:
            after = str(position[0]) if position else None
            page = await self._room.catalog.stream_page(
                group, after=after, descending=descending, limit=limit + 1, prefix=log_stream_name_prefix
            )
            # Of the page alone: a group may have a hundred thousand streams.
            statistics = await self._room.store.stream_statistics(group.number, [stream.number for stream in page])
        answer: dict[str, object] = {
            "logStreams": [_described(group, stream, statistics.get(stream.number)) for stream in page[:limit]]
        }
        if len(page) > limit:
            last = page[limit - 1]
            answer["nextToken"] = seal(request, [last.name, _last_event_ms(last, statistics)])
        return answer


def _by_last_event(
    streams: Sequence[LogStream], statistics: Mapping[int, StreamStatistics], *, descending: bool
) -> list[tuple[int, LogStream]]:
    """Streams without events count as if their last one were at 0 (undocumented; the reference leaves it open)."""
    timed = [(_last_event_ms(stream, statistics), stream) for stream in streams]
    return sorted(timed, key=lambda pair: (pair[0], pair[1].name), reverse=descending)


def _after(
    ordered: Sequence[tuple[int, LogStream]], position: Sequence[str | int] | None, limit: int, *, descending: bool
) -> list[LogStream]:
    """Go on where the stream that ended the last page stood then: it may have moved, or be gone."""
    if position is not None:
        end = (int(position[1]), str(position[0]))
        places = (((at, stream.name), (at, stream)) for at, stream in ordered)
        ordered = [pair for place, pair in places if (place < end if descending else place > end)]
    return [stream for _, stream in ordered[:limit]]


def _last_event_ms(stream: LogStream, statistics: Mapping[int, StreamStatistics]) -> int:
    known = statistics.get(stream.number)
    return 0 if known is None else known.last_event_ms


def _described(group: LogGroup, stream: LogStream, statistics: StreamStatistics | None) -> dict[str, object]:
    tenant = group.tenant
    described: dict[str, object] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": log_stream_arn(tenant.region, tenant.account_id, group.name, stream.name),
        # Always 0 for streams since June 2019 (LogStream, storedBytes).
        "storedBytes": 0,
        # Agents that still chain tokens want one before the first event too, or describe before every batch.
        "uploadSequenceToken": _token(stream.created_ms if statistics is None else statistics.last_ingestion_ms),
    }
    if statistics is not None:
        described |= {
            "firstEventTimestamp": statistics.first_event_ms,
            "lastEventTimestamp": statistics.last_event_ms,
            "lastIngestionTime": statistics.last_ingestion_ms,
        }
    return described


def _token(time_ms: int) -> str:
    """Return a sequence token: any value will do, since none is checked."""
    return str(time_ms).zfill(56)
