"""From log events to the batches that PutLogEvents takes, and back from its answer to what was rejected. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from groundwatch.cli.lines import BATCH_BYTES, Event, Rejection

BATCH_EVENTS = 10_000
BATCH_SPAN_MS = 24 * 60 * 60 * 1000


class StampedEvent(msgspec.Struct, frozen=True):
    """An event with its final timestamp."""

    timestamp_ms: int
    event: Event


Batch = list[StampedEvent]


class Batcher:
    """Collects events until the next one would break a limit: 10,000 events, 1 MiB, 24 hours.

    Events without a timestamp get the time at which they are added. A later batch never shares such a time with an
    earlier one: batches travel side by side, and events of one millisecond would lose their order.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._events: Batch = []
        self._bytes = 0
        self._first_ms = 0
        self._last_ms = 0
        self._earliest_arrival_ms = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> Batch | None:
        """Take the event; return the finished batch if it had to go into a new one."""
        stamped = self._stamp(event)
        finished = None
        if self._events and not self._fits(stamped):
            finished = self.flush()
            stamped = self._stamp(event)
        self._append(stamped)
        return finished

    def flush(self) -> Batch:
        """Return what was collected, in chronological order; events of one time keep their order."""
        batch, self._events, self._bytes = sorted(self._events, key=lambda one: one.timestamp_ms), [], 0
        self._earliest_arrival_ms += 1
        return batch

    def _stamp(self, event: Event) -> StampedEvent:
        if event.timestamp_ms is not None:
            return StampedEvent(event.timestamp_ms, event)
        return StampedEvent(max(self._clock_ms(), self._earliest_arrival_ms), event)

    def _fits(self, stamped: StampedEvent) -> bool:
        first_ms = min(self._first_ms, stamped.timestamp_ms)
        last_ms = max(self._last_ms, stamped.timestamp_ms)
        return (
            len(self._events) < BATCH_EVENTS
            and self._bytes + stamped.event.size_bytes <= BATCH_BYTES
            and last_ms - first_ms <= BATCH_SPAN_MS
        )

    def _append(self, stamped: StampedEvent) -> None:
        empty = not self._events
        self._first_ms = stamped.timestamp_ms if empty else min(self._first_ms, stamped.timestamp_ms)
        self._last_ms = stamped.timestamp_ms if empty else max(self._last_ms, stamped.timestamp_ms)
        self._events.append(stamped)
        self._bytes += stamped.event.size_bytes
        if stamped.event.timestamp_ms is None:
            self._earliest_arrival_ms = stamped.timestamp_ms


def batches(events: Iterable[Event], clock_ms: Callable[[], int]) -> Iterator[Batch]:
    """Yield all events in batches that each keep the limits of PutLogEvents."""
    batcher = Batcher(clock_ms)
    for event in events:
        finished = batcher.add(event)
        if finished:
            yield finished
    if len(batcher):
        yield batcher.flush()


def rejected_events(batch: Batch, info: Mapping[str, int]) -> list[Rejection]:
    """Return which events of a batch `rejectedLogEventsInfo` names, and why.

    The two end indexes are exclusive, the start index inclusive; an event counts once.
    """
    expired_end = info.get("expiredLogEventEndIndex", 0)
    old_end = info.get("tooOldLogEventEndIndex", 0)
    new_start = info.get("tooNewLogEventStartIndex", len(batch))
    found = []
    for index, stamped in enumerate(batch):
        if index < old_end:
            reason = "is older than 14 days"
        elif index < expired_end:
            reason = "is older than the log group's retention"
        elif index >= new_start:
            reason = "is more than 2 hours in the future"
        else:
            continue
        found.append(Rejection(stamped.event.source, stamped.event.line_number, reason))
    return found
