"""Policies that are attached to what a call is about, such as a topic's: looked up for services that have them."""

from __future__ import annotations

from typing import Protocol

ARN_SERVICE = 2


class PolicySource(Protocol):
    """Knows the policies of one service's resources; implemented by the service."""

    async def policy_of(self, resource: str) -> str | None:
        """Return the policy document of what an ARN names, in whichever account; None for what is not there."""


class ResourcePolicies:
    """Sources of policies by service; most services have none."""

    def __init__(self) -> None:
        self._sources: dict[str, PolicySource] = {}

    def add(self, service: str, source: PolicySource) -> None:
        """Ask `source` for the resources whose ARNs name `service`."""
        self._sources[service] = source

    def source_for(self, resource: str) -> PolicySource | None:
        """Return who knows the policy of a resource, None where its service has no such policies."""
        if not self._sources:
            return None
        parts = resource.split(":", ARN_SERVICE + 1)
        return self._sources.get(parts[ARN_SERVICE]) if len(parts) > ARN_SERVICE else None
