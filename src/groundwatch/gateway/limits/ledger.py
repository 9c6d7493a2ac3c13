"""How much of its quota each key has used: counted in memory, written down about every second and at the end.

A process that is killed loses at most the counts of the last second; quotas are best effort in the service too. With
several nodes on one database each sees what the others counted when it writes its own.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.background import WriteBehind
from groundwatch.begun import uninterrupted
from groundwatch.gateway import usage_sql as sql
from groundwatch.gateway.definition import Quota
from groundwatch.gateway.limits.periods import day_of, period_start
from groundwatch.gateway.usage_sql import DayUsage, UsageKey
from groundwatch.storage.sql import Database

WRITE_INTERVAL_S = 1.0
MAX_KEYS = 100_000


class _Count(msgspec.Struct):
    """What a key used in the present period, counts included that are not written yet."""

    first_day: int
    used: int
    granted: int


class UsageLedger(WriteBehind):
    """Counts the requests of keys that have a quota, and those of all other keys of usage plans; for one event loop."""

    def __init__(self, database: Database, clock_ms: Callable[[], int], max_keys: int = MAX_KEYS) -> None:
        super().__init__("usage of API keys", interval_s=WRITE_INTERVAL_S)
        self._database = database
        self._clock_ms = clock_ms
        self._max_keys = max_keys
        self._counts: OrderedDict[UsageKey, _Count] = OrderedDict()
        self._unwritten: dict[tuple[UsageKey, int], int] = {}
        """Requests by key and day."""
        self._shared = database.engine.dialect.name != "sqlite"
        # Sums are read while nothing is being written, so that no count is seen twice or not at all.
        self._lock = asyncio.Lock()

    async def spend(self, key: UsageKey, quota: Quota | None) -> bool:
        """Count a request; False, and it does not count, when the quota is used up."""
        today = day_of(self._clock_ms())
        if quota is None:
            self._note(key, today)
            return True
        first_day = period_start(quota.period, quota.offset, today)
        count = self._counts.get(key)
        if count is None or count.first_day != first_day:
            count = await self._load(key, first_day)
        if count.used >= quota.limit + count.granted:
            return False
        count.used += 1
        self._note(key, today)
        return True

    async def remaining(self, key: UsageKey, quota: Quota) -> int:
        """Return how many requests are left in the present period."""
        first_day = period_start(quota.period, quota.offset, day_of(self._clock_ms()))
        count = await self._load(key, first_day)
        return max(0, quota.limit + count.granted - count.used)

    async def set_remaining(self, key: UsageKey, quota: Quota, remaining: int) -> None:
        """Let a key make so many more requests in the present period; written down when this returns."""
        await self.flush()
        today = day_of(self._clock_ms())
        count = await self._load(key, period_start(quota.period, quota.offset, today))
        granted = remaining - (quota.limit + count.granted - count.used)
        await self._database.write(lambda c: sql.add_usage(c, {(key, today): DayUsage(today, 0, granted)}))
        self._counts.pop(key, None)

    async def days(
        self, plan_id: str, key_ids: Sequence[str], first_day: int, last_day: int
    ) -> Mapping[str, list[DayUsage]]:
        """Return the days on which keys were used, up to now."""
        await self.flush()
        return await self._database.read(lambda c: sql.read_days(c, plan_id, key_ids, first_day, last_day))

    async def flush(self) -> None:
        """Write down what was counted; on failure it is kept for the next time."""
        # Whoever asks may leave meanwhile; what was taken out must come back, and nobody read before it is written.
        await uninterrupted(self._write_down())

    async def _write_down(self) -> None:
        async with self._lock:
            if not self._unwritten:
                return
            taken, self._unwritten = self._unwritten, {}
            changes = {place: DayUsage(place[1], used) for place, used in taken.items()}
            try:
                await self._database.write(lambda connection: sql.add_usage(connection, changes))
            except SQLAlchemyError:
                for place, used in taken.items():
                    self._unwritten[place] = self._unwritten.get(place, 0) + used
                raise
            self._forget()

    async def _load(self, key: UsageKey, first_day: int) -> _Count:
        async with self._lock:
            present = self._counts.get(key)
            if present is not None and present.first_day == first_day:
                # Another request of the key was faster, and may have counted meanwhile.
                return present
            totals = await self._database.read(lambda connection: sql.read_totals(connection, key, first_day))
            waiting = [used for (who, day), used in self._unwritten.items() if who == key and day >= first_day]
            count = self._counts[key] = _Count(first_day, totals.used + sum(waiting), totals.granted)
            return count

    def _note(self, key: UsageKey, day: int) -> None:
        place = (key, day)
        self._unwritten[place] = self._unwritten.get(place, 0) + 1

    def _forget(self) -> None:
        """Forget sums that other nodes may have changed, and those that are too many."""
        if self._shared:
            self._counts.clear()
        while len(self._counts) > self._max_keys:
            self._counts.popitem(last=False)
