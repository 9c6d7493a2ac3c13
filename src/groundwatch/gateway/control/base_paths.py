"""Operations on base path mappings: which API answers below a path of a custom domain."""

from __future__ import annotations

import re
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import render_domains
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, conflict, require
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import REPLACE, Operations, Rule, Table, apply_patch, required_text
from groundwatch.gateway.domains.store import Mappings
from groundwatch.gateway.domains.values import NO_BASE_PATH, BasePathMapping

MAX_BASE_PATH_CHARACTERS = 300
_BASE_PATH = re.compile(r"[A-Za-z0-9$\-_.+!*'(),]+")

BASE_PATH_MAPPING = Table(
    (
        Rule("/basePath", "base_path", REPLACE, lambda _, step: checked_base_path(step.value)),
        required_text("/restapiId", "rest_api_id"),
        Rule("/stage", "stage", REPLACE, lambda _, step: step.value or None),
    )
)


class BasePathOperations(ControlPlane):
    """CreateBasePathMapping and its kin."""

    async def create_base_path_mapping(
        self,
        context: RequestContext,
        *,
        domain_name: str,
        rest_api_id: str,
        base_path: str | None = None,
        stage: str | None = None,
    ) -> dict[str, Any]:
        """Let an API answer below a base path; without `stage` the next segment of the path names it."""
        mapping = BasePathMapping(checked_base_path(base_path), rest_api_id, stage or None)
        await self._store.domains.update_mappings(place_of(context), domain_name, lambda known: _with(known, mapping))
        return render_domains.base_path_mapping(mapping)

    async def get_base_path_mapping(
        self, context: RequestContext, *, domain_name: str, base_path: str
    ) -> dict[str, Any]:
        """Return a mapping; `(none)` is the one without base path."""
        known = await self._store.domains.mappings(place_of(context), domain_name)
        return render_domains.base_path_mapping(_mapping_of(known, base_path))

    async def get_base_path_mappings(
        self, context: RequestContext, *, domain_name: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the mappings of a domain in order of their base paths."""
        known = await self._store.domains.mappings(place_of(context), domain_name)
        return page_of(
            known.values(),
            position,
            limit,
            key=lambda mapping: mapping.base_path,
            render=render_domains.base_path_mapping,
        )

    async def update_base_path_mapping(
        self,
        context: RequestContext,
        *,
        domain_name: str,
        base_path: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a mapping, its base path included; live at once."""
        patched: list[BasePathMapping] = []

        def edit(known: Mappings) -> Mappings:
            mapping = _mapping_of(known, base_path)
            patched[:] = [apply_patch(BASE_PATH_MAPPING, mapping, patch_operations)]
            others = {key: held for key, held in known.items() if key != mapping.base_path}
            return _with(others, patched[0])

        await self._store.domains.update_mappings(place_of(context), domain_name, edit)
        return render_domains.base_path_mapping(patched[0])

    async def delete_base_path_mapping(self, context: RequestContext, *, domain_name: str, base_path: str) -> None:
        """Remove a mapping."""

        def edit(known: Mappings) -> Mappings:
            mapping = _mapping_of(known, base_path)
            return {key: held for key, held in known.items() if key != mapping.base_path}

        await self._store.domains.update_mappings(place_of(context), domain_name, edit)


def checked_base_path(given: str | None) -> str:
    """Return a base path as it is kept; raises for one that is more than a segment of a path."""
    if not given or given == NO_BASE_PATH:
        return NO_BASE_PATH
    if "/" in given:
        raise bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. "
            "To create a multi-level base path mapping, use API Gateway V2."
        )
    if not _BASE_PATH.fullmatch(given) or len(given) > MAX_BASE_PATH_CHARACTERS:
        raise bad_request(
            f"Invalid base path specified: {given[:MAX_BASE_PATH_CHARACTERS]}. A base path may only contain letters, "
            f"numbers and one of $-_.+!*'(), and at most {MAX_BASE_PATH_CHARACTERS} characters"
        )
    return given


def _with(known: Mappings, mapping: BasePathMapping) -> Mappings:
    if mapping.base_path in known:
        raise conflict("Base path already exists for this domain name")
    return {**known, mapping.base_path: mapping}


def _mapping_of(known: Mappings, base_path: str) -> BasePathMapping:
    return require(known.get(base_path or NO_BASE_PATH), "Invalid base path mapping identifier specified")
