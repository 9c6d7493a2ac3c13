"""What streams hold, remembered: queries say how much they have read, and count it in the same streams again and again.

The engine answers that from its statistics of streams, which takes as much processor time as a query for a rare word.
Right only where this process hears of every write; what it does not hear of (a part that had to be given up) it tells
wrongly for `LIFE_MS`. Where a range has all that the streams of its groups hold, no time needs to be compared. Here is
also what is known of a group's shredding, which is forgotten whenever the sums are.
"""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from groundwatch.logs.writer import Batch

LIFE_MS = 60_000
MOST_GROUPS, MOST_STREAMS = 20, 500
"""Groups of a query, and streams of a group: of more the engine is asked for the sum alone."""
CAPACITY = 100
"""Groups that are remembered."""


class StreamSum(NamedTuple):
    """What a stream holds: events, bytes of their messages, and the times of the first event and the last."""

    group: int
    stream: int
    events: int
    size: int
    first_ms: int
    last_ms: int


class Counted(msgspec.Struct, frozen=True):
    """The streams of which a query reads events, or parts."""

    groups: Sequence[int]
    start_ms: int
    end_ms: int
    expired_before_ms: Mapping[int, int] = {}
    """By groups."""
    deleted_streams: frozenset[int] = frozenset()
    version: int = 0
    """That of shredding which its fields need; 0 where it reads none from columns."""

    def rows(self, sums: Sequence[StreamSum]) -> list[tuple[int, int, int, int, int]]:
        """Return what `Compiled.scanned_sql` does: events, bytes, first and last time of whole streams, behind a 1, and
        of streams of which the range has a part, behind a 0.
        """
        touched = [
            one
            for one in sums
            if one.first_ms <= self.end_ms and one.last_ms >= self.start_ms and one.stream not in self.deleted_streams
        ]
        parted: tuple[list[StreamSum], list[StreamSum]] = ([], [])
        for one in touched:
            parted[self._is_whole(one)].append(one)
        return [
            (
                whole,
                sum(one.events for one in some),
                sum(one.size for one in some),
                min(one.first_ms for one in some),
                max(one.last_ms for one in some),
            )
            for whole, some in enumerate(parted)
            if some
        ]

    def holds(self, sums: Sequence[StreamSum]) -> bool:
        """Return whether the range has all events of these streams, but for the deleted ones."""
        return all(one.stream in self.deleted_streams or self._is_whole(one) for one in sums)

    def since_ms(self, group: int) -> int:
        """Return where the range begins in a group, of which a part may be expired."""
        return max(self.start_ms, self.expired_before_ms.get(group, self.start_ms))

    def _is_whole(self, one: StreamSum) -> bool:
        return one.first_ms >= self.since_ms(one.group) and one.last_ms <= self.end_ms


class _Known(NamedTuple):
    """The sums of a group's streams as of a time, None where there are too many."""

    asked_ms: int
    repairs: int
    sums: Sequence[StreamSum] | None


class _Shredded(NamedTuple):
    """The range of a group of which columns tell all events, at least to a version, and the repairs before that."""

    version: int
    repairs: int
    since_ms: int
    end_ms: int


class StreamSums:
    """Remembers the sums of groups until something is written to them; for one event loop.

    Likewise that the columns of fields tell all of their events. For that it needs to hear of a write before the engine
    does, and `repairs` to grow around each repair of a part, whose events are shredded anew.
    """

    def __init__(self, clock_ms: Callable[[], int], repairs: Callable[[], int] = lambda: 0) -> None:
        self._clock_ms = clock_ms
        self._repairs = repairs
        self._writing: Counter[int] = Counter()
        self._shredded: OrderedDict[int, _Shredded] = OrderedDict()
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._asked: list[set[int]] = []
        """For each question that is under way the groups that nothing was written to meanwhile."""

    async def of_groups(
        self, groups: Sequence[int], load: Callable[[Sequence[int]], Awaitable[Sequence[StreamSum]]]
    ) -> Sequence[StreamSum] | None:
        """Return the sums of all streams of some groups, None where there are too many; `load` asks the engine.

        It need not tell more than one stream beyond `MOST_STREAMS` of each group.
        """
        if len(groups) > MOST_GROUPS:
            return None
        known = {group: self._peek(group) for group in groups}
        missing = [group for group, one in known.items() if one is None]
        if missing:
            known |= await self._load(missing, load)
        found: list[StreamSum] = []
        for one in known.values():
            if one is None or one.sums is None:
                return None
            found += one.sums
        return found

    def is_shredded(self, counted: Counted) -> bool:
        """Return whether columns tell all events that the engine may find in a range by now."""
        return bool(counted.version) and all(self._covers(group, counted) for group in counted.groups)

    def is_whole(self, counted: Counted) -> bool:
        """Return whether a range has all events of its groups, as far as that is remembered."""
        return all(not self._writing[group] and self._is_within(group, counted) for group in counted.groups)

    @contextlib.contextmanager
    def reading(self, counted: Counted) -> Iterator[Callable[[], bool]]:
        """Watch while the engine reads a range: the function says whether what was known of its groups still is.

        Remembers that columns tell all events of the range: the statement looks where that is not known, or raises.
        """
        unchanged, repairs = {group for group in counted.groups if not self._writing[group]}, self._repairs()
        looks = bool(counted.version) and not self.is_shredded(counted)
        with self._watching(unchanged):
            yield lambda: unchanged == set(counted.groups) and repairs == self._repairs()
        for group in unchanged if looks else ():
            self._shredded[group] = _Shredded(counted.version, repairs, counted.since_ms(group), counted.end_ms)
        while len(self._shredded) > CAPACITY:
            self._shredded.popitem(last=False)

    def beginning(self, batches: Sequence[Batch]) -> None:
        """Hear of events before they are written."""
        self._writing.update({batch.group_id for batch in batches})
        self._forget(batches)

    def committed(self, batches: Sequence[Batch]) -> None:
        """Forget the groups that these events went to, or may have gone to."""
        self._writing.subtract({batch.group_id for batch in batches})
        # Without those that nobody writes to.
        self._writing = +self._writing
        self._forget(batches)

    @contextlib.contextmanager
    def _watching(self, unchanged: set[int]) -> Iterator[None]:
        """Take out of the set the groups that something is written to while a question about them is under way."""
        self._asked.append(unchanged)
        try:
            yield
        finally:
            # By identity: another question may be about the same groups.
            self._asked = [one for one in self._asked if one is not unchanged]

    def _forget(self, batches: Sequence[Batch]) -> None:
        for group in {batch.group_id for batch in batches}:
            self._shredded.pop(group, None)
            for unchanged in self._asked:
                unchanged.discard(group)
            known = self._known.get(group)
            # What has too many streams gets no fewer by a put.
            if known is not None and known.sums is not None:
                del self._known[group]

    def clear(self) -> None:
        """Forget everything: events were deleted."""
        self._known.clear()
        self._shredded.clear()
        for unchanged in self._asked:
            unchanged.clear()

    def _covers(self, group: int, counted: Counted) -> bool:
        known = self._shredded.get(group)
        return (
            known is not None
            and not self._writing[group]
            and known.version >= counted.version
            and known.repairs == self._repairs()
            and known.since_ms <= counted.since_ms(group)
            and counted.end_ms <= known.end_ms
        )

    def _is_within(self, group: int, counted: Counted) -> bool:
        known = self._peek(group)
        return known is not None and known.sums is not None and counted.holds(known.sums)

    def _peek(self, group: int) -> _Known | None:
        known = self._known.get(group)
        # A clock that was set back must not keep anything for longer.
        if known is None or not 0 <= self._clock_ms() - known.asked_ms < LIFE_MS or known.repairs != self._repairs():
            return None
        self._known.move_to_end(group)
        return known

    async def _load(
        self, groups: Sequence[int], load: Callable[[Sequence[int]], Awaitable[Sequence[StreamSum]]]
    ) -> dict[int, _Known]:
        unchanged, asked_ms, repairs = set(groups), self._clock_ms(), self._repairs()
        by_group: dict[int, list[StreamSum]] = {group: [] for group in groups}
        with self._watching(unchanged):
            for one in await load(groups):
                by_group[one.group].append(one)
        found = {
            group: _Known(asked_ms, repairs, sums if len(sums) <= MOST_STREAMS else None)
            for group, sums in by_group.items()
        }
        self._known.update((group, known) for group, known in found.items() if group in unchanged)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return found
