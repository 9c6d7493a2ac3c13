"""Operations on documentation parts and documentation versions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, conflict, not_found, require
from groundwatch.gateway.control.ids import SHORT, fresh_id
from groundwatch.gateway.control.imports import imported_parts
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import REPLACE, Operations, Rule, Step, Table, apply_patch, text
from groundwatch.gateway.control.render import seconds
from groundwatch.gateway.documentation.merging import (
    MAX_VERSIONS,
    PartDraft,
    location_fault,
    properties_fault,
    size_fault,
)
from groundwatch.gateway.documentation.parts import Documentation, Location, Part, Version, completed
from groundwatch.gateway.documentation.places import places_of
from groundwatch.gateway.openapi.described_reader import read_documentation
from groundwatch.gateway.openapi.dialects import dialect_of
from groundwatch.gateway.openapi.document import load_document
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.store import Releases

_VERSION_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNKNOWN_PART = "Invalid Documentation part identifier specified"
_UNKNOWN_VERSION = "Invalid Documentation version specified"


def _properties(_: object, step: Step) -> str:
    return _checked(step.value or "")


PART = Table((Rule("/properties", "properties", REPLACE, _properties),))
VERSION = Table((text("/description", "description"),))


class DocumentationOperations(ControlPlane):
    """Documentation of APIs, part by part, and the versions of it that stages publish."""

    # --- parts ---

    async def create_documentation_part(
        self, context: RequestContext, *, rest_api_id: str, location: Mapping[str, str], properties: str
    ) -> dict[str, Any]:
        """Say something about a place of an API, which need not be there yet."""
        where = _location(location)
        _checked(properties)

        def edit(parts: list[Part]) -> list[Part]:
            if Documentation(parts).has(where):
                raise conflict(f"Documentation part already exists for the specified location: {_told(where)}.")
            part = Part(fresh_id(self._ids, SHORT, {held.id for held in parts}), where, properties)
            return _bounded([*parts, part])

        parts = await self._store.documentation.update_parts(place_of(context), rest_api_id, edit)
        return _rendered(parts[-1])

    async def get_documentation_part(
        self, context: RequestContext, *, rest_api_id: str, documentation_part_id: str
    ) -> dict[str, Any]:
        """Return a part."""
        parts = await self._store.documentation.get_parts(place_of(context), rest_api_id)
        return _rendered(_part_of(parts, documentation_part_id))

    async def get_documentation_parts(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        type: str | None = None,  # noqa: A002 - the model's name
        name_query: str | None = None,
        path: str | None = None,
        position: str | None = None,
        limit: int | None = None,
        location_status: Literal["DOCUMENTED", "UNDOCUMENTED"] | None = None,
    ) -> dict[str, Any]:
        """List the parts of an API, or the places of it that have none."""
        place = place_of(context)
        parts = await self._store.documentation.get_parts(place, rest_api_id)
        if location_status == "UNDOCUMENTED":
            docs = Documentation(parts)
            places = places_of(await self._store.get_api(place, rest_api_id))
            parts = [Part("", where, "") for where in places if not docs.has(where)]
        wanted = {"type": type, "name": name_query, "path": path}
        shown = [part for part in parts if _fits(part.location, wanted)]
        return page_of(shown, position, limit, key=_order, render=_rendered)

    async def update_documentation_part(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        documentation_part_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch the properties of a part; its place stays."""

        def edit(parts: list[Part]) -> list[Part]:
            patched = apply_patch(PART, _part_of(parts, documentation_part_id), patch_operations)
            return _bounded([patched if part.id == patched.id else part for part in parts])

        parts = await self._store.documentation.update_parts(place_of(context), rest_api_id, edit)
        return _rendered(_part_of(parts, documentation_part_id))

    async def delete_documentation_part(
        self, context: RequestContext, *, rest_api_id: str, documentation_part_id: str
    ) -> None:
        """Remove a part; versions that hold it keep it."""

        def edit(parts: list[Part]) -> list[Part]:
            gone = _part_of(parts, documentation_part_id)
            return [part for part in parts if part.id != gone.id]

        await self._store.documentation.update_parts(place_of(context), rest_api_id, edit)

    async def import_documentation_parts(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        body: bytes,
        mode: Literal["merge", "overwrite"] | None = None,
        fail_on_warnings: bool | None = None,
    ) -> dict[str, Any]:
        """Take the documentation of a document, and nothing else of it; all of it or nothing."""
        place = place_of(context)
        await self._store.get_api(place, rest_api_id)
        findings = Findings()
        drafts = await asyncio.to_thread(_read, body, context, findings)
        outcome = findings

        def edit(parts: list[Part]) -> list[Part]:
            nonlocal outcome
            outcome = findings.copy()
            imported = imported_parts(parts, drafts, mode or "merge", self._ids, outcome)
            outcome.raise_errors(fail_on_warnings=bool(fail_on_warnings))
            return imported

        parts = await self._store.documentation.update_parts(place, rest_api_id, edit)
        touched = {completed(draft.location) for draft in drafts}
        ids = [part.id for part in parts if part.location in touched]
        return {"ids": ids, **({"warnings": list(outcome.warnings)} if outcome.warnings else {})}

    # --- versions ---

    async def create_documentation_version(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        documentation_version: str,
        stage_name: str | None = None,
        description: str | None = None,
    ) -> dict[str, Any]:
        """Keep the documentation as it is now under a name; with `stage_name` that stage publishes it."""
        if not _VERSION_NAME.fullmatch(documentation_version):
            raise bad_request("Documentation version only allows a-zA-Z0-9._- and at most 64 characters")
        now_ms = self._clock_ms()
        info = Version(documentation_version, now_ms, description)

        def publish(releases: Releases) -> Releases:
            stage = releases.stages.get(stage_name or "")
            if stage is None:
                raise not_found("Invalid stage identifier specified")
            changed = replace(stage, documentation_version=documentation_version, updated_ms=now_ms)
            return replace(releases, stages={**releases.stages, stage.name: changed})

        store, place = self._store.documentation, place_of(context)
        made = await store.create_version(place, rest_api_id, info, MAX_VERSIONS, publish if stage_name else None)
        return _rendered_version(made)

    async def get_documentation_version(
        self, context: RequestContext, *, rest_api_id: str, documentation_version: str
    ) -> dict[str, Any]:
        """Return a version, without its parts: they are shown by an export of a stage that publishes it."""
        found = await self._store.documentation.get_version(place_of(context), rest_api_id, documentation_version)
        return _rendered_version(_known(found))

    async def get_documentation_versions(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the versions of an API in order of their names."""
        found = await self._store.documentation.list_versions(place_of(context), rest_api_id)
        return page_of(found, position, limit, key=lambda held: held.version, render=_rendered_version)

    async def update_documentation_version(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        documentation_version: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch the description of a version; its parts never change."""
        changed = await self._store.documentation.update_version(
            place_of(context),
            rest_api_id,
            documentation_version,
            lambda held: apply_patch(VERSION, held, patch_operations),
        )
        return _rendered_version(_known(changed))

    async def delete_documentation_version(
        self, context: RequestContext, *, rest_api_id: str, documentation_version: str
    ) -> None:
        """Remove a version that no stage publishes."""
        place = place_of(context)
        if not await self._store.documentation.delete_version(place, rest_api_id, documentation_version):
            raise not_found(_UNKNOWN_VERSION)


def _read(body: bytes, context: RequestContext, findings: Findings) -> list[PartDraft]:
    try:
        document = load_document(body, context)
        dialect_of(document)
    except ServiceError as error:
        raise bad_request("Unable to build importer with provided input.") from error
    return read_documentation(document, findings)


def _location(given: Mapping[str, str]) -> Location:
    location = msgspec.convert(dict(given), Location)
    fault = location_fault(location)
    if fault is not None:
        raise bad_request(fault)
    return completed(location)


def _checked(properties: str) -> str:
    fault = properties_fault(properties)
    if fault is not None:
        raise bad_request(fault)
    return properties


def _bounded(parts: list[Part]) -> list[Part]:
    fault = size_fault(parts)
    if fault is not None:
        raise ServiceError("LimitExceededException", fault, status=429)
    return parts


def _part_of(parts: Sequence[Part], part_id: str) -> Part:
    return require(next((held for held in parts if held.id == part_id), None), _UNKNOWN_PART)


def _known(version: Version | None) -> Version:
    return require(version, _UNKNOWN_VERSION)


def _fits(location: Location, wanted: Mapping[str, str | None]) -> bool:
    return all(value is None or getattr(location, field) == value for field, value in wanted.items())


def _order(part: Part) -> str:
    where = part.location
    # Places without a part have no id, so it is the place itself that continues a list.
    return "\0".join((where.type, where.path or "", where.method or "", where.status_code or "", where.name or ""))


def _told(location: Location) -> str:
    """Return a location as the service's message names it."""
    held: dict[str, str] = msgspec.to_builtins(location)
    return ", ".join(f"{name} '{value}'" for name, value in held.items())


def _rendered(part: Part) -> dict[str, Any]:
    location = msgspec.to_builtins(part.location)
    return {"id": part.id, "location": location, "properties": part.properties} if part.id else {"location": location}


def _rendered_version(version: Version) -> dict[str, Any]:
    said = {"description": version.description} if version.description else {}
    return {"version": version.version, "createdDate": seconds(version.created_ms), **said}
