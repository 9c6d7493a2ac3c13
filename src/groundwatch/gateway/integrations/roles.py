"""Roles of integrations: sessions for the gateway, and what those may do."""

from __future__ import annotations

import functools
import re

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.context import AccessCheck, Authorizer, Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.stages import Authorized, MappedRequest, Routed, reached

SESSION_NAME = "BackplaneAssumeRoleSession"
"""The session name that the service uses, and that policies and audit logs show."""
SERVICE_PRINCIPAL = "apigateway.amazonaws.com"
_CALLER_CREDENTIALS = re.compile(r"arn:aws[a-z-]*:iam::\*:user/\*")


class RoleSessions:
    """Assumes the roles that integrations name."""

    def __init__(self, roles: RoleSource, authorizer: Authorizer) -> None:
        self._roles = roles
        self._authorizer = authorizer

    async def principal(self, mapped: MappedRequest, role_arn: str, source_arn: str | None = None) -> Principal:
        """Return who an integration with these `credentials` calls as: a session of the role, or the client itself.

        `source_arn` is that of the method, if it is known already.

        Raises:
            GatewayError: when there is no role, or it cannot be used.
        """
        if is_caller(role_arn):
            return _caller(mapped)
        check_role(mapped, role_arn)
        routed = mapped.routed
        api = routed.located.deployment.api
        try:
            return await self._roles.assume_for_service(
                role_arn,
                SERVICE_PRINCIPAL,
                account_id=api.account_id,
                session_name=SESSION_NAME,
                source_arn=source_arn or source_arn_of(routed),
            )
        except ServiceError as error:
            reason = f"API Gateway does not have permission to assume the provided role {role_arn}"
            raise configuration_error(f"{reason} ({error.code})") from error

    async def check(self, mapped: MappedRequest, role_arn: str, check: AccessCheck) -> None:
        """Return when who the integration calls as may do this; for calls that leave under other credentials.

        Raises:
            GatewayError: when it may not, or the role cannot be used.
        """
        routed = mapped.routed
        principal = await self.principal(mapped, role_arn)
        exchange = routed.exchange
        context = RequestContext(
            account_id=principal.account_id,
            region=routed.located.deployment.api.region,
            request_id=exchange.request_id,
            principal=principal,
            source_ip=exchange.request.source_ip,
            user_agent=SERVICE_PRINCIPAL,
            secure=True,
            received_ms=exchange.received_ms,
            source_arn=source_arn_of(routed),
        )
        try:
            await self._authorizer.authorize(context, [check])
        except ServiceError as error:
            raise configuration_error(f"{role_arn} may not {check.action}: {error.message}") from error


@functools.lru_cache(maxsize=1024)
def is_caller(role_arn: str) -> bool:
    """Tell whether an integration's `credentials` are those of whoever calls."""
    return _CALLER_CREDENTIALS.fullmatch(role_arn) is not None


def check_role(mapped: MappedRequest, role_arn: str) -> None:
    """Return when an integration may name this role: one of the API's own account.

    Raises:
        GatewayError: when there is none, or it belongs to another account.
    """
    if not role_arn:
        raise configuration_error("Role ARN must be specified for AWS integrations")
    if _account_of(role_arn) != mapped.routed.located.deployment.api.account_id:
        raise configuration_error(f"Cross-account pass role is not allowed: {role_arn}")


def source_arn_of(routed: Routed) -> str:
    """Return `aws:SourceArn` of the gateway's calls for a method."""
    api, exchange = routed.located.deployment.api, routed.exchange
    resource = f"{api.id}/{exchange.target.stage_name}/{exchange.method}{routed.method.resource.path}"
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{resource}"


def _caller(mapped: MappedRequest) -> Principal:
    """Return who signed the request; the backend's policies then decide on the caller's own rights."""
    authorized = reached(mapped, Authorized)
    if authorized is None or authorized.principal is None:
        raise configuration_error("the caller's own credentials need a method with the authorization type AWS_IAM")
    return authorized.principal


@functools.lru_cache(maxsize=1024)
def _account_of(role_arn: str) -> str | None:
    try:
        return parse_arn(role_arn).account_id
    except ValueError:
        return None
