"""What the operations work with."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.monitoring.alarms.model import Place
from groundwatch.monitoring.alarms.store import AlarmStore
from groundwatch.monitoring.metrics.model import MetricReader


class AlarmsRoom(msgspec.Struct, frozen=True):
    """The parts of the room, handed to the operations at construction."""

    alarms: AlarmStore
    metrics: MetricReader
    wake: Callable[[], None]
    """Says that actions, or periods that end, may wait to be carried out."""


class Operations:
    """Base of the operation classes."""

    def __init__(self, alarms: AlarmsRoom) -> None:
        self._alarms = alarms


def place_of(context: RequestContext) -> Place:
    """Return whose alarms the call is about."""
    return Place(context.account_id, context.region)
