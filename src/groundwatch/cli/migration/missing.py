"""Which events of one stream another one lacks: compared in the order of time, one millisecond at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

RemoteEvent = Mapping[str, Any]
"""An event as GetLogEvents gives it: `timestamp` in milliseconds since the epoch, and `message`."""


def missing_events(source: Iterable[RemoteEvent], target: Iterable[RemoteEvent]) -> Iterator[RemoteEvent]:
    """Yield, in their order, the events of `source` that are not in `target`; both are in the order of time.

    Equal events of one time count as often as they are there. `target` may get the yielded events while this runs:
    what is put is not later than what was compared.
    """
    there = _by_time(target)
    at_ms, found = next(there, (None, Counter[str]()))
    for time_ms, messages in _messages_by_time(source):
        while at_ms is not None and at_ms < time_ms:
            at_ms, found = next(there, (None, Counter[str]()))
        for message in messages:
            if at_ms == time_ms and found[message] > 0:
                found[message] -= 1
            else:
                yield {"timestamp": time_ms, "message": message}


def _by_time(events: Iterable[RemoteEvent]) -> Iterator[tuple[int, Counter[str]]]:
    for time_ms, messages in _messages_by_time(events):
        yield time_ms, Counter(messages)


def _messages_by_time(events: Iterable[RemoteEvent]) -> Iterator[tuple[int, list[str]]]:
    for time_ms, group in groupby(events, key=lambda event: int(event["timestamp"])):
        yield time_ms, [str(event["message"]) for event in group]
