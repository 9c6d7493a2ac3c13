"""Log events and their places: keys, the 56-digit event ids made of them, and the tokens of GetLogEvents.

The id of an event is `timestamp << 144 | ingestion time << 80 | batch << 16 | position`, as decoded from ids of the
real service: numeric order of ids is the documented order of events (timestamp, ingestion time, request).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.json_values import with_capital_digits

MAX_PAGE_BYTES = 1_048_576
MAX_PAGE_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
ID_DIGITS = 56
REMEMBERED_TOKENS = 1024
"""Whoever polls sends the same token until there is something new; numbers of 56 digits take long to read and write."""
LAST_TIMESTAMP_MS = 10**ID_DIGITS // 2**144 - 1
"""In the year 2112: the last time whose events have ids of that many digits."""


class EventKey(NamedTuple):
    """Where an event stands in its stream; compares as event ids do."""

    timestamp: int
    """Milliseconds since the epoch, as the client gave it."""
    ingested: int
    """Milliseconds since the epoch, when the server accepted it."""
    batch: int
    """A random 64-bit number shared by the events of one PutLogEvents call."""
    seq: int
    """Position in that call, from 0."""


class Event(NamedTuple):
    """A stored event of one stream."""

    key: EventKey
    message: str


class RenderedEvent(NamedTuple):
    """An event of a stream as GetLogEvents answers it: encoded once, for however many pages show it."""

    key: EventKey
    size_bytes: int
    """What the event counts against the limit of a page."""
    json: bytes


class FoundEvent(NamedTuple):
    """A stored event found in a search over the streams of a group."""

    stream_id: int
    key: EventKey
    message: str


Direction = Literal["f", "b"]


class PageToken(msgspec.Struct, frozen=True):
    """A position in a stream, and the direction in which the next page lies (`f`orward or `b`ackward)."""

    direction: Direction
    key: EventKey

    def __str__(self) -> str:
        return f"{self.direction}/{event_id(self.key)}/s"


def event_id(key: EventKey) -> str:
    """Return the id of the event at `key`: 56 digits, so that ids sort as text."""
    number = key.timestamp << 144 | key.ingested << 80 | key.batch << 16 | key.seq
    return str(number).zfill(ID_DIGITS)


def parse_event_id(text: str) -> EventKey:
    """Return the key that an event id stands for; ValueError for anything that is not one."""
    if len(text) < ID_DIGITS or len(text) > ID_DIGITS + 2 or not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    number = int(text)
    key = EventKey(number >> 144, number >> 80 & 2**64 - 1, number >> 16 & 2**64 - 1, number & 2**16 - 1)
    # Columns of the store are signed; what does not fit was given out by nobody.
    if key.timestamp >= 2**63 or key.ingested >= 2**63:
        raise ValueError(text)
    return key


@lru_cache(maxsize=REMEMBERED_TOKENS)
def parse_page_token(text: str) -> PageToken:
    """Return the token that GetLogEvents gave out; `InvalidParameterException` for anything else."""
    direction, _, rest = text.partition("/")
    # Before about 2021 tokens had no `/s` at the end; clients may still hold such.
    identifier = rest.removesuffix("/s")
    try:
        key = parse_event_id(identifier)
    except ValueError as error:
        raise invalid_token() from error
    if direction not in ("f", "b"):
        raise invalid_token()
    return PageToken("f" if direction == "f" else "b", key)


def invalid_token() -> ServiceError:
    """Return the service's answer to a `nextToken` that it did not give out."""
    return ServiceError("InvalidParameterException", "The specified nextToken is invalid.")


@lru_cache(maxsize=REMEMBERED_TOKENS)
def page_tokens(first: EventKey, last: EventKey) -> tuple[str, str]:
    """Return the tokens that lead on from a page between these keys: backward, forward."""
    backward = str(PageToken("b", first))
    return backward, f"f{backward[1:]}" if first == last else str(PageToken("f", last))


def render(event: Event) -> RenderedEvent:
    """Return the event as GetLogEvents answers it."""
    key, message = event
    members = {"timestamp": key.timestamp, "message": message, "ingestionTime": key.ingested}
    return RenderedEvent(key, size_bytes(message), with_capital_digits(msgspec.json.encode(members)))


def first_key_at(timestamp_ms: int) -> EventKey:
    """Return the key before every event of that millisecond; of times that no event can have, the nearest that one can.

    So every key has an event id, which tokens are made of.
    """
    return EventKey(min(max(timestamp_ms, 0), LAST_TIMESTAMP_MS), 0, 0, 0)


def how_many_fit(sizes_bytes: Iterable[int], max_bytes: int) -> int:
    """Return how many of the first things have `max_bytes` together: at least one, or nobody would ever get past it."""
    return max(1, bisect_right(list(accumulate(sizes_bytes)), max_bytes))


def size_bytes(message: str) -> int:
    """Return what an event counts against batch and page limits: its UTF-8 bytes and 26 more (PutLogEvents, limits)."""
    return (len(message) if message.isascii() else len(message.encode())) + EVENT_OVERHEAD_BYTES
