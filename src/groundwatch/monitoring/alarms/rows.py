"""Alarms as rows of the metadata database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, insert, select, update

from groundwatch.monitoring.alarms.history import HistoryItem
from groundwatch.monitoring.alarms.messages import StateChange, message_of, subject_of
from groundwatch.monitoring.alarms.model import Alarm, AlarmState, Kind, Place, Suppression
from groundwatch.storage.tables.alarms import alarm_actions, alarm_history, alarm_links
from groundwatch.storage.tables.alarms import alarms as table

CHILD, SUPPRESSOR = "child", "suppressor"
NAMES_AT_ONCE = 500
"""SQLite takes some thousand bound values in a statement."""


def of(place: Place) -> ColumnElement[bool]:
    """Return the condition that keeps tenants and Regions apart."""
    return (table.c.account_id == place.account_id) & (table.c.region == place.region)


def read_alarms(connection: Connection, query: Select[Any]) -> list[Alarm]:
    """Return the alarms of a query that selects whole rows."""
    return [alarm_of(row) for row in connection.execute(query)]


def find(connection: Connection, place: Place, name: str) -> Alarm | None:
    """Return the alarm of that name, None when there is none."""
    row = connection.execute(select(table).where(of(place), table.c.name == name)).one_or_none()
    return None if row is None else alarm_of(row)


def named(connection: Connection, place: Place, names: Collection[str]) -> dict[str, Alarm]:
    """Return those of the names that exist."""
    found: dict[str, Alarm] = {}
    wanted = list(names)
    for first in range(0, len(wanted), NAMES_AT_ONCE):
        part = wanted[first : first + NAMES_AT_ONCE]
        query = select(table).where(of(place), table.c.name.in_(part))
        found |= {alarm.name: alarm for alarm in read_alarms(connection, query)}
    return found


def parents(connection: Connection, place: Place, names: Collection[str], *kinds: str) -> list[Alarm]:
    """Return the composite alarms that look at any of the names, in one of the ways `CHILD` and `SUPPRESSOR`."""
    found: dict[int, Alarm] = {}
    wanted = list(names)
    for first in range(0, len(wanted), NAMES_AT_ONCE):
        links = select(alarm_links.c.parent_id).where(
            alarm_links.c.account_id == place.account_id,
            alarm_links.c.region == place.region,
            alarm_links.c.child_name.in_(wanted[first : first + NAMES_AT_ONCE]),
            alarm_links.c.kind.in_(kinds),
        )
        found |= {alarm.id: alarm for alarm in read_alarms(connection, select(table).where(table.c.id.in_(links)))}
    return [found[number] for number in sorted(found)]


def children(connection: Connection, alarm: Alarm) -> dict[str, Alarm]:
    """Return the alarms that a composite alarm's rule looks at."""
    links = select(alarm_links.c.child_name).where(alarm_links.c.parent_id == alarm.id, alarm_links.c.kind == CHILD)
    return {
        child.name: child
        for child in read_alarms(connection, select(table).where(of(alarm.place), table.c.name.in_(links)))
    }


def child_names(connection: Connection, place: Place, names: Collection[str]) -> set[str]:
    """Return the names in the rules of any of these composite alarms."""
    found: set[str] = set()
    wanted = list(names)
    for first in range(0, len(wanted), NAMES_AT_ONCE):
        part = select(table.c.id).where(of(place), table.c.name.in_(wanted[first : first + NAMES_AT_ONCE]))
        links = select(alarm_links.c.child_name).where(alarm_links.c.parent_id.in_(part), alarm_links.c.kind == CHILD)
        found |= set(connection.execute(links).scalars())
    return found


def suppressor(connection: Connection, alarm: Alarm) -> Alarm | None:
    """Return the alarm that holds a composite alarm's actions."""
    links = select(alarm_links.c.child_name).where(
        alarm_links.c.parent_id == alarm.id, alarm_links.c.kind == SUPPRESSOR
    )
    found = read_alarms(connection, select(table).where(of(alarm.place), table.c.name.in_(links)))
    return found[0] if found else None


def unchanged(connection: Connection, alarms: Sequence[Alarm]) -> set[int]:
    """Return the numbers of those that are still configured, and in the state, as they were read; locks them."""
    # The revision tells of PutMetricAlarm and the like, the state of another node or SetAlarmState.
    found: set[int] = set()
    for first in range(0, len(alarms), NAMES_AT_ONCE):
        part = {alarm.id: (alarm.revision, alarm.state.value) for alarm in alarms[first : first + NAMES_AT_ONCE]}
        query = select(table.c.id, table.c.revision, table.c.state_value).where(table.c.id.in_(part))
        stored = connection.execute(query.with_for_update())
        found |= {row.id for row in stored if part[row.id] == (row.revision, row.state_value)}
    return found


def write_states(connection: Connection, alarms: Sequence[Alarm]) -> None:
    """Store the states of alarms."""
    if alarms:
        # One statement for all: putting one together takes longer than running it.
        statement = update(table).where(table.c.id == bindparam("number"))
        connection.execute(statement, [{"number": alarm.id, **state_columns(alarm.state)} for alarm in alarms])


def remember(connection: Connection, items: Iterable[tuple[Alarm, HistoryItem]], now_ms: int) -> None:
    """Add to the history of alarms."""
    rows = [
        {
            "account_id": alarm.place.account_id,
            "region": alarm.place.region,
            "name": alarm.name,
            "kind": alarm.kind,
            "at_ms": now_ms,
            **msgspec.structs.asdict(item),
        }
        for alarm, item in items
    ]
    if rows:
        connection.execute(insert(alarm_history), rows)


def queue_actions(connection: Connection, changes: Sequence[StateChange], now_ms: int) -> None:
    """Note what the changes set off; it is carried out once the transaction is on disk."""
    rows = [
        {
            "account_id": change.alarm.place.account_id,
            "region": change.alarm.place.region,
            "name": change.alarm.name,
            "kind": change.alarm.kind,
            "action_arn": action,
            "subject": subject_of(change),
            "message": message_of(change),
            "state_updated_ms": change.alarm.state.updated_ms,
            "attempts": 0,
            "due_ms": now_ms,
        }
        for change in changes
        if change.alarm.members["ActionsEnabled"]
        for action in change.alarm.actions(change.alarm.state.value)
    ]
    if rows:
        connection.execute(insert(alarm_actions), rows)


def alarm_of(row: Row[Any]) -> Alarm:
    """Return the alarm that a whole row holds."""
    state = AlarmState(
        row.state_value, row.state_reason, row.state_reason_data, row.state_updated_ms, row.transitioned_ms
    )
    return Alarm(
        id=row.id,
        place=Place(row.account_id, row.region),
        name=row.name,
        kind=cast("Kind", row.kind),
        members=row.members,
        configured_ms=row.configured_ms,
        revision=row.revision,
        state=state,
        tags=row.tags,
        evaluation_state=row.evaluation_state,
        suppression=None if row.suppression is None else msgspec.convert(row.suppression, Suppression),
    )


def state_columns(state: AlarmState) -> dict[str, object]:
    """Return the columns of a state."""
    return {
        "state_value": state.value,
        "state_reason": state.reason,
        "state_reason_data": state.data,
        "state_updated_ms": state.updated_ms,
        "transitioned_ms": state.transitioned_ms,
    }


def suppression_columns(suppression: Suppression) -> dict[str, object]:
    """Return the columns of a composite alarm's suppression."""
    return {"suppression": msgspec.to_builtins(suppression), "due_ms": suppression.until_ms}
