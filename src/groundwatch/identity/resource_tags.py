"""Tags of what a call is about, for `aws:ResourceTag/…`: looked up only where a policy asks for that key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from groundwatch.aws.context import RequestContext

KEY_PREFIX = "aws:resourcetag/"
ARN_SERVICE = 2


class TagSource(Protocol):
    """Knows the tags of one service's resources; implemented by the service."""

    async def tags_of(self, context: RequestContext, resource: str) -> Mapping[str, str]:
        """Return the tags of what an ARN names in the account of the call; none for what is not there."""


class ResourceTags:
    """Sources of tags by service; a service without one has no tags."""

    def __init__(self) -> None:
        self._sources: dict[str, TagSource] = {}

    def add(self, service: str, source: TagSource) -> None:
        """Ask `source` for the resources whose ARNs name `service`."""
        self._sources[service] = source

    async def keys_of(self, context: RequestContext, resource: str) -> Mapping[str, tuple[str, ...]]:
        """Return the condition keys of the tags of a resource."""
        parts = resource.split(":", ARN_SERVICE + 1)
        source = self._sources.get(parts[ARN_SERVICE]) if len(parts) > ARN_SERVICE else None
        if source is None:
            return {}
        return {f"{KEY_PREFIX}{key}": (value,) for key, value in (await source.tags_of(context, resource)).items()}
