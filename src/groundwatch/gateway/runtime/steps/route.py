"""Step 2: path and verb → method."""

from __future__ import annotations

import base64
import hashlib

from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Exchange
from groundwatch.gateway.runtime.stages import Located, Routed


class Route:
    """Finds the resource and its method."""

    async def __call__(self, stage: Located) -> Routed:
        """Raise 403 Missing Authentication Token when there is no such resource or method."""
        exchange = stage.previous.exchange
        match = stage.deployment.match(exchange.target.path)
        if match is None:
            raise _not_found(exchange)
        method = stage.deployment.method(match.resource, exchange.method)
        if method is None:
            raise _not_found(exchange)
        return Routed(stage, method, match.parameters)


def _not_found(exchange: Exchange) -> GatewayError:
    """Return the service's answer for unknown routes, which takes them for calls of its own signed API."""
    authorization = exchange.request.header("authorization")
    if authorization is None or authorization.startswith("AWS4-HMAC-SHA256"):
        return GatewayError("MISSING_AUTHENTICATION_TOKEN")
    digest = base64.b64encode(hashlib.sha256(authorization.encode()).digest()).decode()
    message = (
        "Invalid key=value pair (missing equal-sign) in Authorization header "
        f"(hashed with SHA-256 and encoded with Base64): '{digest}'."
    )
    return GatewayError("MISSING_AUTHENTICATION_TOKEN", message, error_type="IncompleteSignatureException")
