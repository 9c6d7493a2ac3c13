"""Live tail: new events of log groups as they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.streaming import StreamedEvent, StreamingOutput
from groundwatch.logs.catalog import STANDARD
from groundwatch.logs.live_tail import OpenTail
from groundwatch.logs.live_tail_session import TailRequest, Update
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.sifting import Sieve, compile_sieve


class LiveTailOperations(Operations):
    """The operation with an event stream."""

    async def start_live_tail(
        self,
        context: RequestContext,
        *,
        log_group_identifiers: list[str],
        log_stream_names: list[str] | None = None,
        log_stream_name_prefixes: list[str] | None = None,
        log_event_filter_pattern: str | None = None,
    ) -> StreamingOutput:
        """Show the events that are ingested from now on, for three hours or until the client leaves."""
        _check_streams(log_group_identifiers, log_stream_names, log_stream_name_prefixes)
        request = TailRequest(
            account_id=context.account_id,
            groups=await self._tailed_groups(context, log_group_identifiers),
            sift=_sieve(log_event_filter_pattern),
            stream_names=frozenset(log_stream_names or ()),
            stream_prefixes=tuple(log_stream_name_prefixes or ()),
        )
        tail = self._room.live_tail.open(request)
        start = {
            "requestId": context.request_id,
            "sessionId": tail.id,
            "logGroupIdentifiers": log_group_identifiers,
            "logStreamNames": log_stream_names or [],
            "logStreamNamePrefixes": log_stream_name_prefixes or [],
            "logEventFilterPattern": log_event_filter_pattern or "",
        }
        return StreamingOutput(_SessionEvents(tail, StreamedEvent("sessionStart", start)))

    async def _tailed_groups(self, context: RequestContext, identifiers: Sequence[str]) -> dict[int, str]:
        groups = {}
        for identifier in identifiers:
            if not identifier.startswith("arn:"):
                raise _invalid(
                    f"Log groups of a Live Tail session are named by their ARN, which '{identifier}' is not."
                )
            group = await self._group(context, None, identifier)
            if group.log_group_class != STANDARD:
                raise ServiceError(
                    "InvalidOperationException", "This operation is only supported on the Standard log class."
                )
            groups[group.number] = identifier
        return groups


class _SessionEvents:
    """A live tail as the events of the service model."""

    def __init__(self, tail: OpenTail, start: StreamedEvent) -> None:
        self._tail = tail
        self._start: StreamedEvent | None = start

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamedEvent:
        if self._start is not None:
            start, self._start = self._start, None
            return start
        update = await self._tail.next_update()
        if update is None:
            raise StopAsyncIteration
        return _session_update(update)

    async def aclose(self) -> None:
        """End the session."""
        self._tail.close()


def _session_update(update: Update) -> StreamedEvent:
    value = {"sessionMetadata": {"sampled": update.sampled}, "sessionResults": update.events}
    return StreamedEvent("sessionUpdate", value)


def _check_streams(groups: Sequence[str], names: Sequence[str] | None, prefixes: Sequence[str] | None) -> None:
    if names and prefixes:
        raise _invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
    if (names or prefixes) and len(groups) > 1:
        raise _invalid("Log streams can be chosen only in a Live Tail session of a single log group.")


def _sieve(pattern: str | None) -> Sieve | None:
    """An empty pattern matches every event, which a session need not find out one by one."""
    if pattern is None or not pattern.strip():
        return None
    return compile_sieve(parse_pattern(pattern))


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
