"""What the gateway reports of each request, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Exchange
from groundwatch.gateway.runtime.stages import (
    Admitted,
    Arrived,
    Authorized,
    Integrated,
    Located,
    Routed,
)


class AccessEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answered request. Members that were not reached are None."""

    request_id: str
    extended_request_id: str
    api_id: str
    stage: str
    domain_name: str
    http_method: str
    path: str
    """`/stage`, or the base path of a custom domain, and the path below it, as received."""
    protocol: str
    source_ip: str
    user_agent: str | None
    request_time_ms: int
    latency_ms: int
    status: int
    response_length_bytes: int
    account_id: str | None = None
    deployment_id: str | None = None
    resource_id: str | None = None
    resource_path: str | None = None
    api_key_id: str | None = None
    caller_arn: str | None = None
    """Who signed the request."""
    authorizer_principal: str | None = None
    """Whom an authorizer took the caller for: a function's `principalId`, or the `sub` of a token."""
    integration_status: int | None = None
    integration_latency_ms: int | None = None
    error_response_type: str | None = None
    error_message: str | None = None
    """What the client was told."""
    error_reason: str | None = None
    """Why; for the operator only."""


class AccessLog(Protocol):
    """Takes access entries; must return at once."""

    def record(self, entry: AccessEntry) -> None:
        """Take an entry; called once for each request that named an API, after its answer is known."""


def access_entry(
    stages: Mapping[type, Any], status: int, length_bytes: int, latency_ms: int, error: GatewayError | None
) -> AccessEntry:
    """Return the entry for a request that went through `stages`, as `stages_of` gives them."""
    exchange: Exchange = stages[Arrived].exchange
    target = exchange.target
    located: Located | None = stages.get(Located)
    routed: Routed | None = stages.get(Routed)
    authorized: Authorized | None = stages.get(Authorized)
    admitted: Admitted | None = stages.get(Admitted)
    integrated: Integrated | None = stages.get(Integrated)
    return AccessEntry(
        request_id=exchange.request_id,
        extended_request_id=exchange.extended_request_id,
        api_id=target.api_id,
        stage=target.stage_name,
        domain_name=target.domain_name,
        http_method=exchange.method,
        path=target.client_path,
        protocol=exchange.protocol,
        source_ip=exchange.request.source_ip,
        user_agent=exchange.last_header("user-agent"),
        request_time_ms=exchange.received_ms,
        latency_ms=latency_ms,
        status=status,
        response_length_bytes=length_bytes,
        account_id=located.deployment.api.account_id if located else None,
        deployment_id=located.deployment.id if located else None,
        resource_id=routed.method.resource.id if routed else None,
        resource_path=routed.method.resource.path if routed else None,
        api_key_id=admitted.api_key.id if admitted and admitted.api_key else None,
        caller_arn=authorized.principal.arn if authorized and authorized.principal else None,
        authorizer_principal=_authorizer_principal(authorized) if authorized and authorized.authorizer else None,
        integration_status=integrated.answer.status if integrated else None,
        integration_latency_ms=integrated.latency_ms if integrated else None,
        error_response_type=error.response_type if error else None,
        error_message=error.message if error else None,
        error_reason=error.reason if error else None,
    )


def _authorizer_principal(authorized: Authorized) -> str | None:
    claims = authorized.authorizer.get("claims") or {}
    found: str | None = authorized.authorizer.get("principalId") or claims.get("sub")
    return found
