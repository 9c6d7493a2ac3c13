"""The newest events of the streams that are being read, in bounded memory.

Most reads ask for the newest events of a stream, again and again. A stream enters the memory when its end is first read
from the store, follows every commit from then on, and leaves when others have been read more recently. For each stream
the memory knows its *floor*: it holds every stored event after that key, so an answer from memory equals the store's.
An event that has been shown is kept as the JSON it was shown as, and not as its message. Batches that are committed are
kept as they came until somebody reads the stream again.

Used from the event loop only. Valid only while this process is the store's one writer (the embedded engine).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import NamedTuple

import msgspec

from groundwatch.logs.events import Event, EventKey, RenderedEvent, render
from groundwatch.logs.writer import Batch

BEGINNING = EventKey(-1, 0, 0, 0)
LOADED_EVENTS = 2_000
"""How much of a stream's end is fetched when it enters the memory."""
LOADED_BYTES = 16 * 1024 * 1024
"""The same of streams whose messages are so large that these are hundreds of megabytes."""
EVENT_COST_BYTES = 320
"""What the key, the tuple and the string object of one event take beside the message's characters, or its JSON's."""
STREAM_SHARE = 4
"""No stream takes more than one part in this many of the memory."""

_key = itemgetter(0)
_new_key: Callable[[Iterable[int]], EventKey] = partial(tuple.__new__, EventKey)
_new_event: Callable[[tuple[EventKey, str]], Event] = partial(tuple.__new__, Event)


class Range(msgspec.Struct, frozen=True):
    """Keys after `after` and before `before`, both exclusive."""

    after: EventKey
    before: EventKey


class Loaded(NamedTuple):
    """The newest events of a stream, oldest first, and whether there is nothing older."""

    events: Sequence[Event]
    reaches_beginning: bool


Load = Callable[[int], Awaitable[Loaded]]
"""Fetches at most the newest so many events of a stream."""


class RecentEvents:
    """Least recently read streams go first when `capacity_bytes` is reached. A capacity of 0 turns the memory off."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._used_bytes = 0
        self._streams: OrderedDict[int, _Tail] = OrderedDict()
        self._loading: dict[int, list[Batch]] = {}
        self._doubtful: set[int] = set()

    @property
    def used_bytes(self) -> int:
        """The estimated memory taken by the events that are kept."""
        return self._used_bytes

    def find(self, stream_id: int, wanted: Range, limit: int, *, newest: bool) -> list[RenderedEvent] | None:
        """Return up to `limit` events of the range in order, from its newest or its oldest end.

        None when the memory cannot tell: the stream is not in it, or older events may belong to the answer.
        """
        tail = self._streams.get(stream_id)
        if tail is None:
            return None
        self._streams.move_to_end(stream_id)
        before = tail.cost_bytes
        found = tail.find(wanted, limit, newest=newest)
        if tail.cost_bytes != before:
            self._account(tail, before)
            self._evict()
        return found

    def committed(self, batches: Sequence[Batch]) -> None:
        """Take up events that are on disk; called before their writers are answered."""
        for batch in batches:
            if batch.stream_id in self._loading:
                # What was committed while the store was read may be missing in what it returned.
                self._loading[batch.stream_id].append(batch)
            tail = self._streams.get(batch.stream_id)
            if tail is not None:
                before = tail.cost_bytes
                tail.follow(batch)
                self._account(tail, before)
        self._evict()

    def failed(self, batches: Sequence[Batch]) -> None:
        """Give up streams of which an insert failed: the store may hold some of its events, and memory cannot tell."""
        for batch in batches:
            self.forget(batch.stream_id)

    async def load(self, stream_id: int, load: Load) -> None:
        """Bring the end of a stream into memory, unless it is there or on its way."""
        if not self._capacity_bytes or stream_id in self._streams or stream_id in self._loading:
            return
        meanwhile = self._loading[stream_id] = []
        try:
            events, reaches_beginning = await load(LOADED_EVENTS)
        finally:
            del self._loading[stream_id]
            doubtful = stream_id in self._doubtful
            self._doubtful.discard(stream_id)
        if doubtful:
            return
        floor = BEGINNING if reaches_beginning else events[0].key
        tail = _Tail(floor)
        self._streams[stream_id] = tail
        self._grow(tail, events if reaches_beginning else events[1:])
        for batch in meanwhile:
            self._grow(tail, _events(batch))
        self._evict()

    def forget(self, stream_id: int) -> None:
        """Drop a stream, also one that is being loaded."""
        if stream_id in self._loading:
            self._doubtful.add(stream_id)
        tail = self._streams.pop(stream_id, None)
        if tail is not None:
            self._used_bytes -= tail.cost_bytes

    def _grow(self, tail: _Tail, events: Sequence[Event]) -> None:
        before = tail.cost_bytes
        tail.add(events)
        self._account(tail, before)

    def _account(self, tail: _Tail, before: int) -> None:
        tail.shrink(self._capacity_bytes // STREAM_SHARE)
        self._used_bytes += tail.cost_bytes - before

    def _evict(self) -> None:
        while self._used_bytes > self._capacity_bytes and self._streams:
            _, tail = self._streams.popitem(last=False)
            self._used_bytes -= tail.cost_bytes


class _Tail:
    """Every event of one stream after `floor`, in order."""

    def __init__(self, floor: EventKey) -> None:
        self.floor = floor
        self.cost_bytes = 0
        self._events: list[Event | RenderedEvent] = []
        self._unread: deque[Batch] = deque()
        self._unread_bytes = 0

    def find(self, wanted: Range, limit: int, *, newest: bool) -> list[RenderedEvent] | None:
        self._take_up()
        low = bisect_right(self._events, wanted.after, key=_key)
        high = max(low, bisect_left(self._events, wanted.before, key=_key))
        complete = wanted.after >= self.floor
        if newest:
            # From the newest end a full page is complete even if older events are not in memory.
            low, is_full = max(low, high - limit), high - low >= limit
            return self._render(low, high) if complete or is_full else None
        return self._render(low, min(high, low + limit)) if complete else None

    def _render(self, low: int, high: int) -> list[RenderedEvent]:
        kept = self._events[low:high]
        rendered = [event if isinstance(event, RenderedEvent) else render(event) for event in kept]
        if rendered != kept:
            self._events[low:high] = rendered
            self.cost_bytes += sum(map(_cost_bytes, rendered)) - sum(map(_cost_bytes, kept))
        return rendered

    def follow(self, batch: Batch) -> None:
        """Take up a batch, whose events become events when they are first looked for."""
        self._unread.append(batch)
        self._unread_bytes += _batch_cost_bytes(batch)
        self.cost_bytes += _batch_cost_bytes(batch)

    def _take_up(self) -> None:
        while self._unread:
            self.add(_events(self._give_back()))

    def _give_back(self) -> Batch:
        batch = self._unread.popleft()
        self._unread_bytes -= _batch_cost_bytes(batch)
        self.cost_bytes -= _batch_cost_bytes(batch)
        return batch

    def add(self, events: Sequence[Event]) -> None:
        fresh = [event for event in events if event.key > self.floor]
        if not fresh:
            return
        if self._events and self._events[-1].key >= fresh[0].key:
            # Late events, or some that the snapshot of a load held already: it may be newer than the news of a commit.
            low = bisect_left(self._events, fresh[0].key, key=_key)
            known = {event.key for event in self._events[low:]}
            fresh = [event for event in fresh if event.key not in known]
            self._events[low:] = sorted([*self._events[low:], *fresh], key=_key)
        else:
            self._events += fresh
        self.cost_bytes += sum(map(_cost_bytes, fresh))

    def shrink(self, limit_bytes: int) -> None:
        """Drop the oldest events until three quarters of the limit are used, so that it happens once in a while."""
        if self.cost_bytes <= limit_bytes:
            return
        wanted_bytes = limit_bytes * 3 // 4
        if self._unread_bytes < wanted_bytes:
            self._take_up()
        dropped = 0
        while dropped < len(self._events) and self.cost_bytes > wanted_bytes:
            self.cost_bytes -= _cost_bytes(self._events[dropped])
            dropped += 1
        if dropped:
            self.floor = self._events[dropped - 1].key
            del self._events[:dropped]
        while self._unread and self.cost_bytes > wanted_bytes:
            # Of a stream that nobody reads, whole batches go. Late events in others that lie before go with them.
            self.floor = max(self.floor, _last_key(self._give_back()))


def _events(batch: Batch) -> list[Event]:
    # Made in C: a batch may have 10,000 events, and a call of a named tuple costs five times as much.
    numbers = zip(batch.timestamps, repeat(batch.ingested_ms), repeat(batch.number), count(), strict=False)
    return list(map(_new_event, zip(map(_new_key, numbers), batch.messages, strict=True)))


def _last_key(batch: Batch) -> EventKey:
    return EventKey(batch.timestamps[-1], batch.ingested_ms, batch.number, len(batch.timestamps) - 1)


def _batch_cost_bytes(batch: Batch) -> int:
    return batch.size_bytes + EVENT_COST_BYTES * len(batch.timestamps)


def _cost_bytes(event: Event | RenderedEvent) -> int:
    # The last member is the message or the JSON.
    return len(event[-1]) + EVENT_COST_BYTES
