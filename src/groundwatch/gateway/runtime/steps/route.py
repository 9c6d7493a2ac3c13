"""Step 2: path and verb → method."""

from __future__ import annotations

from groundwatch.gateway.authorizers.signed import not_found
from groundwatch.gateway.runtime.stages import Located, Routed


class Route:
    """Finds the resource and its method."""

    async def __call__(self, stage: Located) -> Routed:
        """Raise 403 Missing Authentication Token when there is no such resource or method."""
        exchange = stage.previous.exchange
        match = stage.deployment.match(exchange.target.path)
        if match is None:
            raise not_found(exchange)
        method = stage.deployment.method(match.resource, exchange.method)
        if method is None:
            raise not_found(exchange)
        return Routed(stage, exchange, method, match.parameters, match.raw)
