"""What the composition root gives to integrations whose AWS services are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from groundwatch.aws.context import Principal
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.upstream.credentials import OwnCredentials, RoleCredentials
from groundwatch.gateway.upstream.endpoints import Endpoints
from groundwatch.gateway.upstream.groups import LogGroupSides
from groundwatch.outbound import OutboundClient

CredentialsMode = Literal["role", "own"]


class Refusals(Protocol):
    """Judges requests by this server's own policies."""

    async def refusal(
        self, service: str, request: WireRequest, principal: Principal, *, region: str, source_arn: str
    ) -> WireResponse | None:
        """Return the service's answer to a request that `principal` may not make, None when it may."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the operator has said about AWS services elsewhere, and the means to call them."""

    endpoints: Endpoints
    sides: LogGroupSides
    mode: CredentialsMode
    own: OwnCredentials
    roles: RoleCredentials
    client: OutboundClient
    """Must reach the endpoints, which are the operator's and may be private."""
    refusals: Refusals
    operator_account: str
    """The account whose APIs may use this process's own credentials."""
