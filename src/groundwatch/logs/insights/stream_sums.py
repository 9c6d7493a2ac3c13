"""What streams hold, remembered: queries say how much they have read, and count it in the same streams again and again.

The engine answers that from its statistics of streams, which takes as much processor time as a query for a rare word.
Right only where this process hears of every write; what it does not hear of (a part that had to be given up) it tells
wrongly for `LIFE_MS`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
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

    def _is_whole(self, one: StreamSum) -> bool:
        start_ms = max(self.start_ms, self.expired_before_ms.get(one.group, self.start_ms))
        return one.first_ms >= start_ms and one.last_ms <= self.end_ms


class _Known(NamedTuple):
    """The sums of a group's streams as of a time, None where there are too many."""

    asked_ms: int
    sums: Sequence[StreamSum] | None


class StreamSums:
    """Remembers the sums of groups until something is written to them; for one event loop."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
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

    def committed(self, batches: Sequence[Batch]) -> None:
        """Forget the groups that these events went to, or may have gone to."""
        for group in {batch.group_id for batch in batches}:
            for unchanged in self._asked:
                unchanged.discard(group)
            known = self._known.get(group)
            # What has too many streams gets no fewer by a put.
            if known is not None and known.sums is not None:
                del self._known[group]

    def clear(self) -> None:
        """Forget everything: events were deleted."""
        self._known.clear()
        for unchanged in self._asked:
            unchanged.clear()

    def _peek(self, group: int) -> _Known | None:
        known = self._known.get(group)
        # A clock that was set back must not keep anything for longer.
        if known is None or not 0 <= self._clock_ms() - known.asked_ms < LIFE_MS:
            return None
        self._known.move_to_end(group)
        return known

    async def _load(
        self, groups: Sequence[int], load: Callable[[Sequence[int]], Awaitable[Sequence[StreamSum]]]
    ) -> dict[int, _Known]:
        unchanged, asked_ms = set(groups), self._clock_ms()
        self._asked.append(unchanged)
        try:
            by_group: dict[int, list[StreamSum]] = {group: [] for group in groups}
            for one in await load(groups):
                by_group[one.group].append(one)
        finally:
            # By identity: another question may be about the same groups.
            self._asked = [one for one in self._asked if one is not unchanged]
        found = {
            group: _Known(asked_ms, sums if len(sums) <= MOST_STREAMS else None) for group, sums in by_group.items()
        }
        self._known.update((group, known) for group, known in found.items() if group in unchanged)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return found
