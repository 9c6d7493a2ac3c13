"""Alarms as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.metrics.model import Dimensions

Kind = Literal["MetricAlarm", "CompositeAlarm"]
Suppressor = Literal["WaitPeriod", "ExtensionPeriod", "Alarm"]
ACTION_LISTS: Mapping[State, str] = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
"""The member with what is done when an alarm takes a state."""


class Place(msgspec.Struct, frozen=True):
    """Whose alarms, and of which Region; names are unique within one."""

    account_id: str
    region: str


class AlarmState(msgspec.Struct, frozen=True):
    """What state an alarm is in, why, and since when."""

    value: State
    reason: str
    data: str | None
    updated_ms: int
    transitioned_ms: int


class Suppression(msgspec.Struct, frozen=True):
    """Whether the actions of a composite alarm are held at present."""

    by: Suppressor | None = None
    until_ms: int | None = None
    """When a wait or extension period ends."""
    notified: State = "INSUFFICIENT_DATA"
    """The state whose actions were carried out last; at first the one that alarms begin with."""


class Alarm(msgspec.Struct, frozen=True):
    """A metric alarm or a composite alarm."""

    id: int
    place: Place
    name: str
    kind: Kind
    members: Mapping[str, Any]
    """Input members of the operation that put it, with the defaults that the service shows."""
    configured_ms: int
    revision: int
    state: AlarmState
    tags: Mapping[str, str] = {}
    evaluation_state: str | None = None
    suppression: Suppression | None = None

    @property
    def arn(self) -> str:
        """The alarm's name all over the world."""
        return alarm_arn(self.place, self.name)

    def actions(self, state: State) -> Sequence[str]:
        """Return what is done when the alarm takes a state, whether or not its actions are enabled."""
        return list(dict.fromkeys(self.members[ACTION_LISTS[state]]))


def alarm_arn(place: Place, name: str) -> str:
    """Return the ARN of the alarm of that name."""
    return f"arn:aws:cloudwatch:{place.region}:{place.account_id}:alarm:{name}"


def dimensions_of(members: Sequence[Mapping[str, str]]) -> Dimensions:
    """Return the dimensions of an API member in the order in which metrics keep them."""
    return tuple(sorted((held["Name"], held["Value"]) for held in members))
