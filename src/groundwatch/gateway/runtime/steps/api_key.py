"""Step 4: the API key.

It comes after authorization, since with key source AUTHORIZER the authorizer names the key.
"""

from __future__ import annotations

from groundwatch.gateway.catalog import Catalog
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.execution_log import masked
from groundwatch.gateway.runtime.stages import Admitted, Authorized, Routed


class CheckApiKey:
    """Looks up the key of methods that need one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def __call__(self, stage: Authorized) -> Admitted:
        """Raise 403 Forbidden when the key is missing, unknown, disabled or not in a usage plan of the stage."""
        routed = stage.previous
        if not routed.method.definition.api_key_required:
            return Admitted(stage, api_key=None)
        if routed.located.deployment.api.api_key_source == "AUTHORIZER":
            value = stage.usage_identifier_key
        else:
            value = routed.exchange.last_header("x-api-key")
        target = routed.exchange.target
        key = await self._catalog.find_api_key(value, target.api_id, target.stage_name) if value else None
        if key is None:
            raise GatewayError("INVALID_API_KEY", reason=_reason(routed, value))
        return Admitted(stage, key)


def _reason(routed: Routed, value: str | None) -> str:
    target, problem = routed.exchange.target, "the request brings none"
    if value:
        problem = f"{masked(value)} is unknown, disabled, or in no plan of {target.api_id}/{target.stage_name}"
    return f"method '{routed.exchange.method} {routed.method.resource.path}' requires an API key: {problem}"
