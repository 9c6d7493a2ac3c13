"""Step 3: may this caller use the method?

`authorizations_by_type` lists the authorization types. A type that is not in it is refused as a configuration error: a
method must never be taken for open.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.authorizers.custom import FunctionMethods
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.identity import Authorization
from groundwatch.gateway.authorizers.pools import JwtMethods, PoolMethods
from groundwatch.gateway.authorizers.signed import OpenMethods, SignedMethods
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.stages import Authorized, Routed


def authorizations_by_type(guards: MethodGuards, functions: FunctionMethods) -> Mapping[str, Authorization]:
    """Return the way to authorize for each type, as named in the definition."""
    return {
        "NONE": OpenMethods(guards),
        "AWS_IAM": SignedMethods(guards),
        "CUSTOM": functions,
        "COGNITO_USER_POOLS": PoolMethods(guards),
        "JWT": JwtMethods(guards),
    }


class Authorize:
    """Lets callers through whom the method's authorization type admits."""

    def __init__(self, authorizations: Mapping[str, Authorization]) -> None:
        self._authorizations = authorizations

    async def __call__(self, stage: Routed) -> Authorized:
        """Raise 401 or 403 for callers who may not use the method, and 500 where that cannot be found out."""
        kind = stage.method.definition.authorization_type
        authorization = self._authorizations.get(kind)
        if authorization is None:
            raise configuration_error(f"authorization type {kind} is not implemented")
        identity = await authorization.authorize(stage)
        return Authorized(
            stage,
            principal=identity.principal,
            access_key_id=identity.access_key_id,
            authorizer=identity.authorizer,
            usage_identifier_key=identity.usage_identifier_key,
        )
