"""AWS integrations whose service is not this server: who they call as, and what their failures are.

By default the integration's role is assumed at the upstream, as API Gateway does there, and the upstream's policies
decide. With `own` credentials the upstream sees this process, so the role is one of this server's, and its policies are
asked before the request leaves.
"""

from __future__ import annotations

import logging

from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.integrations.base import UnknownServiceError
from groundwatch.gateway.integrations.http import NETWORK_ERROR
from groundwatch.gateway.integrations.roles import SESSION_NAME, RoleSessions, check_role, is_caller, source_arn_of
from groundwatch.gateway.integrations.uri import AwsTarget
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.stages import MappedRequest
from groundwatch.gateway.upstream.calls import call_upstream, endpoint_path, error_code
from groundwatch.gateway.upstream.credentials import Keys, UpstreamCredentialsError
from groundwatch.gateway.upstream.endpoints import Endpoint
from groundwatch.gateway.upstream.groups import SERVICE, BothSidesError
from groundwatch.gateway.upstream.room import Upstream
from groundwatch.outbound import AnswerTooLargeError, OutboundError, OutboundTimeoutError

log = logging.getLogger(__name__)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})


class UpstreamCalls:
    """Calls services elsewhere for integrations."""

    def __init__(self, upstream: Upstream, sessions: RoleSessions) -> None:
        self._upstream = upstream
        self._sessions = sessions

    def endpoint(self, target: AwsTarget, request: WireRequest) -> Endpoint | None:
        """Return where a request goes, None for this server.

        Raises:
            GatewayError: 400 when it belongs to neither side alone.
        """
        found = self._upstream.endpoints.find(target.service, target.region)
        if found is None or target.service != SERVICE:
            return found
        try:
            return found if self._upstream.sides.goes_upstream(request) else None
        except BothSidesError as error:
            raise GatewayError("BAD_REQUEST_PARAMETERS", str(error)) from error

    async def call(
        self, mapped: MappedRequest, target: AwsTarget, endpoint: Endpoint, request: WireRequest, role_arn: str
    ) -> WireResponse:
        """Return the upstream's answer, its errors included.

        Raises:
            GatewayError: 504 when there is no answer, 500 when there are no credentials to ask with, 400 for a query
                of which this server cannot tell whether it is allowed.
        """
        if is_caller(role_arn):
            # Policies of the caller's account are about that account; what is asked upstream is another one's.
            raise configuration_error("the caller's own credentials cannot be used for a service elsewhere")
        if self._upstream.mode == "own":
            if target.service == SERVICE and self._upstream.sides.chooses_by_prefix(request):
                # Which groups these are is known upstream alone, so no policy here can say whether they are allowed.
                reason = "a query over log groups elsewhere names them: SOURCE logGroups() cannot be judged here"
                raise GatewayError("BAD_REQUEST_PARAMETERS", reason)
            refused = await self._refusal(mapped, target, request, role_arn)
            if refused is not None:
                return refused
        keys = await self._keys(mapped, target, role_arn)
        answer = await self._send(mapped, target, endpoint, request, keys)
        if self._upstream.mode == "role" and error_code(answer) in _EXPIRED:
            log.warning("%s refused the credentials of %s: asking for new ones", endpoint.url, role_arn)
            self._upstream.roles.forget(role_arn, keys)
            keys = await self._keys(mapped, target, role_arn)
            answer = await self._send(mapped, target, endpoint, request, keys)
        self._upstream.sides.learn(request, answer)
        return answer

    async def _refusal(
        self, mapped: MappedRequest, target: AwsTarget, request: WireRequest, role_arn: str
    ) -> WireResponse | None:
        api = mapped.routed.located.deployment.api
        if api.account_id != self._upstream.operator_account:
            # A tenant writes its own policies; they must not decide what the operator's credentials are used for.
            raise configuration_error(f"APIs of account {api.account_id} may not use the operator's own credentials")
        principal = await self._sessions.principal(mapped, role_arn)
        source_arn = source_arn_of(mapped.routed)
        try:
            return await self._upstream.refusals.refusal(
                target.service, request, principal, region=target.region, source_arn=source_arn
            )
        except UnknownServiceError as error:
            reason = f"this server cannot judge calls of {target.service}: use --upstream-credentials role"
            raise configuration_error(reason) from error

    async def _send(
        self, mapped: MappedRequest, target: AwsTarget, endpoint: Endpoint, request: WireRequest, keys: Keys
    ) -> WireResponse:
        place, path = endpoint_path(endpoint, request.path, target.subdomain)
        timeout_s = mapped.routed.method.integration.timeout_in_millis / 1000
        try:
            return await call_upstream(self._upstream.client, place, path, request, keys, timeout_s=timeout_s)
        except OutboundTimeoutError as error:
            raise GatewayError("INTEGRATION_TIMEOUT", reason=f"{place.url}: {error}") from error
        except AnswerTooLargeError as error:
            raise configuration_error(f"{place.url}: {error}") from error
        except OutboundError as error:
            raise GatewayError("INTEGRATION_FAILURE", NETWORK_ERROR, reason=f"{place.url}: {error}") from error

    async def _keys(self, mapped: MappedRequest, target: AwsTarget, role_arn: str) -> Keys:
        try:
            if self._upstream.mode == "own":
                return await self._upstream.own.current()
            check_role(mapped, role_arn)
            return await self._upstream.roles.current(role_arn, SESSION_NAME, self._sts(target.region))
        except UpstreamCredentialsError as error:
            log.warning("no credentials for an upstream call: %s", error)
            # The reason may name the operator's own user, and the log of a stage is its owner's.
            reason = f"API Gateway does not have permission to assume the provided role {role_arn}"
            raise configuration_error(reason) from error

    def _sts(self, region: str) -> Endpoint:
        sts = self._upstream.endpoints.find("sts", region)
        if sts is None:
            raise UpstreamCredentialsError("sts is not called upstream; add sts=aws or a URL to --upstream")
        return sts
