"""Tags of REST APIs and what belongs to them, as policies see them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import unquote

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.store import GatewayStore, Place, UnknownApiError

_RESOURCE = re.compile(
    r"arn:[a-z-]+:apigateway:[a-z0-9-]+::/"
    r"(?P<kind>restapis|apikeys|usageplans|domainnames|vpclinks|clientcertificates)/(?P<id>[^/]+)(/stages/(?P<stage>[^/]+))?(/.*)?"
)
_TAGS_OF = re.compile(r"arn:[a-z-]+:apigateway:[a-z0-9-]+::/tags/(?P<arn>[^/]+)")


class _Tagged(Protocol):
    @property
    def tags(self) -> Mapping[str, str]: ...


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
        if found["kind"] == "restapis":
            return await self._api_tags(place, name, found["stage"])
        try:
            holder = await self._holders()[found["kind"]](place, name)
        except ServiceError:
            # There is none: the operation itself says so, to those who may know.
            return {}
        return {} if holder is None else holder.tags

    def _holders(self) -> Mapping[str, Callable[[Place, str], Awaitable[_Tagged | None]]]:
        return {
            "apikeys": self._store.get_key,
            "usageplans": self._store.get_plan,
            "domainnames": self._store.domains.get,
            "vpclinks": self._store.connections.links.get,
            "clientcertificates": self._store.connections.certificates.get,
        }

    async def _api_tags(self, place: Place, api_id: str, stage_name: str | None) -> Mapping[str, str]:
        try:
            tags = (await self._store.get_api(place, api_id)).tags
            if stage_name is None:
                return tags
            stage = (await self._store.get_releases(place, api_id)).stages.get(unquote(stage_name))
        except UnknownApiError:
            return {}
        return tags if stage is None else {**tags, **stage.tags}
