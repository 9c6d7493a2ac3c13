"""Keeps custom domain names with their base path mappings, and all of them in memory for the runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway import store_sql
from groundwatch.gateway.domains import sql
from groundwatch.gateway.domains.directory import DomainRoutes, DomainTable
from groundwatch.gateway.domains.values import BasePathMapping, DomainName
from groundwatch.gateway.store_checks import overtaken
from groundwatch.gateway.store_sql import Place
from groundwatch.storage.sql import Database

_log = logging.getLogger(__name__)
T = TypeVar("T")
SHARED_CACHE_MS = 1000
"""How long the table is trusted when other nodes write to the same database."""
Mappings = dict[str, BasePathMapping]


class DomainStore:
    """Domains of all tenants; those of one are reached through its account and region.

    `find` and `peek` answer from memory, which every write here renews. With several nodes on one database an answer of
    `find` is at most `SHARED_CACHE_MS` old.
    """

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._alone = database.engine.dialect.name == "sqlite"
        self._generation = 0
        self._loaded: tuple[int, int] | None = None
        self._reading: asyncio.Task[None] | None = None
        self.table = DomainTable()
        """As it was when it was last read."""

    async def create(self, domain: DomainName) -> DomainName:
        """Keep a new domain; raises BadRequestException when anybody has one of this name."""

        def work(connection: Connection) -> DomainName:
            if sql.is_taken(connection, domain.name):
                message = "The domain name you provided already exists."
                raise ServiceError("BadRequestException", message, status=400)
            sql.insert_domain(connection, domain)
            return domain

        return await self._write(work)

    async def get(self, place: Place, name: str) -> DomainName:
        """Return a domain; raises NotFoundException."""
        return await self._database.read(lambda connection: _require(connection, place, name))

    async def list(self, place: Place, after: str | None, limit: int) -> list[DomainName]:
        """Return up to `limit` domains in order of their names, beginning behind `after`."""
        return await self._database.read(lambda connection: sql.list_domains(connection, place, after, limit))

    async def update(self, place: Place, name: str, edit: Callable[[DomainName], DomainName]) -> DomainName:
        """Replace a domain by `edit` of it and return the new value; raises NotFoundException."""

        def work(connection: Connection) -> DomainName:
            edited = edit(_require(connection, place, name, lock=True))
            sql.save_domain(connection, edited)
            return edited

        return await self._write(work)

    async def delete(self, place: Place, name: str) -> None:
        """Remove a domain with its mappings; raises NotFoundException."""

        def work(connection: Connection) -> None:
            _require(connection, place, name, lock=True)
            sql.delete_domain(connection, name)

        await self._write(work)

    async def mappings(self, place: Place, name: str) -> Mappings:
        """Return the mappings of a domain by base path, in its order; raises NotFoundException for the domain."""

        def work(connection: Connection) -> Mappings:
            _require(connection, place, name)
            return sql.read_mappings(connection, name)

        return await self._database.read(work)

    async def update_mappings(self, place: Place, name: str, edit: Callable[[Mappings], Mappings]) -> Mappings:
        """Replace the mappings of a domain by `edit` of them and return the new ones.

        Raises NotFoundException for the domain, what `edit` raises, and BadRequestException for an API or a stage that
        the tenant does not have.
        """

        def work(connection: Connection) -> Mappings:
            _require(connection, place, name, lock=True)
            before = sql.read_mappings(connection, name)
            after = edit(dict(before))
            for mapping in after.values():
                if before.get(mapping.base_path) != mapping:
                    _require_target(connection, place, mapping)
            sql.save_mappings(connection, name, before, after)
            return after

        return await self._write(work)

    async def find(self, host: str) -> DomainRoutes | None:
        """Return the domain of a host, in lower case and without port, or None."""
        if not self._is_fresh():
            await self.load()
        return self.table.find(host)

    def peek(self, host: str) -> DomainRoutes | None:
        """Return what `find` would, for callers that cannot wait: what is old is read anew for the next of them."""
        if not self._is_fresh() and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_quietly(), name="domains")
        return self.table.find(host)

    async def load(self) -> None:
        """Read the domains of all tenants; before that, `peek` knows none."""
        # Taken before the query: a write that commits meanwhile must leave this answer stale.
        loaded = (self._generation, self._clock_ms())
        self.table = DomainTable(await self._database.read(sql.read_all))
        self._loaded = loaded

    async def _read_quietly(self) -> None:
        """Read where nobody waits for the outcome; whoever comes next tries again."""
        try:
            await self.load()
        except SQLAlchemyError as error:
            _log.warning("cannot read the custom domains: %s", type(error).__name__)

    def _is_fresh(self) -> bool:
        if self._loaded is None or self._loaded[0] != self._generation:
            return False
        return self._alone or 0 <= self._clock_ms() - self._loaded[1] < SHARED_CACHE_MS

    async def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            done = await self._database.write(work)
        except IntegrityError as error:
            # Checked before writing, so only another node can have come between.
            raise overtaken() from error
        finally:
            # Also after a failure: whether a commit that raised took effect is not always known.
            self._generation += 1
        # At once: a TLS handshake with a new name asks what is in memory.
        await self._read_quietly()
        return done


def _require(connection: Connection, place: Place, name: str, *, lock: bool = False) -> DomainName:
    found = sql.read_domain(connection, place, name, lock=lock)
    if found is None:
        raise ServiceError("NotFoundException", "Invalid domain name identifier specified", status=404)
    return found


def _require_target(connection: Connection, place: Place, mapping: BasePathMapping) -> None:
    if store_sql.read_api(connection, place, mapping.rest_api_id) is None:
        raise ServiceError("BadRequestException", "Invalid REST API identifier specified", status=400)
    stage = mapping.stage
    if stage is not None and not store_sql.has_stage(connection, place, mapping.rest_api_id, stage):
        raise ServiceError("BadRequestException", "Invalid stage identifier specified", status=400)
