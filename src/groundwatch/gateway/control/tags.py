"""Operations on tags, by ARN."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, not_found
from groundwatch.gateway.control.releases import stage_of
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.store import Place, Releases

_ARN = re.compile(
    r"arn:[a-z-]+:apigateway:(?P<region>[a-z0-9-]+)::/"
    r"(?P<kind>restapis|apikeys|usageplans|domainnames|vpclinks|clientcertificates)/(?P<id>[^/]+)(/stages/(?P<stage>[^/]+))?"
)
Tags = dict[str, str]
T = TypeVar("T")


class Target(msgspec.Struct, frozen=True):
    """What an ARN names."""

    kind: str
    id: str
    stage_name: str | None


class TaggedDocuments(Protocol):
    """Values with tags; a missing one is the store's to report."""

    async def get(self, place: Place, key: str, /) -> Any:  # noqa: ANN401 - of any kind
        """Return a value."""

    async def update(self, place: Place, key: str, edit: Callable[[Any], Any], /) -> Any:  # noqa: ANN401
        """Replace a value by `edit` of it."""


class TagOperations(ControlPlane):
    """Tags of REST APIs, stages, API keys, usage plans, domain names, VPC links and client certificates."""

    async def get_tags(
        self,
        context: RequestContext,
        *,
        resource_arn: str,
        position: str | None = None,  # noqa: ARG002 - "not currently supported", says the model; nothing to page through
        limit: int | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the tags of a resource, all at once."""
        return {"tags": await self._read_tags(context, _target_of(context, resource_arn))}

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: Mapping[str, str]) -> None:
        """Add tags to a resource, or change their values."""
        target = _target_of(context, resource_arn)
        await self._edit_tags(context, target, lambda present: with_tags(present, tags))

    async def untag_resource(self, context: RequestContext, *, resource_arn: str, tag_keys: Sequence[str]) -> None:
        """Take tags off a resource; those that it does not have are ignored."""

        def edit(present: Tags) -> Tags:
            return {key: value for key, value in present.items() if key not in tag_keys}

        await self._edit_tags(context, _target_of(context, resource_arn), edit)

    async def _read_tags(self, context: RequestContext, target: Target) -> Tags:
        place = place_of(context)
        if target.stage_name is not None:
            return stage_of(await self._store.get_releases(place, target.id), target.stage_name).tags
        if target.kind == "restapis":
            return (await self._store.get_api(place, target.id)).tags
        documents = self._documents(target.kind)
        if documents is not None:
            tags: Tags = (await documents.get(place, target.id)).tags
            return tags
        if target.kind == "apikeys":
            return _found(target, await self._store.get_key(place, target.id)).tags
        return _found(target, await self._store.get_plan(place, target.id)).tags

    async def _edit_tags(self, context: RequestContext, target: Target, change: Callable[[Tags], Tags]) -> None:
        place, documents = place_of(context), self._documents(target.kind)
        if target.stage_name is not None:
            await self._edit_stage_tags(place, target.id, target.stage_name, change)
        elif target.kind == "restapis":
            await self._edit(context, target.id, lambda api: replace(api, tags=change(api.tags)))
        elif documents is not None:
            await documents.update(place, target.id, lambda held: replace(held, tags=change(held.tags)))
        elif target.kind == "apikeys":
            edited = await self._store.update_key(place, target.id, lambda key: replace(key, tags=change(key.tags)))
            _found(target, edited)
        else:
            plan = await self._store.update_plan(place, target.id, lambda plan: replace(plan, tags=change(plan.tags)))
            _found(target, plan)

    def _documents(self, kind: str) -> TaggedDocuments | None:
        """Return the store of kinds that have one of their own."""
        connections = self._store.connections
        stores: Mapping[str, TaggedDocuments] = {
            "domainnames": self._store.domains,
            "vpclinks": connections.links,
            "clientcertificates": connections.certificates,
        }
        return stores.get(kind)

    async def _edit_stage_tags(
        self, place: Place, api_id: str, stage_name: str, change: Callable[[Tags], Tags]
    ) -> None:
        def edit(releases: Releases) -> Releases:
            stage = stage_of(releases, stage_name)
            tagged = replace(stage, tags=change(stage.tags))
            return replace(releases, stages={**releases.stages, stage_name: tagged})

        await self._store.update_releases(place, api_id, edit)


def _target_of(context: RequestContext, resource_arn: str) -> Target:
    found = _ARN.fullmatch(resource_arn)
    if found is None or found["region"] != context.region:
        raise bad_request(f"Invalid resource arn specified: {resource_arn}")
    if found["stage"] is not None and found["kind"] != "restapis":
        raise bad_request(f"Invalid resource arn specified: {resource_arn}")
    return Target(found["kind"], found["id"], found["stage"])


def _found(target: Target, value: T | None) -> T:
    if value is None:
        kinds = {"apikeys": "Invalid API Key identifier specified", "usageplans": "Invalid Usage Plan ID specified"}
        raise not_found(kinds[target.kind])
    return value
