"""Step 3: may this caller use the method?

Only open methods are served so far. A method or an API that asks for more is refused as a configuration error: it must
never be taken for open.
"""

from __future__ import annotations

from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.stages import Authorized, Routed


class Authorize:
    """Lets callers of open methods through, and nobody else."""

    async def __call__(self, stage: Routed) -> Authorized:
        """Raise 500 for every kind of authorization but `NONE`, and for an API with a resource policy."""
        kind = stage.method.definition.authorization_type
        if kind != "NONE":
            raise configuration_error(f"authorization type {kind} is not implemented")
        if stage.located.deployment.api.policy:
            raise configuration_error("resource policies are not implemented")
        return Authorized(stage, principal=None)
