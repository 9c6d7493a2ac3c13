"""One live tail: which events it shows, how many a second, and what waits for a slow client. Pure: time is handed in.

    offer: batches wait → match: their matching events gather → cut: a sample becomes an update → take: it is sent

An update is cut as soon as there are events, but not more often than every `UPDATE_INTERVAL_MS`, so that a single event
shows at once and a flood comes in portions. No second shows more than `EVENTS_A_SECOND`. Every buffer is bounded and
drops its oldest first; whatever was matched or might have matched and is not shown makes the next update `sampled`.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import msgspec

from groundwatch.logs.events import size_bytes
from groundwatch.logs.patterns.sifting import Sieve
from groundwatch.logs.writer import Batch

EVENTS_A_SECOND = 500
UPDATE_INTERVAL_MS = 100
WINDOW_MS = 1_000
"""The second in which events are counted, and after which an idle client gets an empty update."""
BUFFERED_UPDATES = 10
"""How many updates wait for a slow client; those of one second are joined, so that they hold 5,000 events."""
BUFFERED_BYTES = 16 * 1024 * 1024
UPDATE_BYTES = 2 * 1024 * 1024
"""Size from which a second's events are spread over several updates: escaped as JSON, a message may grow sixfold, and a
message of an event stream holds 16 MiB."""
WAITING_BYTES = 16 * 1024 * 1024
"""How much may wait to be matched."""
SLICE_EVENTS = 256
"""How many events are matched without a break."""


class TailRequest(msgspec.Struct, frozen=True):
    """What a client wants to see."""

    account_id: str
    groups: Mapping[int, str]
    """The identifier to show for each group, by the group's number."""
    sift: Sieve | None = None
    """None shows every event."""
    stream_names: frozenset[str] = frozenset()
    """Empty for all streams."""
    stream_prefixes: tuple[str, ...] = ()

    def wants_stream(self, name: str) -> bool:
        """Tell whether events of the stream called `name` may be shown."""
        if self.stream_names:
            return name in self.stream_names
        return not self.stream_prefixes or name.startswith(self.stream_prefixes)


class TailedEvent(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An event as a live tail shows it."""

    log_stream_name: str
    log_group_identifier: str
    message: str
    timestamp: int
    ingestion_time: int


class Update(msgspec.Struct, frozen=True):
    """What is sent at once, in order of ingestion."""

    events: tuple[TailedEvent, ...] = ()
    sampled: bool = False
    """True when there were further events that are not shown."""


class _Match(msgspec.Struct, frozen=True):
    """The matching events of a part of a batch."""

    batch: Batch
    positions: Sequence[int]


class TailSession:
    """The state of one live tail that started at `start_ms`; times are milliseconds of a clock that never goes back."""

    def __init__(self, request: TailRequest, start_ms: int) -> None:
        self.request = request
        self._start_ms = start_ms
        self._waiting: deque[Batch] = deque()
        self._waiting_bytes = 0
        self._next_position = 0
        self._matches: list[_Match] = []
        self._first_match_ms = start_ms
        self._quota = _Quota()
        self._outbox = _Outbox()
        self._cut_ms = start_ms - UPDATE_INTERVAL_MS
        self._taken_ms = start_ms
        self._lost = False
        """Whether something is not shown that no update has told of."""

    @property
    def has_waiting(self) -> bool:
        """Whether batches wait to be matched."""
        return bool(self._waiting)

    @property
    def has_updates(self) -> bool:
        """Whether updates wait to be taken, because matching went on meanwhile."""
        return bool(self._outbox)

    def offer(self, batch: Batch) -> None:
        """Let a batch of one of the session's groups wait to be matched."""
        if not self.request.wants_stream(batch.stream_name):
            return
        self._waiting.append(batch)
        self._waiting_bytes += batch.size_bytes
        while self._waiting_bytes > WAITING_BYTES and len(self._waiting) > 1:
            self._drop_waiting()
            self._lost = True

    def match(self, now_ms: int) -> None:
        """Match a slice of what waits."""
        if self._matches and now_ms >= self._first_match_ms + UPDATE_INTERVAL_MS:
            # Nobody takes updates: the client is slow, and should find a sample of every second.
            self._cut(now_ms)
        batch = self._waiting[0]
        sift, begin = self.request.sift, self._next_position
        count = len(batch.messages)
        # Where every event matches there is nothing to do for each of them.
        end = count if sift is None else min(count, begin + SLICE_EVENTS)
        found: Sequence[int] = range(begin, end)
        if sift is not None:
            found = [begin + at for at in sift(batch.messages[begin:end])]
        if found:
            if not self._matches:
                self._first_match_ms = now_ms
            self._matches.append(_Match(batch, found))
        self._next_position = end
        if end == count:
            self._drop_waiting()

    def take(self, now_ms: int, *, final: bool = False) -> Update | None:
        """Return the next update to send, None when none is due; `final` takes what there is without regard to time."""
        if not self._outbox and self._matches and (final or now_ms >= self._cut_ms + UPDATE_INTERVAL_MS):
            self._cut(now_ms)
        update = self._outbox.take()
        if update is None:
            if final or self._matches or now_ms < self._taken_ms + WINDOW_MS:
                return None
            update, self._lost = Update(sampled=self._lost), False
        self._taken_ms = now_ms
        return update

    def due_ms(self) -> int:
        """Return when `take` will have something, unless batches come before."""
        return self._cut_ms + UPDATE_INTERVAL_MS if self._matches else self._taken_ms + WINDOW_MS

    def _drop_waiting(self) -> None:
        self._waiting_bytes -= self._waiting.popleft().size_bytes
        self._next_position = 0

    def _cut(self, now_ms: int) -> None:
        matches, self._matches = self._matches, []
        self._cut_ms = now_ms
        count = sum(len(match.positions) for match in matches)
        window, elapsed_ms = divmod(now_ms - self._start_ms, WINDOW_MS)
        shown = self._quota.grant(count, window, elapsed_ms)
        self._lost = self._lost or shown < count
        if shown:
            events = [_shown(self.request, batch, at) for batch, at in _pick_evenly(matches, count, shown)]
            self._outbox.put(events, window, sampled=self._lost)
            self._lost = False


class _Quota:
    """How many events may be shown, second by second.

    A burst is shown at once up to the whole second's share. Only where the second before was flooded too, a portion is
    kept for every update that the second may still have, so that a lasting flood shows a steady sample.
    """

    def __init__(self) -> None:
        self._window = -1
        self._matched = 0
        self._granted = 0
        self._was_flooded = False

    def grant(self, count: int, window: int, elapsed_ms: int) -> int:
        """Return how many of `count` events may be shown so many milliseconds after second `window` began."""
        if window != self._window:
            self._was_flooded = window == self._window + 1 and self._matched > EVENTS_A_SECOND
            self._window, self._matched, self._granted = window, 0, 0
        self._matched += count
        left = EVENTS_A_SECOND - self._granted
        if self._was_flooded and self._matched > EVENTS_A_SECOND:
            left = ceil(left / ceil((WINDOW_MS - elapsed_ms) / UPDATE_INTERVAL_MS))
        granted = min(count, left)
        self._granted += granted
        return granted


@dataclass(slots=True)
class _Draft:
    """An update that waits to be sent and may still grow."""

    window: int
    sampled: bool
    events: list[TailedEvent] = field(default_factory=list)
    size_bytes: int = 0


class _Outbox:
    """Updates that wait for the client. Those of one second are joined; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._drafts: deque[_Draft] = deque()
        self._size_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._drafts)

    def put(self, events: Sequence[TailedEvent], window: int, *, sampled: bool) -> None:
        """Add events of second `window`."""
        for event in events:
            size = size_bytes(event.message)
            last = self._drafts[-1] if self._drafts else None
            if last is None or last.window != window or last.size_bytes + size > UPDATE_BYTES:
                last = _Draft(window, sampled)
                self._drafts.append(last)
            last.events.append(event)
            last.size_bytes += size
            last.sampled = last.sampled or sampled
            self._size_bytes += size
        while len(self._drafts) > BUFFERED_UPDATES or self._size_bytes > BUFFERED_BYTES:
            self._size_bytes -= self._drafts.popleft().size_bytes
            self._drafts[0].sampled = True

    def take(self) -> Update | None:
        """Remove and return the oldest update."""
        if not self._drafts:
            return None
        draft = self._drafts.popleft()
        self._size_bytes -= draft.size_bytes
        return Update(tuple(draft.events), draft.sampled)


def _pick_evenly(matches: Sequence[_Match], count: int, shown: int) -> Iterator[tuple[Batch, int]]:
    """Yield batch and position of `shown` among `count` matching events, at equal distances."""
    passed, remaining = 0, iter(matches)
    match = next(remaining)
    for number in range(shown):
        wanted = number * count // shown
        while wanted >= passed + len(match.positions):
            passed += len(match.positions)
            match = next(remaining)
        yield match.batch, match.positions[wanted - passed]


def _shown(request: TailRequest, batch: Batch, at: int) -> TailedEvent:
    return TailedEvent(
        log_stream_name=batch.stream_name,
        log_group_identifier=request.groups[batch.group_id],
        message=batch.messages[at],
        timestamp=batch.timestamps[at],
        ingestion_time=batch.ingested_ms,
    )
