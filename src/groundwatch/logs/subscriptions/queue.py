"""Which stored batches wait for whom: a list in a SQLite file, with the newest entries and their events in memory.

Entries are references. Events that are no longer in memory are read from the event store, so a target that is dead for
a day costs some hundred bytes a batch. Used from one event loop.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, select
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from groundwatch.logs.writer import Batch
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.delivery_queue import cursors, queue_metadata, queued_batches, states

TAIL_ENTRIES = 256
"""How many of a group's newest entries stay in memory."""


def _upsert(table: Table, key: str, value: str) -> Insert:
    statement = upsert(table)
    return statement.on_conflict_do_update([key], set_={value: statement.excluded[value]})


# Made once: run several times a second, on the event loop's time.
SET_POSITION = _upsert(cursors, "subscription", "position")
SET_STATE = _upsert(states, "name", "value")


class Arrival(msgspec.Struct, frozen=True):
    """A batch that was stored: where its events are, and the events themselves while they are at hand."""

    group_id: int
    stream_id: int
    batch: int
    ingested_ms: int
    first_ms: int
    last_ms: int
    events: int
    size_bytes: int
    content: Batch | None = None

    @classmethod
    def of(cls, batch: Batch) -> Arrival:
        """Return the arrival of a batch that was just committed."""
        return cls(
            group_id=batch.group_id,
            stream_id=batch.stream_id,
            batch=batch.number,
            ingested_ms=batch.ingested_ms,
            first_ms=batch.timestamps[0],
            last_ms=batch.timestamps[-1],
            events=len(batch.timestamps),
            size_bytes=batch.size_bytes,
            content=batch,
        )


class Entry(msgspec.Struct, frozen=True):
    """An arrival in its place in the queue."""

    position: int
    arrival: Arrival


class Waiting(msgspec.Struct, frozen=True):
    """How much waits."""

    batches: int = 0
    size_bytes: int = 0


class _Tail:
    """The newest entries of one group: all of them after `floor`."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.entries: list[Entry] = []
        self.batches = self.size_bytes = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.batches += 1
        self.size_bytes += entry.arrival.size_bytes
        if len(self.entries) > 2 * TAIL_ENTRIES:
            self.floor = self.entries[-TAIL_ENTRIES - 1].position
            del self.entries[:-TAIL_ENTRIES]

    def after(self, position: int, limit: int) -> list[Entry]:
        start = bisect_right(self.entries, position, key=lambda entry: entry.position)
        return self.entries[start : start + limit]


class DeliveryQueue:
    """The list of stored batches, and how far each subscription has come in it."""

    def __init__(self, database: Database, memory_bytes: int, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._memory_bytes = memory_bytes
        self._clock_ms = clock_ms
        self._tails: dict[int, _Tail] = {}
        self._contents: OrderedDict[int, Batch] = OrderedDict()
        self._contents_bytes = 0
        self._opened_at = 0
        self.head = 0
        """The position of the newest entry."""
        self.newest_ms = 0
        """When the last entry that there ever was had been accepted."""
        self.was_closed = True
        """Whether the last run ended in order, so that nothing that it stored is missing here."""

    async def open(self) -> dict[str, int]:
        """Make or open the file and return the positions of the subscriptions."""
        known, positions = await self._database.write(self._open)
        self.head = self._opened_at = max([known["head"], *positions.values()])
        self.newest_ms = known["newest_ms"]
        self.was_closed = bool(known["closed"])
        return positions

    async def add(self, arrivals: Sequence[Arrival]) -> set[int]:
        """Append arrivals in order; they survive a crash when this returns. Return the groups that they belong to."""
        entries = [Entry(self.head + index, arrival) for index, arrival in enumerate(arrivals, 1)]
        # The last and not the greatest: a clock that was set back must not hide what came after.
        newest_ms = arrivals[-1].ingested_ms if arrivals else self.newest_ms
        rows = [_row(entry) for entry in entries]

        def write(connection: Connection) -> None:
            if rows:
                connection.execute(insert(queued_batches), rows)
            _set_states(connection, newest_ms=newest_ms)

        await self._database.write(write)
        self.newest_ms = newest_ms
        for entry in entries:
            self._remember(entry)
        return {arrival.group_id for arrival in arrivals}

    async def after(self, group_id: int, position: int, limit: int) -> list[Entry]:
        """Return up to `limit` entries of a group after `position`, in order."""
        tail = self._tails.get(group_id)
        if position >= (self._opened_at if tail is None else tail.floor):
            return [] if tail is None else tail.after(position, limit)
        chosen = and_(queued_batches.c.group_id == group_id, queued_batches.c.position > position)
        # Entries that are being added are seen after `add` has returned, in memory.
        settled = queued_batches.c.position <= self.head
        statement = select(queued_batches).where(chosen, settled).order_by(queued_batches.c.position).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_entry(row) for row in rows]

    def content(self, entry: Entry) -> Batch | None:
        """Return the events of an entry while they are in memory."""
        return self._contents.get(entry.position)

    async def waiting(self, group_id: int, position: int) -> Waiting:
        """Return what comes after `position`; to be kept up with `added` from the moment of the call on."""
        table = queued_batches
        statement = select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0)).where(
            table.c.group_id == group_id, table.c.position > position, table.c.position <= self.head
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one())
        return Waiting(*row)

    def added(self, group_id: int) -> Waiting:
        """Return how much was added for a group since the queue was opened."""
        tail = self._tails.get(group_id)
        return Waiting() if tail is None else Waiting(tail.batches, tail.size_bytes)

    async def group_ids(self) -> list[int]:
        """Return the groups that have entries."""
        statement = select(queued_batches.c.group_id).distinct()
        return list(await self._database.read(lambda connection: connection.execute(statement).scalars().all()))

    async def known_batches(self, since_ms: int) -> set[int]:
        """Return the numbers of the batches in the list that were accepted at `since_ms` or later."""
        statement = select(queued_batches.c.batch).where(queued_batches.c.ingested_ms >= since_ms)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {int(row.batch, 16) for row in rows}

    async def save(self, positions: Mapping[str, int]) -> None:
        """Remember how far subscriptions have come."""
        rows = [{"subscription": key, "position": position} for key, position in positions.items()]
        if rows:
            await self._database.write(lambda connection: connection.execute(SET_POSITION, rows))

    async def trim(self, served: Mapping[int, int], keep_from_ms: int) -> None:
        """Drop what every subscription of its group has had (`served`, by group), and all of other groups.

        Entries accepted at `keep_from_ms` or later stay: a restart after a crash tells by them what is missing.
        """
        table = queued_batches

        def drop(connection: Connection) -> None:
            for (group_id,) in connection.execute(select(table.c.group_id).distinct()).all():
                through = served.get(group_id, self.head)
                old = and_(table.c.group_id == group_id, table.c.position <= through)
                connection.execute(delete(table).where(old, table.c.ingested_ms < keep_from_ms))

        await self._database.write(drop)

    async def forget(self, subscriptions: Sequence[str]) -> None:
        """Drop the positions of subscriptions that are gone."""
        statement = delete(cursors).where(cursors.c.subscription.in_(subscriptions))
        await self._database.write(lambda connection: connection.execute(statement))

    async def close(self) -> None:
        """Mark the list as complete."""
        await self._database.write(lambda connection: _set_states(connection, closed=1))

    def _open(self, connection: Connection) -> tuple[Counter[str], dict[str, int]]:
        queue_metadata.create_all(connection)
        known: Counter[str] = Counter({row.name: row.value for row in connection.execute(select(states))})
        if not known["newest_ms"]:
            # A new file: what was stored before it was made is not waiting for anyone.
            known.update(newest_ms=self._clock_ms(), closed=1)
        _set_states(connection, newest_ms=known["newest_ms"], closed=0)
        known["head"] = connection.execute(select(func.max(queued_batches.c.position))).scalar() or 0
        return known, {row.subscription: row.position for row in connection.execute(select(cursors))}

    def _remember(self, entry: Entry) -> None:
        arrival = entry.arrival
        self.head = entry.position
        tail = self._tails.setdefault(arrival.group_id, _Tail(self._opened_at))
        # The list of entries must not keep the events alive that the memory lets go.
        tail.add(Entry(entry.position, msgspec.structs.replace(arrival, content=None)))
        if arrival.content is not None:
            self._contents[entry.position] = arrival.content
            self._contents_bytes += arrival.size_bytes
        while self._contents_bytes > self._memory_bytes:
            _, dropped = self._contents.popitem(last=False)
            self._contents_bytes -= dropped.size_bytes


def _set_states(connection: Connection, **values: int) -> None:
    connection.execute(SET_STATE, [{"name": name, "value": value} for name, value in values.items()])


def _row(entry: Entry) -> dict[str, Any]:
    arrival = entry.arrival
    return {
        "group_id": arrival.group_id,
        "position": entry.position,
        "stream_id": arrival.stream_id,
        "batch": f"{arrival.batch:016x}",
        "ingested_ms": arrival.ingested_ms,
        "first_ms": arrival.first_ms,
        "last_ms": arrival.last_ms,
        "events": arrival.events,
        "size_bytes": arrival.size_bytes,
    }


def _entry(row: Row[Any]) -> Entry:
    arrival = Arrival(
        group_id=row.group_id,
        stream_id=row.stream_id,
        batch=int(row.batch, 16),
        ingested_ms=row.ingested_ms,
        first_ms=row.first_ms,
        last_ms=row.last_ms,
        events=row.events,
        size_bytes=row.size_bytes,
    )
    return Entry(row.position, arrival)
