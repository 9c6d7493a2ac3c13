"""Keeps the documentation of REST APIs: the parts that are edited, and the versions that stages publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec.structs import replace
from sqlalchemy import Connection

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.documentation import sql
from groundwatch.gateway.documentation.parts import Part, Snapshot, Version
from groundwatch.gateway.store_checks import claim, require_api
from groundwatch.gateway.store_sql import Place, Releases, read_releases, save_releases

T = TypeVar("T")
Parts = list[Part]


class Transaction(Protocol):
    """Runs work on a connection, all of it or nothing."""

    async def __call__(self, work: Callable[[Connection], T], /) -> T:
        """Return what `work` returns."""


class DocumentationStore:
    """Parts and versions by API. All methods raise `UnknownApiError` for an API that the tenant does not have."""

    def __init__(self, read: Transaction, write: Transaction) -> None:
        self._read = read
        self._write = write

    async def get_parts(self, place: Place, api_id: str) -> Parts:
        """Return the parts of an API as they are now."""

        def work(connection: Connection) -> Parts:
            require_api(connection, place, api_id)
            return sql.read_parts(connection, api_id)

        return await self._read(work)

    async def update_parts(self, place: Place, api_id: str, edit: Callable[[Parts], Parts]) -> Parts:
        """Replace the parts of an API by `edit` of them and return the new value."""

        def work(connection: Connection) -> Parts:
            # The API's revision stands guard over its parts too.
            claim(connection, *require_api(connection, place, api_id, lock=True))
            parts = edit(sql.read_parts(connection, api_id))
            sql.save_parts(connection, api_id, parts)
            return parts

        return await self._write(work)

    async def list_versions(self, place: Place, api_id: str) -> list[Version]:
        """Return the versions of an API, without their parts, in order of their names."""

        def work(connection: Connection) -> list[Version]:
            require_api(connection, place, api_id)
            return sql.list_versions(connection, api_id)

        return await self._read(work)

    async def get_version(self, place: Place, api_id: str, version: str) -> Version | None:
        """Return a version without its parts, or None."""

        def work(connection: Connection) -> Version | None:
            require_api(connection, place, api_id)
            return sql.read_version(connection, api_id, version)

        return await self._read(work)

    async def get_snapshot(self, place: Place, api_id: str, version: str) -> Snapshot | None:
        """Return a version with its parts, or None."""

        def work(connection: Connection) -> Snapshot | None:
            require_api(connection, place, api_id)
            return sql.read_snapshot(connection, api_id, version)

        return await self._read(work)

    async def create_version(
        self,
        place: Place,
        api_id: str,
        info: Version,
        limit: int,
        publish: Callable[[Releases], Releases] | None = None,
    ) -> Version:
        """Keep the parts as they are now under a name; `publish` may point a stage there in the same step.

        Raises ConflictException for a name that is taken, LimitExceededException when there are `limit` already.
        """

        def work(connection: Connection) -> Version:
            api, revision = require_api(connection, place, api_id, lock=True)
            claim(connection, api, revision)
            known = sql.list_versions(connection, api_id)
            if any(version.version == info.version for version in known):
                raise ServiceError("ConflictException", "Documentation version already exists", status=409)
            if len(known) >= limit:
                message = f"An API can have at most {limit} documentation versions"
                raise ServiceError("LimitExceededException", message, status=429)
            sql.insert_version(connection, api_id, info, sql.read_parts(connection, api_id))
            if publish is not None:
                before = read_releases(connection, api)
                save_releases(connection, before, publish(before))
            return info

        return await self._write(work)

    async def update_version(
        self, place: Place, api_id: str, version: str, edit: Callable[[Version], Version]
    ) -> Version | None:
        """Replace the description of a version by `edit` of it; None when there is no such version."""

        def work(connection: Connection) -> Version | None:
            claim(connection, *require_api(connection, place, api_id, lock=True))
            known = sql.read_version(connection, api_id, version)
            if known is None:
                return None
            edited = replace(known, description=edit(known).description)
            sql.describe_version(connection, api_id, edited)
            return edited

        return await self._write(work)

    async def delete_version(self, place: Place, api_id: str, version: str) -> bool:
        """Remove a version; False when there is none. Raises BadRequestException while a stage publishes it."""

        def work(connection: Connection) -> bool:
            api, revision = require_api(connection, place, api_id, lock=True)
            claim(connection, api, revision)
            stages = read_releases(connection, api).stages.values()
            if any(stage.documentation_version == version for stage in stages):
                message = "Active stages pointing to this documentation version must be moved or deleted"
                raise ServiceError("BadRequestException", message, status=400)
            known = sql.read_version(connection, api_id, version) is not None
            sql.delete_version(connection, api_id, version)
            return known

        return await self._write(work)
