"""What every integration is, and what the composition root must give to those that call AWS services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from groundwatch.aws.context import Authorizer, Principal
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.connections.private import PrivateConnections
from groundwatch.gateway.functions import Functions
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.runtime.stages import MappedRequest
from groundwatch.gateway.upstream.room import Upstream
from groundwatch.outbound import OutboundClient


class UnknownServiceError(Exception):
    """This server does not offer the AWS service that an integration names."""


class Backend(Protocol):
    """Answers AWS API calls, in this process or elsewhere."""

    async def call(
        self, service: str, request: WireRequest, principal: Principal, *, region: str, source_arn: str
    ) -> WireResponse:
        """Carry out `request` as `principal` and return the service's answer, errors included.

        `service` is the name in the integration's URI, such as `logs`; the request is unsigned and its path and query
        are those of the service's endpoint.

        Raises:
            UnknownServiceError: when there is no such service here.
        """


class RoleSource(Protocol):
    """Gives a service the credentials of a role."""

    async def assume_for_service(
        self, role_arn: str, service: str, *, account_id: str, session_name: str, source_arn: str | None
    ) -> Principal:
        """Return a session of the role for the service principal `service`, on behalf of `account_id`.

        Raises:
            ServiceError: when the role is unknown or its trust policy does not admit the service.
        """


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Everything that integrations call."""

    services: Backend
    """AWS services of this server."""
    roles: RoleSource
    authorizer: Authorizer
    """Decides what roles may do beyond this server."""
    functions: Functions
    web: OutboundClient
    """For URLs that users give."""
    upstream: Upstream | None = None
    """AWS services that are called elsewhere, None when all are here."""
    private: PrivateConnections | None = None
    """VPC links and client certificates."""


class Integration(Protocol):
    """One type of integration."""

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Carry out the mapped request.

        Raises:
            GatewayError: when there is no answer to map.
        """
