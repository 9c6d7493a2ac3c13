"""What authorization found out about a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from groundwatch.aws.context import Principal
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.stages import Routed


class Identity(msgspec.Struct, frozen=True):
    """A caller who may use the method."""

    principal: Principal | None = None
    """Who signed the request; None unless the method is `AWS_IAM`."""
    access_key_id: str | None = None
    authorizer: Mapping[str, VtlValue] = msgspec.field(default_factory=dict)
    """`$context.authorizer`."""
    usage_identifier_key: str | None = None
    """The API key that a function named for the caller."""


class Authorization(Protocol):
    """One authorization type."""

    async def authorize(self, routed: Routed) -> Identity:
        """Return who calls.

        Raises:
            GatewayError: when the caller may not use the method, or this cannot be found out.
        """
