"""Carries out what changes of state have set off: messages to topics, each at least once.

An action is stored in the transaction of its change and struck off together with its line in the history. After a crash
between the two it is carried out again, under the same message id.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.background import BackgroundWork
from groundwatch.monitoring.alarms import history
from groundwatch.monitoring.alarms.model import Place, alarm_arn
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.alarms import alarm_actions as table
from groundwatch.storage.tables.alarms import alarm_history

log = logging.getLogger(__name__)

AT_ONCE = 200
MAX_ATTEMPTS = 30
MAX_PAUSE_MS = 300_000
IDLE_S = 60.0
MESSAGE_IDS = uuid.UUID("6f1c4e0e-3c52-4a54-9f0b-0f6f5f0c9a77")
DENIED = frozenset({"AuthorizationError", "AuthorizationErrorException", "AccessDenied", "AccessDeniedException"})


class Notifier(Protocol):
    """Publishes to topics; implemented by the room of notifications."""

    async def publish(  # noqa: PLR0913 - a message has that many parts
        self,
        *,
        account_id: str,
        topic_arn: str,
        subject: str,
        message: str,
        structured: bool,
        source_arn: str,
        message_id: str,
    ) -> str:
        """Publish for an account and return the message's id; a message of an id that is known changes nothing.

        With `structured`, the message is a JSON object with a text for each kind of subscription. Raises ServiceError
        when the topic does not exist or does not let the alarm publish.
        """


Lane = tuple[str, str, str, str]
"""Account, Region and name of an alarm, and one topic of it: messages of a lane keep their order."""


class _Held(msgspec.Struct, frozen=True):
    """A message that is tried again later, and when."""

    number: int
    due_ms: int


class ActionRunner(BackgroundWork):
    """Carries out waiting actions, as soon as there are some."""

    def __init__(self, database: Database, notifier: Notifier, clock_ms: Callable[[], int]) -> None:
        super().__init__("actions of alarms", retry_s=IDLE_S)
        self._database = database
        self._notifier = notifier
        self._clock_ms = clock_ms
        self._held: dict[Lane, _Held] = {}

    async def drain(self) -> int:
        """Carry out everything that is due; return how many actions that was."""
        done = 0
        while waiting := await self._due():
            by_alarm: dict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
            for row in waiting:
                by_alarm[row.account_id, row.region, row.name].append(row)
            # Messages of one alarm keep their order; a burst of many alarms goes out side by side.
            lanes = (self._in_order(rows) for rows in by_alarm.values())
            # All of them to their end, also when one fails: the next round would take up what still goes on.
            for failure in await asyncio.gather(*lanes, return_exceptions=True):
                if failure is not None:
                    raise failure
            done += len(waiting)
        return done

    async def _due(self) -> Sequence[Row[Any]]:
        due = select(table).where(table.c.due_ms <= self._clock_ms()).order_by(table.c.due_ms, table.c.id)
        return await self._database.read(lambda connection: connection.execute(due.limit(AT_ONCE)).all())

    async def _in_order(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            lane = (row.account_id, row.region, row.name, row.action_arn)
            held = self._held.pop(lane, None)
            if held is not None and held.number < row.id and held.due_ms > self._clock_ms():
                # Whoever got OK before ALARM would take the alarm for one that still goes off.
                self._held[lane] = held
                await self._put_off(row, held.due_ms, row.attempts)
            elif (due_ms := await self._carry_out(row)) is not None:
                self._held[lane] = _Held(row.id, due_ms)

    async def _carry_out(self, row: Row[Any]) -> int | None:
        """Carry an action out; return when to try it again, None when it has come to its end."""
        place = Place(row.account_id, row.region)
        try:
            await self._notifier.publish(
                account_id=row.account_id,
                topic_arn=row.action_arn,
                subject=row.subject,
                message=row.message,
                structured=True,
                source_arn=alarm_arn(place, row.name),
                message_id=str(uuid.uuid5(MESSAGE_IDS, f"{row.id} {row.action_arn} {row.state_updated_ms}")),
            )
        # The topic has decided; asking again would not change its mind, and the history is where owners look.
        except ServiceError as error:
            item = history.failed(row.action_arn, _refusal(error, row.action_arn), row.state_updated_ms)
        except Exception:
            log.exception("action %s of alarm %s failed", row.action_arn, row.name)
            if row.attempts + 1 < MAX_ATTEMPTS:
                due_ms: int = self._clock_ms() + min(1000 * 2**row.attempts, MAX_PAUSE_MS)
                await self._put_off(row, due_ms, row.attempts + 1)
                return due_ms
            item = history.failed(row.action_arn, "The server could not publish the message.", row.state_updated_ms)
        else:
            item = history.acted(row.action_arn, row.message, row.state_updated_ms)
        await self._database.write(lambda connection: _strike_off(connection, row, item, self._clock_ms()))
        return None

    async def _put_off(self, row: Row[Any], due_ms: int, attempts: int) -> None:
        statement = update(table).where(table.c.id == row.id).values(attempts=attempts, due_ms=due_ms)
        await self._database.write(lambda connection: connection.execute(statement))

    async def _round(self) -> float:
        await self.drain()
        return await self._wait_s()

    async def _wait_s(self) -> float:
        first = select(func.min(table.c.due_ms))
        due_ms = await self._database.read(lambda connection: connection.execute(first).scalar_one_or_none())
        return IDLE_S if due_ms is None else min(max(due_ms - self._clock_ms(), 0) / 1000, IDLE_S)


def _refusal(error: ServiceError, arn: str) -> str:
    if error.code in DENIED:
        return f"CloudWatch Alarms is not authorized to perform: SNS:Publish on resource:{arn}"
    return f"{error.code}: {error}"


def _strike_off(connection: Connection, row: Row[Any], item: history.HistoryItem, now_ms: int) -> None:
    # Another node may have carried it out as well; one line in the history is enough.
    if connection.execute(delete(table).where(table.c.id == row.id)).rowcount:
        place = {"account_id": row.account_id, "region": row.region, "name": row.name, "kind": row.kind}
        connection.execute(insert(alarm_history).values(**place, at_ms=now_ms, **msgspec.structs.asdict(item)))
