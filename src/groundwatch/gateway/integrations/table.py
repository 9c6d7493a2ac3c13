"""The integration types that this gateway carries out; a type that is not here is refused at run time."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.integrations.aws import AwsIntegration
from groundwatch.gateway.integrations.base import Backend, Integration, RoleSource
from groundwatch.gateway.integrations.mock import MockIntegration


def integrations_by_type(backend: Backend, roles: RoleSource) -> Mapping[str, Integration]:
    """Return the integration of each type, as named in the definition."""
    return {"AWS": AwsIntegration(backend, roles), "MOCK": MockIntegration()}
