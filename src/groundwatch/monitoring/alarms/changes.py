"""Changes of state, with all that follows: history, actions, and the composite alarms that look at what has changed.

Everything happens in the transaction of the caller, so that a crash leaves either a change with all that it sets off or
nothing of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, select, update

from groundwatch.monitoring.alarms import rows
from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.history import changed_state
from groundwatch.monitoring.alarms.messages import StateChange, Triggering
from groundwatch.monitoring.alarms.model import Alarm, AlarmState, Place, Suppression
from groundwatch.monitoring.alarms.reasons import spelled_out, triggering_data
from groundwatch.monitoring.alarms.rules import holds, parse_rule
from groundwatch.monitoring.alarms.suppression import Periods, composite_changed, period_ended, suppressor_changed
from groundwatch.storage.tables.alarms import alarms as table


def change_states(connection: Connection, changes: Sequence[tuple[Alarm, AlarmState]], now_ms: int) -> int:
    """Give alarms new states; return how many changed.

    An alarm that was changed or configured since it was read is passed over: whoever did that knew more.
    """
    unchanged = rows.unchanged(connection, [alarm for alarm, _ in changes])
    done = [
        StateChange(msgspec.structs.replace(alarm, state=state), alarm.state.value)
        for alarm, state in changes
        if alarm.id in unchanged
    ]
    rows.write_states(connection, [change.alarm for change in done])
    # History shows the reason of the old state, too, which the change does not carry.
    before = {alarm.id: alarm.state for alarm, _ in changes}
    rows.remember(
        connection,
        ((change.alarm, changed_state(before[change.alarm.id], change.alarm.state)) for change in done),
        now_ms,
    )
    _act(connection, [change for change in done if change.alarm.kind == "MetricAlarm"], now_ms)
    for change in done:
        if change.alarm.kind == "CompositeAlarm":
            _hold_or_act(connection, change, now_ms)
    # Last, so that what a composite alarm sets off stands behind what set it off.
    _tell_parents(connection, done, now_ms)
    return len(done)


def judge_new(connection: Connection, alarm: Alarm, verb: str, now_ms: int) -> None:
    """Evaluate a composite alarm that was `created` or `updated`."""
    value = rule_state(connection, alarm)
    if value != alarm.state.value:
        reason = f"{alarm.arn} was {verb} and its alarm rule evaluates to {value}"
        change_states(connection, [(alarm, AlarmState(value, reason, None, now_ms, now_ms))], now_ms)


def rule_state(connection: Connection, alarm: Alarm) -> State:
    """Return the state that a composite alarm's rule calls for."""
    states = {name: child.state.value for name, child in rows.children(connection, alarm).items()}
    return "ALARM" if holds(parse_rule(alarm.members["AlarmRule"], alarm.place).node, states) else "OK"


def end_periods(connection: Connection, now_ms: int) -> int:
    """Carry out what composite alarms have held until now; return how many alarms that concerns."""
    due = rows.read_alarms(connection, select(table).where(table.c.due_ms <= now_ms).order_by(table.c.id))
    for alarm in due:
        held = alarm.suppression or Suppression()
        after, acts = period_ended(held, alarm.state.value, now_ms)
        _write_suppression(connection, alarm, after)
        if acts:
            _act(connection, [_held_change(alarm, held)], now_ms)
    return len(due)


def _act(connection: Connection, changes: Sequence[StateChange], now_ms: int) -> None:
    rows.queue_actions(connection, changes, now_ms)


def _tell_parents(connection: Connection, changes: Sequence[StateChange], now_ms: int) -> None:
    by_place: dict[Place, dict[str, StateChange]] = defaultdict(dict)
    for change in changes:
        by_place[change.alarm.place][change.alarm.name] = change
    for place, changed in by_place.items():
        # Suppressors first: an alarm that is suppressor and child at once holds the actions that it sets off.
        _suppressors_changed(connection, place, changed, now_ms)
        affected = rows.parents(connection, place, changed, rows.CHILD)
        moved = [step for parent in affected if (step := _judge(connection, parent, changed)) is not None]
        if moved:
            # Cycles are refused when a rule is put, so this comes to an end.
            change_states(connection, moved, now_ms)


def _judge(connection: Connection, parent: Alarm, changed: dict[str, StateChange]) -> tuple[Alarm, AlarmState] | None:
    """Return a composite alarm with its new state, None when that is the old one."""
    value = rule_state(connection, parent)
    if value == parent.state.value:
        return None
    # Of several children that changed together one is named, as observed; which one is not documented.
    names = parse_rule(parent.members["AlarmRule"], parent.place).names
    cause = next(changed[name].alarm for name in reversed(names) if name in changed)
    reason = f"{cause.arn} transitioned to {cause.state.value} at {spelled_out(cause.state.updated_ms)}"
    data = triggering_data([(cause.arn, cause.state.value, cause.state.updated_ms)])
    # As if at the same moment as the child, so that the times of a chain agree.
    moment_ms = cause.state.updated_ms
    return parent, AlarmState(value, reason, data, moment_ms, moment_ms)


def _suppressors_changed(connection: Connection, place: Place, changed: dict[str, StateChange], now_ms: int) -> None:
    """Tell composite alarms of suppressors that entered or left ALARM."""
    # Whether a suppressor is OK or lacks data makes no difference.
    crossed = [name for name, change in changed.items() if "ALARM" in {change.old, change.alarm.state.value}]
    for parent in rows.parents(connection, place, crossed, rows.SUPPRESSOR):
        suppressor = rows.suppressor(connection, parent)
        held = parent.suppression or Suppression()
        after, acts = suppressor_changed(
            held,
            periods_of(parent),
            parent.state.value,
            suppressor_in_alarm=suppressor is not None and suppressor.state.value == "ALARM",
            now_ms=now_ms,
        )
        _write_suppression(connection, parent, after)
        if acts:
            _act(connection, [_held_change(parent, held)], now_ms)


def _hold_or_act(connection: Connection, change: StateChange, now_ms: int) -> None:
    alarm = change.alarm
    change = msgspec.structs.replace(change, triggering=triggering_of(alarm))
    if "ActionsSuppressor" not in alarm.members:
        _act(connection, [change], now_ms)
        return
    suppressor = rows.suppressor(connection, alarm)
    after, acts = composite_changed(
        alarm.suppression or Suppression(),
        periods_of(alarm),
        alarm.state.value,
        suppressor_in_alarm=suppressor is not None and suppressor.state.value == "ALARM",
        now_ms=now_ms,
    )
    _write_suppression(connection, alarm, after)
    if acts:
        _act(connection, [change], now_ms)


def periods_of(alarm: Alarm) -> Periods:
    """Return how long a composite alarm's changes wait for its suppressor."""
    return Periods(
        alarm.members.get("ActionsSuppressorWaitPeriod", 0), alarm.members.get("ActionsSuppressorExtensionPeriod", 0)
    )


def triggering_of(alarm: Alarm) -> Sequence[Triggering]:
    """Return the children that set off a composite alarm's present state, as its reason data name them."""
    if alarm.state.data is None:
        return ()
    try:
        children = msgspec.json.decode(alarm.state.data, type=_ReasonData).triggering_alarms
        return [Triggering(child.arn, child.state.value, _ms_of(child.state.timestamp)) for child in children]
    # SetAlarmState takes whatever JSON it is given, and nobody but its caller knows what that means.
    except (msgspec.MsgspecError, ValueError):
        return ()


class _ChildState(msgspec.Struct, frozen=True):
    value: State
    timestamp: str


class _Child(msgspec.Struct, frozen=True):
    arn: str
    state: _ChildState


class _ReasonData(msgspec.Struct, frozen=True):
    triggering_alarms: tuple[_Child, ...] = msgspec.field(name="triggeringAlarms", default=())


def _held_change(alarm: Alarm, held: Suppression) -> StateChange:
    return StateChange(alarm, held.notified, triggering_of(alarm))


def _write_suppression(connection: Connection, alarm: Alarm, suppression: Suppression) -> None:
    statement = update(table).where(table.c.id == alarm.id).values(rows.suppression_columns(suppression))
    connection.execute(statement)


def _ms_of(text: str) -> int:
    """Return a time in milliseconds; ValueError for none, and for what no alarm can have seen."""
    moment = datetime.fromisoformat(text)
    timestamp_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if timestamp_ms < 0:
        raise ValueError(f"{text} is before 1970")
    return timestamp_ms
