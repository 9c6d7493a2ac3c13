"""Log events: put, get, filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.events import (
    MAX_PAGE_BYTES,
    MAX_PAGE_EVENTS,
    EventKey,
    FoundEvent,
    PageToken,
    event_id,
    first_key_at,
    how_many_fit,
    invalid_token,
    page_tokens,
    parse_event_id,
    parse_page_token,
    size_bytes,
)
from groundwatch.logs.intake import DAY_MS, Rejected
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.sql import compile_condition
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.statements import StreamPlace
from groundwatch.logs.tokens import seal, unseal

END = EventKey(2**62, 0, 0, 0)
NEWEST_FIRST_FROM_MS = 1_704_067_200_000
"""2024-01-01T00:00:00Z: FilterLogEvents searches backwards only from there on (startFromHead)."""


class EventOperations(Operations):
    """Operations on log events."""

    async def put_log_events(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        log_stream_name: str,
        log_events: list[dict[str, Any]],
        sequence_token: str | None = None,  # noqa: ARG002 - accepted and without effect since 2023
        entity: dict[str, Any] | None = None,
    ) -> dict[str, object]:
        """Store a batch of events; they are on disk when this returns."""
        group = await self._group(context, log_group_name)
        stream = await self._room.catalog.stream(group, log_stream_name)
        receipt = await self._room.intake.put(
            group,
            stream,
            [event["timestamp"] for event in log_events],
            [event["message"] for event in log_events],
            context.received_ms,
        )
        # Always a token, also for a batch of which nothing was stored: agents ask for one before every batch otherwise.
        last_key = receipt.last_key or first_key_at(context.received_ms)
        answer: dict[str, object] = {"nextSequenceToken": event_id(last_key)}
        rejected = _rejected_info(receipt.rejected)
        if rejected:
            answer["rejectedLogEventsInfo"] = rejected
        if entity is not None:
            # The events are kept, the entity is not: the response has a place to say so, and agents go on.
            answer["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
        return answer

    async def get_log_events(
        self,
        context: RequestContext,
        *,
        log_stream_name: str,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        start_time: int = 0,
        end_time: int | None = None,
        next_token: str | None = None,
        limit: int = MAX_PAGE_EVENTS,
        start_from_head: bool = False,
        unmask: bool = False,  # noqa: ARG002 - nothing is masked: there are no data protection policies here
    ) -> dict[str, object]:
        """Return a page of one stream; `end_time` is exclusive. An empty page repeats the token that led to it."""
        group = await self._group(context, log_group_name, log_group_identifier)
        stream = await self._room.catalog.stream(group, log_stream_name)
        token = parse_page_token(next_token) if next_token else None
        # The token's letter decides: clients go on with a forward token and leave startFromHead out.
        newest = token.direction == "b" if token else not start_from_head
        wanted = _narrowed(_time_range(group, start_time, end_time, context.received_ms), token)
        page = await self._room.store.page(StreamPlace(group.number, stream.number), wanted, limit, newest=newest)
        # An empty page repeats the token: that is how clients notice the end, and where new events are found later.
        at = token.key if token else first_key_at(start_time)
        backward, forward = page_tokens(page.first or at, page.last or at)
        events = msgspec.Raw(b"[%b]" % b",".join(page.json))
        return {"events": events, "nextForwardToken": forward, "nextBackwardToken": backward}

    async def filter_log_events(
        self,
        context: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_names: list[str] | None = None,
        log_stream_name_prefix: str | None = None,
        start_time: int = 0,
        end_time: int | None = None,
        filter_pattern: str = "",
        next_token: str | None = None,
        limit: int = MAX_PAGE_EVENTS,
        interleaved: bool | None = None,  # noqa: ARG002 - always true since June 2019, as documented
        start_from_head: bool = True,
        unmask: bool = False,  # noqa: ARG002 - nothing is masked: there are no data protection policies here
    ) -> dict[str, object]:
        """Search the streams of a group, in order of time; `end_time` is inclusive."""
        if not start_from_head and start_time < NEWEST_FIRST_FROM_MS:
            raise ServiceError(
                "InvalidParameterException",
                "startFromHead can be false only with a startTime on or after 2024-01-01T00:00:00Z.",
            )
        # A malformed pattern is told before anything is looked up, as for every operation that takes one.
        condition = compile_condition(parse_pattern(filter_pattern))
        group = await self._group(context, log_group_name, log_group_identifier)
        stream_ids = await self._stream_ids(group, log_stream_names, log_stream_name_prefix)
        request = [group.number, log_stream_names, log_stream_name_prefix, start_time, end_time, filter_pattern]
        token = _search_token(request, next_token)
        newest = token.direction == "b" if token else not start_from_head
        exclusive_end = None if end_time is None else end_time + 1
        wanted = _narrowed(_time_range(group, start_time, exclusive_end, context.received_ms), token)
        # One more than the page, to know whether there is another: a token must not lead to nothing.
        found = await self._room.store.search(group.number, stream_ids, condition, wanted, limit + 1, newest=newest)
        page = found[:limit]
        page = page[: how_many_fit((size_bytes(event.message) for event in page), MAX_PAGE_BYTES)]
        names = await self._room.catalog.stream_names(group, sorted({event.stream_id for event in page}))
        answer: dict[str, object] = {
            # A stream that was deleted since the search has no name any more, and its events are out of reach.
            "events": [_filtered_event(event, names[event.stream_id]) for event in page if event.stream_id in names],
            "searchedLogStreams": [],
        }
        if len(found) > len(page):
            answer["nextToken"] = seal(request, ["b" if newest else "f", event_id(page[-1].key)])
        return answer

    async def _stream_ids(self, group: LogGroup, names: Sequence[str] | None, prefix: str | None) -> list[int] | None:
        """Return the numbers of the chosen streams, None for all; a list in which no name exists is refused."""
        if names and prefix:
            raise ServiceError(
                "InvalidParameterException",
                "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
            )
        if names is None and not prefix:
            return None
        streams = await self._room.catalog.streams(group, prefix=prefix or "", names=names)
        if names and not streams:
            raise ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")
        return [stream.number for stream in streams]


def _time_range(group: LogGroup, start_ms: int, end_ms: int | None, now_ms: int) -> Range:
    """Return the keys from `start_ms` to before `end_ms`, without what the group's retention has let expire."""
    if group.retention_in_days is not None:
        start_ms = max(start_ms, now_ms - group.retention_in_days * DAY_MS)
    # Keys at the very beginning of a millisecond are never stored, so they serve as exclusive bounds.
    after = BEGINNING if start_ms <= 0 else first_key_at(start_ms)
    return Range(after, END if end_ms is None else first_key_at(end_ms))


def _narrowed(wanted: Range, token: PageToken | None) -> Range:
    if token is None:
        return wanted
    if token.direction == "f":
        return msgspec.structs.replace(wanted, after=max(wanted.after, token.key))
    return msgspec.structs.replace(wanted, before=min(wanted.before, token.key))


def _search_token(request: list[Any], token: str | None) -> PageToken | None:
    if not token:
        return None
    position = unseal(request, token, str, str)
    direction: Literal["f", "b"] = "b" if position[0] == "b" else "f"
    try:
        return PageToken(direction, parse_event_id(str(position[1])))
    except ValueError as error:
        raise invalid_token() from error


def _filtered_event(event: FoundEvent, stream_name: str) -> dict[str, object]:
    return {
        "logStreamName": stream_name,
        "timestamp": event.key.timestamp,
        "message": event.message,
        "ingestionTime": event.key.ingested,
        "eventId": event_id(event.key),
    }


def _rejected_info(rejected: Rejected) -> dict[str, int]:
    info: dict[str, int] = {}
    if rejected.too_new_start is not None:
        info["tooNewLogEventStartIndex"] = rejected.too_new_start
    if rejected.too_old_end:
        info["tooOldLogEventEndIndex"] = rejected.too_old_end
    if rejected.expired_end:
        info["expiredLogEventEndIndex"] = rejected.expired_end
    return info
