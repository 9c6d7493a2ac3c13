"""Keeps VPC links and client certificates, and answers the runtime's questions about them from memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.connections.values import ClientCertificate, VpcLink
from groundwatch.gateway.store_sql import Place, encode
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.gateway_connections import client_certificates, vpc_links

V = TypeVar("V", VpcLink, ClientCertificate)
T = TypeVar("T")
SHARED_CACHE_MS = 1000
"""How long an answer is trusted when other nodes write to the same database."""
MAX_CACHED = 10_000
Question = tuple[str, str, str]


class ConnectionStore:
    """Both kinds; those of one tenant are reached through its account and region."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        missing = "Invalid VPC Link identifier specified"
        self.links = DocumentStore(database, clock_ms, vpc_links, VpcLink, missing)
        missing = "Invalid Client Certificate identifier specified"
        self.certificates = DocumentStore(database, clock_ms, client_certificates, ClientCertificate, missing)


class DocumentStore(Generic[V]):
    """Documents of one kind by id. `find` is for the runtime and at most `SHARED_CACHE_MS` old."""

    def __init__(
        self, database: Database, clock_ms: Callable[[], int], table: Table, kind: type[V], missing: str
    ) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._table = table
        self._kind: type[V] = kind
        self._missing = missing
        self._alone = database.engine.dialect.name == "sqlite"
        self._generation = 0
        self._known: dict[Question, tuple[int, int, V]] = {}

    async def create(self, value: V) -> V:
        """Keep a new value and return it."""
        row = {"id": value.id, "account_id": value.account_id, "region": value.region, "document": encode(value)}
        await self._write(lambda connection: connection.execute(insert(self._table).values(row)))
        return value

    async def get(self, place: Place, value_id: str) -> V:
        """Return a value; raises NotFoundException."""
        return await self._database.read(lambda connection: self._require(connection, place, value_id))

    async def list(self, place: Place, after: str | None, limit: int) -> list[V]:
        """Return up to `limit` values in order of their ids, beginning behind `after`."""
        table = self._table
        query = select(table.c.document).order_by(table.c.id).limit(limit)
        query = query.where(table.c.account_id == place.account_id, table.c.region == place.region)
        if after is not None:
            query = query.where(table.c.id > after)
        documents = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return [msgspec.json.decode(document, type=self._kind) for document in documents]

    async def update(self, place: Place, value_id: str, edit: Callable[[V], V]) -> V:
        """Replace a value by `edit` of it and return the new one; raises NotFoundException."""

        def work(connection: Connection) -> V:
            edited = edit(self._require(connection, place, value_id, lock=True))
            changed = update(self._table).where(self._table.c.id == value_id)
            connection.execute(changed.values(document=encode(edited)))
            return edited

        return await self._write(work)

    async def delete(self, place: Place, value_id: str, check: Callable[[Connection], None]) -> None:
        """Remove a value; raises NotFoundException, and what `check` raises in the same transaction."""

        def work(connection: Connection) -> None:
            self._require(connection, place, value_id, lock=True)
            check(connection)
            connection.execute(delete(self._table).where(self._table.c.id == value_id))

        await self._write(work)

    async def find(self, place: Place, value_id: str) -> V | None:
        """Return a value as the runtime sees it, or None; the same object while nothing was written."""
        question = (place.account_id, place.region, value_id)
        known = self._known.get(question)
        now_ms = self._clock_ms()
        fresh = known is not None and (self._alone or 0 <= now_ms - known[1] < SHARED_CACHE_MS)
        if known is not None and fresh and known[0] == self._generation:
            return known[2]
        generation = self._generation
        found = await self._database.read(lambda connection: self._read(connection, place, value_id))
        if found is None:
            self._known.pop(question, None)
            return None
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        # An equal value stays the same object, by which callers know that nothing changed.
        kept = known[2] if known is not None and known[2] == found else found
        self._known[question] = (generation, now_ms, kept)
        return kept

    def _read(self, connection: Connection, place: Place, value_id: str, *, lock: bool = False) -> V | None:
        table = self._table
        query = select(table.c.document).where(table.c.id == value_id)
        query = query.where(table.c.account_id == place.account_id, table.c.region == place.region)
        document = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
        return None if document is None else msgspec.json.decode(document, type=self._kind)

    def _require(self, connection: Connection, place: Place, value_id: str, *, lock: bool = False) -> V:
        found = self._read(connection, place, value_id, lock=lock)
        if found is None:
            raise ServiceError("NotFoundException", self._missing, status=404)
        return found

    async def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(work)
        finally:
            self._generation += 1
