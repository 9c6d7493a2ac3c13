"""Set-up calls to CloudWatch Logs, outside every clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.client import LoadError, describe, request_once, run_load
from benchmarks.events import Event, EventSource, get_body, put_body
from benchmarks.servers import Server


def create_streams(server: Server, group: str, streams: Sequence[str]) -> None:
    """Create a log group and its streams. Raises `LoadError` when an answer is not 200."""
    call(server, "CreateLogGroup", {"logGroupName": group})
    for stream in streams:
        call(server, "CreateLogStream", {"logGroupName": group, "logStreamName": stream})


def fill_stream(server: Server, group: str, stream: str, source: EventSource, events: int) -> None:
    """Put the first `events` events of a source into a stream, in order, a batch at a time."""
    batches = (source.batch(number) for number in range(events // source.batch_events))
    bodies = (put_body(group, stream, batch) for batch in batches)
    run_load(server.service, server.signer().requests("PutLogEvents", bodies), connections=1)


def check_page(answer: bytes, wanted: Sequence[Event]) -> None:
    """Raise `LoadError` unless an answer of GetLogEvents holds exactly these events."""
    got = [(event["timestamp"], event["message"]) for event in msgspec.json.decode(answer)["events"]]
    if got != [(event.timestamp, event.message) for event in wanted]:
        raise LoadError(f"not the {len(wanted)} newest events, but {len(got)}: {answer[:500]!r}")


def newest_page(server: Server, group: str, stream: str, limit: int) -> bytes:
    """Return the body of one GetLogEvents answer."""
    return _send(server, "GetLogEvents", get_body(group, stream, limit))


def call(server: Server, operation: str, members: dict[str, Any]) -> bytes:
    """Make one signed call and return its body. Raises `LoadError` when the answer is not 200."""
    return _send(server, operation, msgspec.json.encode(members))


def _send(server: Server, operation: str, body: bytes) -> bytes:
    request = server.signer().request(operation, body)
    response = request_once(server.service, request)
    if response.status != 200:
        raise LoadError(f"{operation}: {describe(request, response)}")
    return response.body
