"""Evaluates all alarms of an interval, thousands at a time: read, judge, write what changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms import rows
from groundwatch.monitoring.alarms.changes import change_states
from groundwatch.monitoring.alarms.evaluation import evaluate
from groundwatch.monitoring.alarms.model import Alarm, AlarmState
from groundwatch.monitoring.alarms.reasons import state_reason, state_reason_data
from groundwatch.monitoring.alarms.watching import Watch, points_of, watch
from groundwatch.monitoring.metrics.model import Datapoint, MetricReader
from groundwatch.storage.errors import StorageError
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.alarms import alarms as table

log = logging.getLogger(__name__)

PAGE_ALARMS = 1_000
ERROR_STATE = "EVALUATION_ERROR"
AWAY = (StorageError, SQLAlchemyError, OSError)
"""What the stores fail with."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one round."""

    evaluated: int
    changed: int
    complete: bool
    """False where metrics could not be read; such alarms keep their state."""


class Evaluator:
    """Evaluates alarms against the metrics of this server."""

    def __init__(self, database: Database, metrics: MetricReader, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._metrics = metrics
        self._clock_ms = clock_ms

    async def evaluate(self, tick_ms: int, interval_s: int) -> Outcome:
        """Evaluate the alarms of an interval over the periods that end with `tick_ms`, by pages."""
        evaluated, changed, complete, after = 0, 0, True, 0
        while page := await self._page(interval_s, after):
            after = page[-1].id
            outcome = await self._evaluate_some(page, tick_ms)
            evaluated, changed = evaluated + outcome.evaluated, changed + outcome.changed
            complete = complete and outcome.complete
        return Outcome(evaluated, changed, complete)

    async def _evaluate_some(self, alarms: Sequence[Alarm], tick_ms: int) -> Outcome:
        """Evaluate alarms; one that cannot be evaluated, in whichever way, concerns no other."""
        try:
            return Outcome(len(alarms), await self._evaluate_page(alarms, tick_ms), complete=True)
        except Exception as error:
            # A store that is away is so for every half.
            if len(alarms) == 1 or isinstance(error, AWAY):
                log.exception("%d alarms from number %d on were not evaluated", len(alarms), alarms[0].id)
                return Outcome(0, 0, complete=False)
        middle = len(alarms) // 2
        first, second = [await self._evaluate_some(half, tick_ms) for half in (alarms[:middle], alarms[middle:])]
        return Outcome(
            first.evaluated + second.evaluated, first.changed + second.changed, first.complete and second.complete
        )

    async def _page(self, interval_s: int, after: int) -> Sequence[Alarm]:
        query = (
            select(table)
            .where(table.c.interval_s == interval_s, table.c.id > after)
            .order_by(table.c.id)
            .limit(PAGE_ALARMS)
        )
        return await self._database.read(lambda connection: rows.read_alarms(connection, query))

    async def _evaluate_page(self, page: Sequence[Alarm], tick_ms: int) -> int:
        watches = [watch(alarm) for alarm in page]
        plain = [held for held in watches if held.stat is not None]
        math = [held for held in watches if held.stat is None]
        read = await self._metrics.read([held.request(tick_ms) for held in plain])
        # All of them at once, without a limit: the reader joins what they read into few statements.
        computed = await asyncio.gather(*(self._compute(held, tick_ms) for held in math))
        answered = [*zip(plain, read, strict=True), *zip(math, computed, strict=True)]
        failed = [held for held, points in answered if points is None]
        now_ms = self._clock_ms()
        changes = [
            (held.alarm, state)
            for held, points in answered
            if points is not None and (state := judge(held, tick_ms, points, now_ms)) is not None
        ]
        recovered = [held for held in math if held.alarm.evaluation_state and held not in failed]
        broken = [held for held in failed if not held.alarm.evaluation_state]
        if not (changes or recovered or broken):
            return 0

        def write(connection: Connection) -> int:
            _mark(connection, recovered, None, now_ms)
            _mark(connection, broken, ERROR_STATE, now_ms)
            return change_states(connection, changes, now_ms)

        return await self._database.write(write)

    async def _compute(self, held: Watch, tick_ms: int) -> list[Datapoint] | None:
        """Return the datapoints of metric math; None where the expression cannot be evaluated."""
        place = held.alarm.place
        try:
            series = await self._metrics.evaluate(
                place.account_id,
                place.region,
                held.queries,
                tick_ms - held.range_ms,
                tick_ms,
                offset_ms=held.offset_ms(tick_ms),
            )
            return points_of(series)
        # Of the alarm's own making; what the store fails with concerns all alarms, and is tried again.
        except (ServiceError, ValueError, ArithmeticError) as error:
            log.info("the alarm %s cannot be evaluated: %s", held.alarm.arn, error)
            return None


def judge(held: Watch, tick_ms: int, points: Sequence[Datapoint], now_ms: int) -> AlarmState | None:
    """Return the new state of an alarm; None when it keeps the one that it has."""
    verdict = evaluate(held.criterion, held.slots(tick_ms, points))
    if verdict is None or verdict.state == held.alarm.state.value:
        return None
    return AlarmState(
        verdict.state,
        state_reason(held.criterion, verdict),
        state_reason_data(held.criterion, verdict, held.reading, now_ms),
        now_ms,
        now_ms,
    )


def _mark(connection: Connection, watches: Sequence[Watch], evaluation_state: str | None, now_ms: int) -> None:
    # StateUpdatedTimestamp tells of either state (API reference, MetricAlarm).
    values = {"evaluation_state": evaluation_state, "state_updated_ms": now_ms}
    for held in watches:
        statement = update(table).where(table.c.id == held.alarm.id, table.c.revision == held.alarm.revision)
        connection.execute(statement.values(values))
