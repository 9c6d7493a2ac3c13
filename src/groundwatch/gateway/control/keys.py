"""Operations on API keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, require
from groundwatch.gateway.control.ids import LONG
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.definition import ApiKey
from groundwatch.gateway.store import GatewayStore, KeyFilter, Place

MIN_VALUE_CHARACTERS, MAX_VALUE_CHARACTERS = 20, 128
MAX_NAME_CHARACTERS = 1024
MAX_DESCRIPTION_CHARACTERS = 125_000
MAX_TIME_DIGITS = 18
"""Of milliseconds in a position; more are beyond what databases take."""


class ApiKeyOperations(ControlPlane):
    """API keys."""

    async def create_api_key(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        name: str | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        generate_distinct_id: bool | None = None,
        value: str | None = None,
        customer_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Create a key, disabled unless told otherwise; this answer shows its value."""
        # Ids stand in logs and ARNs, where no value may be.
        if generate_distinct_id is False:
            raise NotImplementedByServer("An API key whose id is its value")
        key = replace(
            new_key(context, self._ids.identifier(LONG), self._clock_ms()),
            value=self._ids.key_value() if value is None else value,
            name=name or "",
            enabled=bool(enabled),
            description=description,
            customer_id=customer_id,
            tags=with_tags({}, tags),
        )
        check_key(key)
        return render.api_key(await self._store.create_key(key), with_value=True)

    async def get_api_key(
        self, context: RequestContext, *, api_key: str, include_value: bool | None = None
    ) -> dict[str, Any]:
        """Return a key; its value only with `include_value`."""
        found = _known(await self._store.get_key(place_of(context), api_key))
        return render.api_key(found, with_value=bool(include_value))

    async def get_api_keys(
        self,
        context: RequestContext,
        *,
        position: str | None = None,
        limit: int | None = None,
        name_query: str | None = None,
        customer_id: str | None = None,
        include_values: bool | None = None,
    ) -> dict[str, Any]:
        """List keys, newest first; `name_query` is the beginning of the name."""
        wanted = KeyFilter(name_prefix=name_query, customer_id=customer_id)

        def show(key: ApiKey) -> dict[str, Any]:
            return render.api_key(key, with_value=bool(include_values))

        keys = KeyPages(self._store, place_of(context), wanted)
        return await fetch_page(position, limit, keys.fetch, key=KeyPages.key, render=show)

    async def update_api_key(
        self, context: RequestContext, *, api_key: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch a key; live at once."""
        now_ms = self._clock_ms()

        def edit(key: ApiKey) -> ApiKey:
            patched = apply_patch(patch_tables.API_KEY, key, patch_operations)
            check_key(patched)
            return replace(patched, updated_ms=now_ms)

        found = _known(await self._store.update_key(place_of(context), api_key, edit))
        # An empty map only here, as in the service.
        return {"tags": {}, **render.api_key(found, with_value=False)}

    async def delete_api_key(self, context: RequestContext, *, api_key: str) -> None:
        """Remove a key, also from every usage plan."""
        if not await self._store.delete_key(place_of(context), api_key):
            _known(None)


class KeyPages:
    """The keys of a list, newest first, as `fetch_page` wants them."""

    def __init__(self, store: GatewayStore, place: Place, wanted: KeyFilter) -> None:
        self._store = store
        self._place = place
        self._wanted = wanted

    @staticmethod
    def key(key: ApiKey) -> str:
        """Return what a position encodes."""
        return f"{key.created_ms}:{key.id}"

    async def fetch(self, after: str | None, count: int) -> list[ApiKey]:
        """Return up to `count` keys behind the one at `after`."""
        if after is None:
            return await self._store.list_keys(self._place, self._wanted, None, count)
        created_ms, _, key_id = after.partition(":")
        # A position is whatever a client sends.
        if not created_ms.isdecimal() or len(created_ms) > MAX_TIME_DIGITS:
            raise bad_request("Invalid position parameter specified")
        return await self._store.list_keys(self._place, self._wanted, (int(created_ms), key_id), count)


def _known(key: ApiKey | None) -> ApiKey:
    return require(key, "Invalid API Key identifier specified")


def new_key(context: RequestContext, key_id: str, now_ms: int) -> ApiKey:
    """Return a key of the caller without a value, which no check lets pass."""
    return ApiKey(
        id=key_id,
        value="",
        name="",
        account_id=context.account_id,
        region=context.region,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def check_key(key: ApiKey) -> None:
    """Raise when value, name or description of a key are too short or too long."""
    if len(key.value) < MIN_VALUE_CHARACTERS:
        raise bad_request(f"API Key value should be at least {MIN_VALUE_CHARACTERS} characters")
    if len(key.value) > MAX_VALUE_CHARACTERS:
        raise bad_request(f"API Key value exceeds maximum size of {MAX_VALUE_CHARACTERS} characters")
    if len(key.name) > MAX_NAME_CHARACTERS:
        raise bad_request(f"Invalid API Key name, can be at most {MAX_NAME_CHARACTERS} characters.")
    if key.description is not None and len(key.description) > MAX_DESCRIPTION_CHARACTERS:
        raise bad_request("Invalid API Key description specified.")
