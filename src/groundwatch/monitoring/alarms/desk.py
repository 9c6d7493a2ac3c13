"""The alarms of this server: what the operations work with, and what runs by itself."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.monitoring.alarms.actions import ActionRunner, Notifier
from groundwatch.monitoring.alarms.evaluator import Evaluator
from groundwatch.monitoring.alarms.operations.room import AlarmsRoom
from groundwatch.monitoring.alarms.resource_tags import AlarmTags
from groundwatch.monitoring.alarms.scheduler import AlarmScheduler
from groundwatch.monitoring.alarms.store import AlarmStore
from groundwatch.monitoring.metrics.model import MetricReader
from groundwatch.storage.sql import Database


class AlarmDesk:
    """The parts of the room that have to do with alarms, on one metadata database."""

    def __init__(
        self, database: Database, metrics: MetricReader, notifier: Notifier, clock_ms: Callable[[], int]
    ) -> None:
        self._actions = ActionRunner(database, notifier, clock_ms)
        self._scheduler = AlarmScheduler(database, Evaluator(database, metrics, clock_ms), clock_ms, self._actions.wake)
        store = AlarmStore(database, clock_ms)
        self.room = AlarmsRoom(store, metrics, self._wake)
        self.tags = AlarmTags(store)

    def start(self) -> None:
        """Evaluate alarms from now on, beginning with what was missed."""
        self._actions.start()
        self._scheduler.start()

    async def stop(self) -> None:
        """Stop evaluating; what is not done is done after the next start."""
        # First what makes actions, then what carries them out.
        await self._scheduler.stop()
        await self._actions.stop()

    def _wake(self) -> None:
        self._actions.wake()
        self._scheduler.wake()
