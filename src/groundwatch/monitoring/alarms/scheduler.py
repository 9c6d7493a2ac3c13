"""When alarms are evaluated: every ten seconds those with short periods, every minute the others.

How far evaluation has come is kept. A server that was down evaluates the moments that it has missed, in their order, so
that what was stored shortly before a crash still sets off what it should.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection, delete, func, insert, select

from groundwatch.background import BackgroundWork
from groundwatch.monitoring.alarms.changes import end_periods
from groundwatch.monitoring.alarms.checks import LONG_INTERVAL_S, SHORT_INTERVAL_S
from groundwatch.monitoring.alarms.evaluator import Evaluator
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.alarms import alarm_history, alarm_ticks
from groundwatch.storage.tables.alarms import alarms as table

log = logging.getLogger(__name__)

INTERVALS_S = (LONG_INTERVAL_S, SHORT_INTERVAL_S)
SETTLE_MS = 2_000
"""Periods are evaluated this long after their end: what was put at the last moment has arrived by then."""
REPLAYED_TICKS = 60
"""After a longer time down, evaluation goes on with this many missed moments, and then with the present one."""
HISTORY_MS = 14 * 86_400_000
HISTORY_ITEMS = 5_000
"""Of one alarm; one that changes its state every ten seconds would fill the disk otherwise."""
PRUNE_EVERY_MS = 3_600_000
RETRY_S = 5.0
ATTEMPTS = 3
"""Then evaluation goes on with the next moment: what cannot be read must not hold up all other alarms for ever."""
LONGEST_WAIT_S = 10.0


class AlarmScheduler(BackgroundWork):
    """Runs evaluations on the clock; `run_due` is all of it. Woken, it looks for periods of composite alarms."""

    def __init__(
        self, database: Database, evaluator: Evaluator, clock_ms: Callable[[], int], on_changes: Callable[[], None]
    ) -> None:
        super().__init__("evaluation of alarms", retry_s=RETRY_S)
        self._database = database
        self._evaluator = evaluator
        self._clock_ms = clock_ms
        self._on_changes = on_changes
        self._last: dict[int, int] | None = None
        self._caught_up: set[int] = set()
        self._failures = dict.fromkeys(INTERVALS_S, 0)
        self._pruned_ms = 0

    async def run_due(self) -> bool:
        """Do everything that is due; return False when metrics could not be read and it must be tried again."""
        now_ms = self._clock_ms()
        if self._last is None:
            self._last = await self._database.read(_read_ticks)
        complete = True
        for interval_s in INTERVALS_S:
            complete &= await self._catch_up(self._last, interval_s, now_ms)
        # After evaluation, which may discard periods that would end now.
        await self._end_periods(now_ms)
        await self._prune(now_ms)
        return complete

    async def _catch_up(self, last: dict[int, int], interval_s: int, now_ms: int) -> bool:
        ticks = due_ticks(last.get(interval_s), interval_s, now_ms)
        if interval_s in self._caught_up and len(ticks) > 1:
            log.warning("alarms are evaluated too slowly: %d moments were passed over", len(ticks) - 1)
            ticks = ticks[-1:]
        for tick_ms in ticks:
            # One after the other: what a later moment sees may depend on the state that an earlier one leaves.
            outcome = await self._evaluator.evaluate(tick_ms, interval_s)
            if outcome.changed:
                self._on_changes()
            self._failures[interval_s] += not outcome.complete
            if not outcome.complete and self._failures[interval_s] < ATTEMPTS:
                return False
            self._failures[interval_s] = 0
            # After a crash before this is stored, the moment is evaluated again and finds nothing to change.
            last[interval_s] = tick_ms
            if outcome.evaluated:
                # Without alarms there is nothing to miss, and no reason to write to the disk every ten seconds.
                await self._database.write(partial(_write_tick, interval_s=interval_s, tick_ms=tick_ms))
        # What has passed during a long replay is replayed, too, unless evaluation is slower than time.
        too_slow = self._clock_ms() - now_ms >= len(ticks) * interval_s * 1000
        if len(ticks) <= 1 or too_slow:
            self._caught_up.add(interval_s)
        return True

    async def _end_periods(self, now_ms: int) -> None:
        due = select(func.count()).select_from(table).where(table.c.due_ms <= now_ms)
        # A look costs no write transaction, and almost always there is nothing.
        if await self._database.read(lambda connection: connection.execute(due).scalar_one()):
            await self._database.write(lambda connection: end_periods(connection, now_ms))
            self._on_changes()

    async def _prune(self, now_ms: int) -> None:
        if now_ms - self._pruned_ms >= PRUNE_EVERY_MS:
            self._pruned_ms = now_ms
            await self._database.write(lambda connection: prune(connection, now_ms))

    async def _round(self) -> float:
        # Not an error: which metrics cannot be read, the evaluator has logged.
        return await self._wait_s() if await self.run_due() else RETRY_S

    async def _wait_s(self) -> float:
        now_ms = self._clock_ms()
        step_ms = SHORT_INTERVAL_S * 1000
        next_ms = (now_ms - SETTLE_MS) // step_ms * step_ms + step_ms + SETTLE_MS
        first_due = select(func.min(table.c.due_ms))
        due_ms = await self._database.read(lambda connection: connection.execute(first_due).scalar_one_or_none())
        if due_ms is not None:
            next_ms = min(next_ms, due_ms)
        return min(max(next_ms - now_ms, 0) / 1000, LONGEST_WAIT_S)


def due_ticks(last_ms: int | None, interval_s: int, now_ms: int) -> Sequence[int]:
    """Return the moments to evaluate, oldest first: those since the last one, or the present one of a new server."""
    step_ms = interval_s * 1000
    present_ms = (now_ms - SETTLE_MS) // step_ms * step_ms
    if last_ms is None:
        return [present_ms]
    missed = range(last_ms + step_ms, present_ms + 1, step_ms)
    if len(missed) <= REPLAYED_TICKS:
        return missed
    # What the first moments saw is what was stored before the server went down; later ones only saw it grow old.
    return [*missed[:REPLAYED_TICKS], present_ms]


def prune(connection: Connection, now_ms: int) -> None:
    """Forget history that is older than two weeks, and of each alarm what is beyond the limit."""
    columns = alarm_history.c
    connection.execute(delete(alarm_history).where(columns.at_ms < now_ms - HISTORY_MS))
    names = (columns.account_id, columns.region, columns.name)
    crowded = select(*names).group_by(*names).having(func.count() > HISTORY_ITEMS)
    for account_id, region, name in connection.execute(crowded).all():
        whose = (columns.account_id == account_id, columns.region == region, columns.name == name)
        kept = select(columns.id).where(*whose).order_by(columns.id.desc()).offset(HISTORY_ITEMS).limit(1)
        # By number, not by time: many items have the same millisecond.
        oldest = connection.execute(kept).scalar_one()
        connection.execute(delete(alarm_history).where(*whose, columns.id <= oldest))


def _read_ticks(connection: Connection) -> dict[int, int]:
    return {row.interval_s: row.tick_ms for row in connection.execute(select(alarm_ticks))}


def _write_tick(connection: Connection, *, interval_s: int, tick_ms: int) -> None:
    connection.execute(delete(alarm_ticks).where(alarm_ticks.c.interval_s == interval_s))
    connection.execute(insert(alarm_ticks).values(interval_s=interval_s, tick_ms=tick_ms))
