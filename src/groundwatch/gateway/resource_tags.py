"""Tags of REST APIs and what belongs to them, as policies see them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.store import GatewayStore, Place, UnknownApiError

_RESOURCE = re.compile(
    r"arn:[a-z-]+:apigateway:[a-z0-9-]+::/"
    r"(?P<kind>restapis|apikeys|usageplans)/(?P<id>[^/]+)(/stages/(?P<stage>[^/]+))?(/.*)?"
)
_TAGS_OF = re.compile(r"arn:[a-z-]+:apigateway:[a-z0-9-]+::/tags/(?P<arn>[^/]+)")


class GatewayTags:
    """Implements the source of `aws:ResourceTag/…` for the control plane.

    What is below an API or a stage has its tags, and those of a stage go before those of its API: "Tag inheritance" of
    the developer guide.
    """

    def __init__(self, store: GatewayStore) -> None:
        self._store = store

    async def tags_of(self, context: RequestContext, resource: str) -> Mapping[str, str]:
        """Return the tags of what a path of the control plane is about."""
        tagged = _TAGS_OF.fullmatch(resource)
        found = _RESOURCE.fullmatch(unquote(tagged["arn"]) if tagged else resource)
        if found is None:
            return {}
        place, name = Place(context.account_id, context.region), unquote(found["id"])
        if found["kind"] == "apikeys":
            key = await self._store.get_key(place, name)
            return {} if key is None else key.tags
        if found["kind"] == "usageplans":
            plan = await self._store.get_plan(place, name)
            return {} if plan is None else plan.tags
        return await self._api_tags(place, name, found["stage"])

    async def _api_tags(self, place: Place, api_id: str, stage_name: str | None) -> Mapping[str, str]:
        try:
            tags = (await self._store.get_api(place, api_id)).tags
            if stage_name is None:
                return tags
            stage = (await self._store.get_releases(place, api_id)).stages.get(unquote(stage_name))
        except UnknownApiError:
            return {}
        return tags if stage is None else {**tags, **stage.tags}
