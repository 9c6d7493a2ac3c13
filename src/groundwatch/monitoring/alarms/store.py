"""Alarms in the metadata database: put, find, list, delete, tag, and their history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms import history as items
from groundwatch.monitoring.alarms import rows
from groundwatch.monitoring.alarms.changes import change_states, judge_new
from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.model import Alarm, AlarmState, Kind, Place, Suppression, alarm_arn
from groundwatch.monitoring.alarms.reasons import INITIAL_REASON
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.alarms import alarm_history, alarm_links
from groundwatch.storage.tables.alarms import alarms as table

MAX_PARENTS = 150
"""Composite alarms that one alarm may be in (API reference, PutCompositeAlarm)."""
MAX_LEVELS = 20
"""Of alarms that look at alarms that look at alarms …: a change goes up through all of them in one transaction. The
service names no limit."""
MAX_ALARMS = 20_000
"""Of an account in a Region: no tenant may take up all of the minute in which alarms are evaluated."""
TagChange = Callable[[Mapping[str, str]], dict[str, str]]
"""Returns the tags after a change; runs in the transaction that read them."""


class Draft(msgspec.Struct, frozen=True):
    """A configuration that was checked as far as it can be without the other alarms."""

    place: Place
    name: str
    kind: Kind
    members: Mapping[str, Any]
    tags: Mapping[str, str] = {}
    """Given to new alarms only."""
    metric: str | None = None
    interval_s: int | None = None
    children: tuple[str, ...] = ()
    suppressor: str | None = None


class AlarmQuery(msgspec.Struct, frozen=True):
    """Which alarms are asked for."""

    kinds: tuple[Kind, ...] = ("MetricAlarm",)
    names: tuple[str, ...] | None = None
    prefix: str | None = None
    state: State | None = None


class HistoryQuery(msgspec.Struct, frozen=True):
    """Which items of the history are asked for."""

    name: str | None = None
    kinds: tuple[Kind, ...] = ("MetricAlarm", "CompositeAlarm")
    item_type: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    order: Literal["TimestampDescending", "TimestampAscending"] = "TimestampDescending"


class HistoryRow(msgspec.Struct, frozen=True):
    """A stored item."""

    id: int
    name: str
    kind: str
    at_ms: int
    item: items.HistoryItem


class AlarmStore:
    """Reads and writes of alarms; every write is one transaction with its history."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms

    async def put(self, draft: Draft) -> None:
        """Create an alarm, or replace its configuration; `ValidationError` for what the other alarms forbid."""
        await self._database.write(lambda connection: self._put(connection, draft))

    async def find(self, place: Place, name: str) -> Alarm | None:
        """Return the alarm of that name."""
        return await self._database.read(lambda connection: rows.find(connection, place, name))

    async def page(self, place: Place, query: AlarmQuery, *, after: str = "", limit: int) -> list[Alarm]:
        """Return at most `limit` alarms by name, from the name behind `after` on."""
        statement = select(table).where(rows.of(place), table.c.name > after, table.c.kind.in_(query.kinds))
        if query.names is not None:
            statement = statement.where(table.c.name.in_(query.names))
        if query.prefix is not None:
            # A comparison of slices: LIKE would ignore case on one engine and give % a meaning on both.
            statement = statement.where(func.substr(table.c.name, 1, len(query.prefix)) == query.prefix)
        if query.state is not None:
            statement = statement.where(table.c.state_value == query.state)
        statement = statement.order_by(table.c.name).limit(limit)
        return await self._database.read(lambda connection: rows.read_alarms(connection, statement))

    async def of_metric(self, place: Place, metric: str) -> list[Alarm]:
        """Return the alarms on a metric, by its digest, by name."""
        statement = select(table).where(rows.of(place), table.c.metric == metric).order_by(table.c.name)
        return await self._database.read(lambda connection: rows.read_alarms(connection, statement))

    async def children(self, place: Place, name: str) -> list[Alarm]:
        """Return the alarms in the rule of a composite alarm, by name."""

        def read(connection: Connection) -> list[Alarm]:
            parent = rows.find(connection, place, name)
            found = rows.children(connection, parent) if parent else {}
            return [found[child] for child in sorted(found)]

        return await self._database.read(read)

    async def parents(self, place: Place, name: str) -> list[Alarm]:
        """Return the composite alarms whose rule has an alarm, by name."""

        def read(connection: Connection) -> list[Alarm]:
            return sorted(rows.parents(connection, place, [name], rows.CHILD), key=lambda alarm: alarm.name)

        return await self._database.read(read)

    async def set_state(self, place: Place, name: str, value: State, reason: str, data: str | None) -> None:
        """Give an alarm a state by hand; `ResourceNotFound`. The same state again changes nothing but the reason."""

        def write(connection: Connection) -> None:
            alarm = rows.find(connection, place, name)
            if alarm is None:
                raise ServiceError("ResourceNotFound")
            now_ms = self._clock_ms()
            if value != alarm.state.value:
                change_states(connection, [(alarm, AlarmState(value, reason, data, now_ms, now_ms))], now_ms)
                return
            state = AlarmState(value, reason, data, now_ms, alarm.state.transitioned_ms)
            connection.execute(update(table).where(table.c.id == alarm.id).values(rows.state_columns(state)))

        await self._database.write(write)

    async def enable_actions(self, place: Place, names: Collection[str], *, enabled: bool) -> None:
        """Enable or disable the actions of alarms; names without an alarm are passed over."""

        def write(connection: Connection) -> None:
            for alarm in rows.named(connection, place, names).values():
                if alarm.members["ActionsEnabled"] != enabled:
                    self._configure(connection, alarm, {**alarm.members, "ActionsEnabled": enabled})

        await self._database.write(write)

    async def delete(self, place: Place, names: Collection[str]) -> None:
        """Delete alarms; `ValidationError` while a composite alarm depends on one, and for two composite alarms."""

        def write(connection: Connection) -> None:
            # Unknown names are passed over, as the service does.
            going = rows.named(connection, place, names)
            if sum(alarm.kind == "CompositeAlarm" for alarm in going.values()) > 1:
                raise ServiceError("ValidationError", "A call can delete at most one composite alarm.")
            _check_free(connection, place, going)
            now_ms = self._clock_ms()
            rows.remember(connection, ((alarm, items.deleted(alarm)) for alarm in going.values()), now_ms)
            for alarm in going.values():
                connection.execute(delete(table).where(table.c.id == alarm.id))

        await self._database.write(write)

    async def change_tags(self, place: Place, name: str, change: TagChange) -> None:
        """Change the tags of an alarm; `ResourceNotFoundException`."""

        def write(connection: Connection) -> None:
            alarm = rows.find(connection, place, name)
            if alarm is None:
                raise ServiceError("ResourceNotFoundException", f"Unknown resource: {name}")
            connection.execute(update(table).where(table.c.id == alarm.id).values(tags=change(alarm.tags)))

        await self._database.write(write)

    async def history(
        self, place: Place, query: HistoryQuery, *, after: tuple[int, int] | None = None, limit: int
    ) -> list[HistoryRow]:
        """Return at most `limit` items, from behind `after` (time and number of the last one seen) on."""
        columns = alarm_history.c
        descending = query.order == "TimestampDescending"
        statement = select(alarm_history).where(*_wanted(place, query))
        if after is not None:
            at_ms, number = after
            beyond = columns.at_ms < at_ms if descending else columns.at_ms > at_ms
            tie = columns.id < number if descending else columns.id > number
            statement = statement.where(or_(beyond, and_(columns.at_ms == at_ms, tie)))
        keys = (columns.at_ms.desc(), columns.id.desc()) if descending else (columns.at_ms, columns.id)
        found = await self._database.read(
            lambda connection: connection.execute(statement.order_by(*keys).limit(limit)).all()
        )
        return [
            HistoryRow(row.id, row.name, row.kind, row.at_ms, items.HistoryItem(row.item_type, row.summary, row.data))
            for row in found
        ]

    def _put(self, connection: Connection, draft: Draft) -> None:
        before = rows.find(connection, draft.place, draft.name)
        if before is not None and before.kind != draft.kind:
            message = f"An alarm of another type has the name {draft.name} already."
            raise ServiceError("ValidationError", message)
        # In the transaction that writes it: what it refers to cannot be deleted meanwhile.
        if draft.kind == "CompositeAlarm":
            _check_relations(connection, draft)
        if before is None:
            alarm, verb = self._create(connection, draft), "created"
        else:
            alarm, verb = self._configure(connection, before, draft.members, draft), "updated"
        _link(connection, alarm, draft)
        if draft.kind == "CompositeAlarm":
            judge_new(connection, alarm, verb, self._clock_ms())

    def _create(self, connection: Connection, draft: Draft) -> Alarm:
        present = select(func.count()).select_from(table).where(rows.of(draft.place))
        if connection.execute(present).scalar_one() >= MAX_ALARMS:
            raise ServiceError("LimitExceeded", f"An account has at most {MAX_ALARMS} alarms in a Region.")
        now_ms = self._clock_ms()
        state = AlarmState("INSUFFICIENT_DATA", INITIAL_REASON, None, now_ms, now_ms)
        values = {
            "account_id": draft.place.account_id,
            "region": draft.place.region,
            "name": draft.name,
            "kind": draft.kind,
            "members": draft.members,
            "configured_ms": now_ms,
            "revision": 1,
            "metric": draft.metric,
            "interval_s": draft.interval_s,
            "tags": draft.tags,
            **rows.state_columns(state),
            **(rows.suppression_columns(Suppression()) if draft.kind == "CompositeAlarm" else {}),
        }
        # The row is read back for its number.
        connection.execute(insert(table).values(values))
        alarm = _there(connection, draft.place, draft.name)
        rows.remember(connection, [(alarm, items.created(alarm))], now_ms)
        return alarm

    def _configure(
        self, connection: Connection, before: Alarm, members: Mapping[str, Any], draft: Draft | None = None
    ) -> Alarm:
        now_ms = self._clock_ms()
        values: dict[str, Any] = {"members": members, "configured_ms": now_ms, "revision": before.revision + 1}
        if draft is not None:
            values |= {"metric": draft.metric, "interval_s": draft.interval_s, "evaluation_state": None}
        if draft is not None and before.suppression is not None:
            # Another suppressor, or other periods: what runs is dropped.
            values |= rows.suppression_columns(Suppression(notified=before.suppression.notified))
        connection.execute(update(table).where(table.c.id == before.id).values(values))
        alarm = _there(connection, before.place, before.name)
        rows.remember(connection, [(alarm, items.updated(before, alarm))], now_ms)
        return alarm


def _there(connection: Connection, place: Place, name: str) -> Alarm:
    alarm = rows.find(connection, place, name)
    if alarm is None:
        raise LookupError(f"alarm {name} is gone within its own transaction")
    return alarm


def _link(connection: Connection, alarm: Alarm, draft: Draft) -> None:
    # An update may look at other alarms altogether.
    connection.execute(delete(alarm_links).where(alarm_links.c.parent_id == alarm.id))
    linked = [(rows.CHILD, child) for child in draft.children]
    linked += [(rows.SUPPRESSOR, draft.suppressor)] if draft.suppressor else []
    place = {"account_id": alarm.place.account_id, "region": alarm.place.region}
    if linked:
        connection.execute(
            insert(alarm_links),
            [{"parent_id": alarm.id, "kind": kind, "child_name": name, **place} for kind, name in linked],
        )


def _check_relations(connection: Connection, draft: Draft) -> None:
    """Return unless the rule or suppressor of a composite alarm names what is not there, or leads back to it."""
    looked_at = {*draft.children, *((draft.suppressor,) if draft.suppressor else ())}
    if draft.name in looked_at:
        raise ServiceError(
            "ValidationError",
            "A composite alarm cannot have a child relation with itself via its AlarmRule, as it would introduce a "
            "circular dependency",
        )
    found = rows.named(connection, draft.place, looked_at)
    # The service names ARNs here even where the rule has names.
    missing = [alarm_arn(draft.place, name) for name in draft.children if name not in found]
    if missing:
        message = f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        raise ServiceError("ValidationError", message)
    if draft.suppressor and draft.suppressor not in found:
        message = f"Could not save the composite alarm as the suppressor {draft.suppressor} does not exist"
        raise ServiceError("ValidationError", message)
    _check_no_cycle(connection, draft, looked_at)
    _check_levels(connection, draft)
    for child in draft.children:
        others = {alarm.name for alarm in rows.parents(connection, draft.place, [child], rows.CHILD)} - {draft.name}
        if len(others) >= MAX_PARENTS:
            raise ServiceError("LimitExceeded", f"The alarm {child} is in {MAX_PARENTS} composite alarms already.")


def _check_no_cycle(connection: Connection, draft: Draft, looked_at: Collection[str]) -> None:
    # Upwards from the alarm itself: whatever depends on it, it must not depend on.
    level, above = {draft.name}, {draft.name}
    while level:
        found = rows.parents(connection, draft.place, level, rows.CHILD, rows.SUPPRESSOR)
        level = {alarm.name for alarm in found} - above
        above |= level
    circle = sorted(above & set(looked_at))
    if circle:
        message = (
            f"A composite alarm cannot depend on {', '.join(circle)}, which depends on it, as it would introduce a "
            "circular dependency"
        )
        raise ServiceError("ValidationError", message)


def _check_levels(connection: Connection, draft: Draft) -> None:
    def above(names: Collection[str]) -> set[str]:
        return {alarm.name for alarm in rows.parents(connection, draft.place, names, rows.CHILD)}

    def below(names: Collection[str]) -> set[str]:
        return rows.child_names(connection, draft.place, names)

    if _levels(above({draft.name}), above) + _levels(draft.children, below) > MAX_LEVELS:
        message = f"Composite alarms can depend on one another over no more than {MAX_LEVELS} levels."
        raise ServiceError("LimitExceeded", message)


def _levels(first: Collection[str], step: Callable[[Collection[str]], set[str]]) -> int:
    """Return the length of the longest way that begins in `first`; beyond the limit just that it is longer."""
    level, count = first, 0
    # Without a memory of what was seen, so that the longest way counts; there are no cycles.
    while level and count <= MAX_LEVELS:
        level, count = step(level), count + 1
    return count


def _check_free(connection: Connection, place: Place, going: Mapping[str, Alarm]) -> None:
    blocked = [
        name
        for name in going
        if any(
            parent.name not in going for parent in rows.parents(connection, place, [name], rows.CHILD, rows.SUPPRESSOR)
        )
    ]
    if blocked:
        message = f"Cannot delete {','.join(blocked)} as there are composite alarm(s) depending on"
        raise ServiceError("ValidationError", f"{message} {'it' if len(blocked) == 1 else 'them'}.")


def _wanted(place: Place, query: HistoryQuery) -> Sequence[ColumnElement[bool]]:
    columns = alarm_history.c
    conditions = [
        columns.account_id == place.account_id,
        columns.region == place.region,
        columns.kind.in_(query.kinds),
    ]
    if query.name is not None:
        conditions.append(columns.name == query.name)
    if query.item_type is not None:
        conditions.append(columns.item_type == query.item_type)
    if query.start_ms is not None:
        conditions.append(columns.at_ms >= query.start_ms)
    if query.end_ms is not None:
        conditions.append(columns.at_ms <= query.end_ms)
    return conditions
