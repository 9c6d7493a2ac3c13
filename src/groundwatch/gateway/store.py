"""Keeps REST APIs, deployments, stages, API keys and usage plans, and answers the runtime's questions about them.

An edit is a function from the old value to the new one. It runs inside the write transaction, so it sees the newest
state, everything that it changes becomes visible at once, and an exception that it raises leaves nothing behind.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway import store_sql as sql
from groundwatch.gateway import usage_sql
from groundwatch.gateway.catalog import DeployedStage
from groundwatch.gateway.connections.store import ConnectionStore
from groundwatch.gateway.definition import AccountSettings, ApiKey, Deployment, RestApi, UsagePlan
from groundwatch.gateway.documentation import sql as documentation_sql
from groundwatch.gateway.documentation.parts import Part
from groundwatch.gateway.documentation.store import DocumentationStore
from groundwatch.gateway.domains.sql import require_unmapped
from groundwatch.gateway.domains.store import DomainStore
from groundwatch.gateway.stage_loading import CachedStage, load_stage
from groundwatch.gateway.store_checks import UnknownApiError, claim, overtaken, require_api
from groundwatch.gateway.store_sql import DeploymentInfo, KeyFilter, Place, Releases
from groundwatch.storage.sql import Database

__all__ = ["DeploymentInfo", "GatewayStore", "KeyFilter", "Place", "Releases", "UnknownApiError"]

T = TypeVar("T")
SHARED_CACHE_MS = 1000
"""How long an answer is trusted when other nodes write to the same database."""
MAX_CACHED_STAGES = 4096
MAX_CACHED_KEYS = 10_000


class _CachedKey(msgspec.Struct):
    generation: int
    checked_ms: int
    value: ApiKey


class _CachedPlan(msgspec.Struct):
    generation: int
    checked_ms: int
    value: UsagePlan | None


class GatewayStore:
    """The control plane's memory; implements `catalog.Catalog` for the runtime.

    Every write through the store ages all cached answers, so the runtime sees it at once. An aged stage is compared by
    revision and kept as the same object while its API did not change. With several nodes on one database an answer is
    at most `SHARED_CACHE_MS` old.
    """

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._alone = database.engine.dialect.name == "sqlite"
        self._generation = 0
        self._stages: dict[tuple[str, str], CachedStage] = {}
        self._keys: dict[tuple[str, str, str], _CachedKey] = {}
        self._plans: dict[tuple[str, str, str], _CachedPlan] = {}
        self.documentation = DocumentationStore(database.read, self._write)
        """What is said about the APIs; a change to it counts as one to the API."""
        self.domains = DomainStore(database, clock_ms)
        self.connections = ConnectionStore(database, clock_ms)

    # --- REST APIs ---

    async def create_api(self, api: RestApi, documentation: Sequence[Part] = ()) -> RestApi:
        """Keep a new API with its documentation and return it."""

        def work(connection: Connection) -> RestApi:
            sql.insert_api(connection, api)
            documentation_sql.save_parts(connection, api.id, documentation)
            return api

        return await self._write(work)

    async def get_api(self, place: Place, api_id: str) -> RestApi:
        """Return an API as it is defined now; raises `UnknownApiError`."""
        return await self._database.read(lambda connection: require_api(connection, place, api_id)[0])

    async def list_apis(self, place: Place, after: str | None, limit: int) -> list[RestApi]:
        """Return up to `limit` APIs in order of their ids, beginning behind `after`."""
        return await self._database.read(lambda connection: sql.list_apis(connection, place, after, limit))

    async def update_api(
        self,
        account_id: str,
        region: str,
        api_id: str,
        edit: Callable[[RestApi], RestApi],
        edit_documentation: Callable[[list[Part]], list[Part]] | None = None,
    ) -> RestApi:
        """Replace an API by `edit` of it, and its documentation likewise, and return the new value.

        Raises `UnknownApiError`, what `edit` raises, and ConflictException when another node changed it meanwhile.
        """
        place = Place(account_id, region)

        def work(connection: Connection) -> RestApi:
            api, revision = require_api(connection, place, api_id, lock=True)
            edited = edit(api)
            claim(connection, edited, revision)
            if edit_documentation is not None:
                parts = edit_documentation(documentation_sql.read_parts(connection, api_id))
                documentation_sql.save_parts(connection, api_id, parts)
            return edited

        return await self._write(work)

    async def delete_api(self, place: Place, api_id: str) -> None:
        """Remove an API with all that belongs to it; raises `UnknownApiError`."""

        def work(connection: Connection) -> None:
            require_api(connection, place, api_id, lock=True)
            require_unmapped(connection, api_id)
            sql.delete_api(connection, api_id)

        await self._write(work)
        # Nobody may ask for it again, and what is kept of it has megabytes.
        for key in [key for key in self._stages if key[0] == api_id]:
            del self._stages[key]

    # --- deployments and stages ---

    async def get_releases(self, place: Place, api_id: str) -> Releases:
        """Return an API with its deployments (without snapshots) and stages; raises `UnknownApiError`."""

        def work(connection: Connection) -> Releases:
            return sql.read_releases(connection, require_api(connection, place, api_id)[0])

        return await self._database.read(work)

    async def get_deployment(self, place: Place, api_id: str, deployment_id: str) -> Deployment | None:
        """Return a deployment with its snapshot, or None; raises `UnknownApiError`."""

        def work(connection: Connection) -> Deployment | None:
            require_api(connection, place, api_id)
            return sql.read_deployment(connection, api_id, deployment_id)

        return await self._database.read(work)

    async def update_releases(self, place: Place, api_id: str, edit: Callable[[Releases], Releases]) -> Releases:
        """Replace what is published of an API by `edit` of it, in one step, and return the new state.

        A deployment that `edit` adds gets the API of that moment as its snapshot. Raises as `update_api` does.
        """

        def work(connection: Connection) -> Releases:
            api, revision = require_api(connection, place, api_id, lock=True)
            before = sql.read_releases(connection, api)
            after = edit(before)
            require_unmapped(connection, api_id, before.stages.keys() - after.stages.keys())
            claim(connection, api, revision)
            sql.save_releases(connection, before, msgspec.structs.replace(after, api=api))
            return after

        return await self._write(work)

    # --- API keys ---

    async def create_key(self, key: ApiKey) -> ApiKey:
        """Keep a new API key; raises ConflictException when the tenant has a key of this value."""

        def work(connection: Connection) -> ApiKey:
            if sql.find_value(connection, Place(key.account_id, key.region), key.value) is not None:
                raise ServiceError("ConflictException", "API Key already exists", status=409)
            sql.insert_key(connection, key)
            return key

        return await self._write(work)

    async def put_key(self, key: ApiKey) -> ApiKey:
        """Keep an API key in place of the tenant's key of this value, if there is one: id, tags and plans stay."""

        def work(connection: Connection) -> ApiKey:
            known = sql.find_value(connection, Place(key.account_id, key.region), key.value)
            if known is None:
                sql.insert_key(connection, key)
                return key
            kept = msgspec.structs.replace(
                key, id=known.id, created_ms=known.created_ms, customer_id=known.customer_id, tags=known.tags
            )
            sql.save_key(connection, kept)
            return kept

        return await self._write(work)

    async def get_key(self, place: Place, key_id: str) -> ApiKey | None:
        """Return the API key with this id, or None."""
        return await self._database.read(lambda connection: sql.read_key(connection, place, key_id))

    async def list_keys(
        self, place: Place, wanted: KeyFilter, after: tuple[int, str] | None, limit: int
    ) -> list[ApiKey]:
        """Return up to `limit` API keys, newest first, beginning behind `after` (creation time, id)."""
        return await self._database.read(lambda connection: sql.list_keys(connection, place, wanted, after, limit))

    async def update_key(self, place: Place, key_id: str, edit: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        """Replace an API key by `edit` of it and return the new value; None when there is no such key."""

        def work(connection: Connection) -> ApiKey | None:
            key = sql.read_key(connection, place, key_id, lock=True)
            if key is None:
                return None
            edited = edit(key)
            sql.save_key(connection, edited)
            return edited

        return await self._write(work)

    async def delete_key(self, place: Place, key_id: str) -> bool:
        """Remove an API key; False when there is none."""

        def work(connection: Connection) -> bool:
            known = sql.read_key(connection, place, key_id) is not None
            if known:
                sql.delete_key(connection, key_id)
                usage_sql.delete_usage(connection, key_id=key_id)
            return known

        return await self._write(work)

    # --- usage plans ---

    async def create_plan(self, plan: UsagePlan) -> UsagePlan:
        """Keep a new usage plan; raises NotFoundException for an API stage that the tenant does not have."""

        def work(connection: Connection) -> UsagePlan:
            _require_stages(connection, plan, plan.api_stages)
            sql.insert_plan(connection, plan)
            return plan

        return await self._write(work)

    async def get_plan(self, place: Place, plan_id: str) -> UsagePlan | None:
        """Return the usage plan with this id, or None."""
        return await self._database.read(lambda connection: sql.read_plan(connection, place, plan_id))

    async def list_plans(self, place: Place, key_id: str | None, after: str | None, limit: int) -> list[UsagePlan]:
        """Return up to `limit` usage plans in order of their ids; with `key_id` only those that hold the key."""
        return await self._database.read(lambda connection: sql.list_plans(connection, place, key_id, after, limit))

    async def update_plan(self, place: Place, plan_id: str, edit: Callable[[UsagePlan], UsagePlan]) -> UsagePlan | None:
        """Replace a usage plan by `edit` of it; None when there is none. Raises as `create_plan` does."""

        def work(connection: Connection) -> UsagePlan | None:
            plan = sql.read_plan(connection, place, plan_id, lock=True)
            if plan is None:
                return None
            edited = edit(plan)
            _require_stages(connection, edited, [held for held in edited.api_stages if held not in plan.api_stages])
            sql.save_plan(connection, edited)
            return edited

        return await self._write(work)

    async def delete_plan(self, place: Place, plan_id: str, check: Callable[[UsagePlan], None]) -> bool:
        """Remove a usage plan; False when there is none. Raises what `check` of the plan raises."""

        def work(connection: Connection) -> bool:
            plan = sql.read_plan(connection, place, plan_id, lock=True)
            if plan is None:
                return False
            check(plan)
            sql.delete_plan(connection, plan_id)
            usage_sql.delete_usage(connection, plan_id=plan_id)
            return True

        return await self._write(work)

    # --- accounts ---

    async def get_account(self, place: Place) -> AccountSettings:
        """Return what holds for all APIs of an account in a region."""
        return await self._database.read(lambda connection: usage_sql.read_account(connection, place))

    async def update_account(self, place: Place, edit: Callable[[AccountSettings], AccountSettings]) -> AccountSettings:
        """Replace the settings of an account by `edit` of them and return the new value."""

        def work(connection: Connection) -> AccountSettings:
            edited = edit(usage_sql.read_account(connection, place))
            usage_sql.save_account(connection, place, edited)
            return edited

        return await self._write(work)

    # --- catalog.Catalog ---

    async def find_stage(self, api_id: str, stage_name: str) -> DeployedStage | None:
        """Return the stage with its snapshot; the same object as long as nothing of its API changed."""
        known = self._stages.get((api_id, stage_name))
        now_ms = self._clock_ms()
        if known is not None and self._is_fresh(known.generation, known.checked_ms, now_ms):
            return known.value
        # Read before the query: a write that commits meanwhile must leave this answer stale.
        generation = self._generation
        loaded = await self._database.read(lambda connection: load_stage(connection, api_id, stage_name, known))
        if loaded is None:
            self._stages.pop((api_id, stage_name), None)
            return None
        revision, value = loaded
        if len(self._stages) >= MAX_CACHED_STAGES and known is None:
            del self._stages[next(iter(self._stages))]
        self._stages[api_id, stage_name] = CachedStage(generation, now_ms, revision, value)
        return value

    async def find_api_key(self, value: str, api_id: str, stage_name: str) -> ApiKey | None:
        """Return the enabled key with this value that a usage plan admits to the stage, or None."""
        question = (value, api_id, stage_name)
        known = self._keys.get(question)
        now_ms = self._clock_ms()
        if known is None or not self._is_fresh(known.generation, known.checked_ms, now_ms):
            generation = self._generation
            found = await self._database.read(
                lambda connection: sql.find_admitted_key(connection, value, api_id, stage_name)
            )
            if found is None:
                self._keys.pop(question, None)
                return None
            known = _CachedKey(generation, now_ms, found)
            self._remember_key(question, known)
        key = known.value
        same = hmac.compare_digest(key.value.encode(), value.encode())
        return key if same and key.enabled else None

    async def find_usage_plan(self, key: ApiKey, api_id: str, stage_name: str) -> UsagePlan | None:
        """Return the usage plan by which a key may call a stage; the same object as long as nothing changed."""
        question = (key.id, api_id, stage_name)
        known = self._plans.get(question)
        now_ms = self._clock_ms()
        if known is not None and self._is_fresh(known.generation, known.checked_ms, now_ms):
            return known.value
        generation, place = self._generation, Place(key.account_id, key.region)
        plan = await self._database.read(
            lambda connection: sql.find_admitting_plan(connection, place, key.id, api_id, stage_name)
        )
        if len(self._plans) >= MAX_CACHED_KEYS:
            self._plans.clear()
        self._plans[question] = _CachedPlan(generation, now_ms, plan)
        return plan

    def _remember_key(self, question: tuple[str, str, str], entry: _CachedKey) -> None:
        # Only keys that exist are remembered, so callers cannot fill the cache with guesses.
        if len(self._keys) >= MAX_CACHED_KEYS:
            self._keys.clear()
        self._keys[question] = entry

    def _is_fresh(self, generation: int, checked_ms: int, now_ms: int) -> bool:
        if generation != self._generation:
            return False
        return self._alone or 0 <= now_ms - checked_ms < SHARED_CACHE_MS

    async def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(work)
        except IntegrityError as error:
            # Checked before writing, so only another node can have come between.
            raise overtaken() from error
        finally:
            # Also after a failure: whether a commit that raised took effect is not always known.
            self._generation += 1


def _require_stages(connection: Connection, plan: UsagePlan, api_stages: list[str]) -> None:
    place = Place(plan.account_id, plan.region)
    for api_stage in api_stages:
        api_id, _, stage_name = api_stage.partition(":")
        if not sql.has_stage(connection, place, api_id, stage_name):
            message = f"Invalid API Stage {{api: {api_id}, stage: {stage_name}}} specified for usageplan {plan.id}"
            raise ServiceError("NotFoundException", message, status=404)
