"""Operations on usage plans and on the API keys in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, conflict, not_found, require
from groundwatch.gateway.control.ids import SHORT
from groundwatch.gateway.control.keys import KeyPages
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.plan_patches import check_plan, method_throttles_of, quota_of, throttle_of
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.definition import ApiKey, UsagePlan
from groundwatch.gateway.store import KeyFilter, Place


class UsagePlanOperations(ControlPlane):
    """Usage plans and usage plan keys."""

    async def create_usage_plan(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        name: str,
        description: str | None = None,
        api_stages: Sequence[Mapping[str, Any]] | None = None,
        throttle: Mapping[str, Any] | None = None,
        quota: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Create a plan for stages of the tenant's APIs."""
        if not name:
            raise bad_request("Usage plan name cannot be an empty string")
        plan = UsagePlan(
            id=self._ids.identifier(SHORT),
            name=name,
            account_id=context.account_id,
            region=context.region,
            api_stages=[_api_stage(stage) for stage in api_stages or ()],
            description=description,
            tags=with_tags({}, tags),
            throttle=throttle_of(throttle),
            quota=quota_of(quota),
            method_throttles=method_throttles_of(api_stages or ()),
        )
        return render.usage_plan(await self._store.create_plan(check_plan(plan)))

    async def get_usage_plan(self, context: RequestContext, *, usage_plan_id: str) -> dict[str, Any]:
        """Return a plan."""
        plan = _known(await self._store.get_plan(place_of(context), usage_plan_id))
        return render.usage_plan(plan, with_tags=True)

    async def get_usage_plans(
        self,
        context: RequestContext,
        *,
        position: str | None = None,
        key_id: str | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """List plans, or those that hold a key."""
        fetch = partial(self._store.list_plans, place_of(context), key_id)
        return await fetch_page(position, limit, fetch, render=render.usage_plan)

    async def update_usage_plan(
        self, context: RequestContext, *, usage_plan_id: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch a plan; live at once."""

        def edit(plan: UsagePlan) -> UsagePlan:
            _check_removed_stages(plan, patch_operations or ())
            return check_plan(apply_patch(patch_tables.USAGE_PLAN, plan, patch_operations), plan)

        plan = _known(await self._store.update_plan(place_of(context), usage_plan_id, edit))
        return render.usage_plan(plan, with_tags=True)

    async def delete_usage_plan(self, context: RequestContext, *, usage_plan_id: str) -> None:
        """Remove a plan that has no stages; its keys stay."""
        if not await self._store.delete_plan(place_of(context), usage_plan_id, _check_deletable):
            _known(None)

    # --- keys of a plan ---

    async def create_usage_plan_key(
        self, context: RequestContext, *, usage_plan_id: str, key_id: str, key_type: str
    ) -> dict[str, Any]:
        """Admit an API key to the stages of a plan."""
        if key_type != "API_KEY":
            raise bad_request("Invalid Key type specified. Valid options are API_KEY")
        place = place_of(context)
        # Read in the caller's account: a plan never takes the key of another tenant.
        key = await self._require_key(place, key_id)

        def edit(plan: UsagePlan) -> UsagePlan:
            if key_id in plan.key_ids:
                raise conflict(f"Usage Plan Key {key_id} already exists in usage plan {plan.id}")
            return replace(plan, key_ids=[*plan.key_ids, key_id])

        _known(await self._store.update_plan(place, usage_plan_id, edit))
        return render.usage_plan_key(key)

    async def get_usage_plan_key(self, context: RequestContext, *, usage_plan_id: str, key_id: str) -> dict[str, Any]:
        """Return an API key of a plan."""
        place = place_of(context)
        _check_member(_known(await self._store.get_plan(place, usage_plan_id)), key_id)
        return render.usage_plan_key(await self._require_key(place, key_id))

    async def get_usage_plan_keys(
        self,
        context: RequestContext,
        *,
        usage_plan_id: str,
        position: str | None = None,
        limit: int | None = None,
        name_query: str | None = None,
    ) -> dict[str, Any]:
        """List the API keys of a plan; an unknown plan has none."""
        wanted = KeyFilter(name_prefix=name_query, plan_id=usage_plan_id)
        keys = KeyPages(self._store, place_of(context), wanted)
        return await fetch_page(position, limit, keys.fetch, key=KeyPages.key, render=render.usage_plan_key)

    async def delete_usage_plan_key(self, context: RequestContext, *, usage_plan_id: str, key_id: str) -> None:
        """Take an API key out of a plan."""

        def edit(plan: UsagePlan) -> UsagePlan:
            _check_member(plan, key_id)
            return replace(plan, key_ids=[held for held in plan.key_ids if held != key_id])

        _known(await self._store.update_plan(place_of(context), usage_plan_id, edit))

    async def _require_key(self, place: Place, key_id: str) -> ApiKey:
        return require(await self._store.get_key(place, key_id), "Invalid API Key identifier specified")


def _api_stage(stage: Mapping[str, Any]) -> str:
    if not stage.get("apiId") or not stage.get("stage"):
        raise bad_request("Invalid API Stage specified")
    return f"{stage['apiId']}:{stage['stage']}"


def _check_deletable(plan: UsagePlan) -> None:
    # Else its customers would be locked out of live stages at a stroke.
    if plan.api_stages:
        message = (
            f"Cannot delete Usage Plan {plan.id} because there are API Stages associated with it, including "
            f"{plan.api_stages[0]}"
        )
        raise bad_request(message)


def _check_removed_stages(plan: UsagePlan, operations: Operations) -> None:
    held = set(plan.api_stages)
    for operation in operations:
        if operation.get("path") != "/apiStages" or not operation.get("value"):
            continue
        if operation.get("op") == "remove" and operation["value"] not in held:
            api_id, _, stage = str(operation["value"]).partition(":")
            raise not_found(f"Invalid API Stage {{api: {api_id}, stage: {stage}}} specified for usageplan {plan.id}")
        held.add(operation["value"])


def _check_member(plan: UsagePlan, key_id: str) -> None:
    if key_id not in plan.key_ids:
        raise not_found("Invalid Usage Plan Key identifier specified")


def _known(plan: UsagePlan | None) -> UsagePlan:
    return require(plan, "Invalid Usage Plan ID specified")
