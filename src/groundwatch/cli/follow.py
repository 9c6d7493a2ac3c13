"""Reading a log group through FilterLogEvents: the newest events, those since a time, and those that still come."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

PAGE_EVENTS = 10_000
# FilterLogEvents reads backwards only from this moment on: 2024-01-01T00:00:00Z.
EARLIEST_BACKWARDS_MS = 1_704_067_200_000
LOOKBACK_MS = 10_000
"""Followed events may carry a time this much before the newest one seen: agents send in batches."""

FoundEvent = dict[str, Any]
"""An event as FilterLogEvents returns it."""
Fetch = Callable[[dict[str, Any]], dict[str, Any]]
"""FilterLogEvents: request to answer."""


class Query(msgspec.Struct, frozen=True):
    """What is asked of every page."""

    group: str
    stream: str | None = None
    pattern: str | None = None

    def request(self, start_ms: int) -> dict[str, Any]:
        """Return a FilterLogEvents request for events from this time on."""
        request: dict[str, Any] = {"logGroupName": self.group, "startTime": start_ms}
        if self.stream:
            request["logStreamNames"] = [self.stream]
        if self.pattern:
            request["filterPattern"] = self.pattern
        return request


def pages(fetch: Fetch, request: dict[str, Any]) -> Iterator[list[FoundEvent]]:
    """Yield the events of page after page; a page may be empty before the end."""
    while True:
        answer = fetch(request)
        yield answer.get("events", [])
        token = answer.get("nextToken")
        if not token:
            return
        request = {**request, "nextToken": token}


def newest(fetch: Fetch, query: Query, count: int, since_ms: int | None = None) -> list[FoundEvent]:
    """Return the last `count` events, oldest first; none from before 2024."""
    start_ms = max(since_ms or 0, EARLIEST_BACKWARDS_MS)
    found: list[FoundEvent] = []
    request = {**query.request(start_ms), "startFromHead": False, "limit": min(count, PAGE_EVENTS)}
    for page in pages(fetch, request):
        found += page
        if len(found) >= count:
            break
    return found[:count][::-1]


def since(fetch: Fetch, query: Query, since_ms: int) -> Iterator[list[FoundEvent]]:
    """Yield all events from a time on, in chronological order."""
    return pages(fetch, {**query.request(since_ms), "limit": PAGE_EVENTS})


class Follower:
    """Finds what is new, by asking again from a little before the newest event seen and leaving out what was seen."""

    def __init__(self, fetch: Fetch, query: Query, clock_ms: Callable[[], int]) -> None:
        self._fetch = fetch
        self._query = query
        self._clock_ms = clock_ms
        self._seen: collections.OrderedDict[str, int] = collections.OrderedDict()
        self._newest_ms: int | None = None
        self._start_ms = clock_ms() - LOOKBACK_MS

    def prime(self, shown: Sequence[FoundEvent]) -> Iterator[list[FoundEvent]]:
        """Take the events that were shown already; yield those that came since and remember the older ones."""
        for event in shown:
            self._remember(event)
        last_shown_ms = self._newest_ms
        self._move_window()
        for page in self._unseen():
            yield [event for event in page if last_shown_ms is None or event["timestamp"] > last_shown_ms]

    def poll(self) -> Iterator[list[FoundEvent]]:
        """Yield the events that came since the last call."""
        self._move_window()
        yield from self._unseen()

    def _unseen(self) -> Iterator[list[FoundEvent]]:
        for page in since(self._fetch, self._query, self._start_ms):
            fresh = [event for event in page if event["eventId"] not in self._seen]
            for event in fresh:
                self._remember(event)
            yield fresh

    def _remember(self, event: FoundEvent) -> None:
        self._seen[event["eventId"]] = event["timestamp"]
        self._newest_ms = max(self._newest_ms or 0, event["timestamp"])

    def _move_window(self) -> None:
        if self._newest_ms is None:
            return
        # An event stamped in the future must not hide those that carry the right time.
        self._start_ms = max(self._start_ms, min(self._newest_ms, self._clock_ms()) - LOOKBACK_MS)
        for event_id in [key for key, timestamp_ms in self._seen.items() if timestamp_ms < self._start_ms]:
            del self._seen[event_id]
