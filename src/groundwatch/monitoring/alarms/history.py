"""What is written into an alarm's history, in the words of the real service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from groundwatch.monitoring.alarms.messages import lower_dimensions, upper_statistic
from groundwatch.monitoring.alarms.model import Alarm, AlarmState
from groundwatch.monitoring.alarms.reasons import VERSION, iso_ms

ItemType = Literal["ConfigurationUpdate", "StateUpdate", "Action"]
LOWER_NAMES = {"OKActions": "okactions", "AlarmName": "alarmName"}
"""Members whose name in history is not their own with a small first letter."""


class HistoryItem(msgspec.Struct, frozen=True):
    """One line of the history."""

    item_type: ItemType
    summary: str
    data: str


def created(alarm: Alarm) -> HistoryItem:
    """Return the item for a new alarm."""
    return _configured(alarm, "created", {"type": "Create", "createdAlarm": configuration(alarm)})


def deleted(alarm: Alarm) -> HistoryItem:
    """Return the item for an alarm that goes."""
    return _configured(alarm, "deleted", {"type": "Delete", "deletedAlarm": configuration(alarm)})


def updated(before: Alarm, after: Alarm) -> HistoryItem:
    """Return the item for a changed configuration, with the old values of what changed."""
    old, new = configuration(before), configuration(after)
    changed = {name: old.get(name) for name in {**old, **new} if old.get(name) != new.get(name)}
    return _configured(after, "updated", {"type": "Update", "updatedAlarm": new, "originalUpdatedFields": changed})


def changed_state(old: AlarmState, new: AlarmState) -> HistoryItem:
    """Return the item for a new state."""
    data = {"version": VERSION, "oldState": _state(old), "newState": _state(new)}
    return HistoryItem("StateUpdate", f"Alarm updated from {old.value} to {new.value}", _json(data))


def acted(action_arn: str, message: str, state_updated_ms: int) -> HistoryItem:
    """Return the item for an action that was carried out."""
    data = _action(action_arn, state_updated_ms) | {"actionState": "Succeeded", "publishedMessage": message}
    return HistoryItem("Action", f"Successfully executed action {action_arn}", _json(data))


def failed(action_arn: str, error: str, state_updated_ms: int) -> HistoryItem:
    """Return the item for an action that was refused."""
    data = _action(action_arn, state_updated_ms) | {"actionState": "Failed", "error": error}
    return HistoryItem("Action", f"Failed to execute action {action_arn}", _json(data))


def configuration(alarm: Alarm) -> dict[str, Any]:
    """Return the alarm as history and events write it: lower camel case, statistics in capitals."""
    shown: dict[str, Any] = {
        "alarmName": alarm.name,
        "alarmArn": alarm.arn,
        "alarmConfigurationUpdatedTimestamp": iso_ms(alarm.configured_ms),
        "stateValue": alarm.state.value,
        "stateUpdatedTimestamp": iso_ms(alarm.state.updated_ms),
    }
    for name, value in alarm.members.items():
        shown[LOWER_NAMES.get(name, name[0].lower() + name[1:])] = value
    if "Dimensions" in alarm.members:
        shown["dimensions"] = lower_dimensions(alarm.members["Dimensions"])
    if "Statistic" in alarm.members:
        shown["statistic"] = upper_statistic(alarm.members["Statistic"])
    return shown


def _configured(alarm: Alarm, what: str, data: Mapping[str, object]) -> HistoryItem:
    return HistoryItem("ConfigurationUpdate", f'Alarm "{alarm.name}" {what}', _json({"version": VERSION, **data}))


def _state(state: AlarmState) -> dict[str, object]:
    shown: dict[str, object] = {"stateValue": state.value, "stateReason": state.reason}
    # Data are kept as the text of an object, and stand here as the object.
    return shown | ({"stateReasonData": msgspec.Raw(state.data.encode())} if state.data else {})


def _action(action_arn: str, state_updated_ms: int) -> dict[str, object]:
    return {
        "actionState": "",
        "stateUpdateTimestamp": state_updated_ms,
        "notificationResource": action_arn,
        "publishedMessage": None,
        "error": None,
        "muteWindowEndTimestamp": None,
    }


def _json(data: Mapping[str, object]) -> str:
    return msgspec.json.encode(data).decode()
