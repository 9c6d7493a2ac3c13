"""`NONE` and `AWS_IAM`: callers without a name, and callers who sign with an access key."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from groundwatch.aws.authentication import Authenticated
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.sigv4 import ALGORITHM
from groundwatch.gateway.authorizers.guards import MethodGuards, PolicyDecider
from groundwatch.gateway.authorizers.identity import Identity
from groundwatch.gateway.authorizers.question import ANONYMOUS, Question
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.exchange import Exchange
from groundwatch.gateway.runtime.stages import Routed

SERVICE = "execute-api"
"""What signatures for deployed APIs are scoped to."""
_OVERRIDE = "x-http-method-override"
_ERRORS: Mapping[str, tuple[str, str]] = {
    "MissingAuthenticationToken": ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
    "IncompleteSignature": ("INVALID_SIGNATURE", "IncompleteSignatureException"),
    "SignatureDoesNotMatch": ("INVALID_SIGNATURE", "InvalidSignatureException"),
    "MalformedQueryString": ("INVALID_SIGNATURE", "MalformedQueryStringException"),
    "InvalidClientTokenId": ("INVALID_SIGNATURE", "UnrecognizedClientException"),
    "ExpiredToken": ("EXPIRED_TOKEN", "ExpiredTokenException"),
}
"""The faults of signatures → gateway response type and `x-amzn-ErrorType`."""


async def require_policy(question: Question, policies: PolicyDecider) -> None:
    """Return when the API has no resource policy, or the policy itself lets callers without a name in.

    Raises:
        GatewayError: 403 when it does not.
    """
    if question.policy is None:
        return
    decision = await policies.decide(question.context(ANONYMOUS), question.check(), question.policy)
    if not decision.allowed:
        raise question.refusal(ANONYMOUS, decision)


class OpenMethods:
    """`NONE`: everybody whom the resource policy lets in."""

    def __init__(self, guards: MethodGuards) -> None:
        self._policies = guards.policies

    async def authorize(self, routed: Routed) -> Identity:
        """Raise 403 when the API's policy does not allow the call."""
        if routed.located.deployment.api.policy is not None:
            await require_policy(Question.of(routed), self._policies)
        return Identity()


class SignedMethods:
    """`AWS_IAM`: callers whose policies, with that of the API, allow the call."""

    def __init__(self, guards: MethodGuards) -> None:
        self._authenticator = guards.authenticator
        self._policies = guards.policies

    async def authorize(self, routed: Routed) -> Identity:
        """Raise 403 for a signature that proves nothing, and for a caller who is not allowed."""
        question = Question.of(routed)
        caller = await self._authenticate(routed)
        principal = caller.principal
        decision = await self._policies.decide(question.context(principal), question.check(), question.policy)
        if not decision.allowed:
            raise question.refusal(principal, decision)
        return Identity(principal=principal, access_key_id=caller.access_key_id)

    async def _authenticate(self, routed: Routed) -> Authenticated:
        request = routed.exchange.request
        header = request.header("authorization")
        if header is not None and not header.startswith(ALGORITHM):
            raise other_scheme(header)
        try:
            caller = await self._authenticator.authenticate(request)
        except ServiceError as error:
            raise _refusal(error) from error
        _check_signed_place(routed, caller)
        region = routed.located.deployment.api.region
        if caller.region != region:
            message = f"Credential should be scoped to a valid region, not '{caller.region}'."
            raise GatewayError("INVALID_SIGNATURE", message)
        return caller


def not_found(exchange: Exchange) -> GatewayError:
    """Return the service's answer for unknown routes, which takes them for calls of its own signed API."""
    authorization = exchange.request.header("authorization")
    if authorization is None or authorization.startswith(ALGORITHM):
        return GatewayError("MISSING_AUTHENTICATION_TOKEN")
    return other_scheme(authorization)


def other_scheme(authorization: str) -> GatewayError:
    """Return the answer to an `Authorization` header that holds something else than a signature."""
    digest = base64.b64encode(hashlib.sha256(authorization.encode()).digest()).decode()
    message = (
        "Invalid key=value pair (missing equal-sign) in Authorization header "
        f"(hashed with SHA-256 and encoded with Base64): '{digest}'."
    )
    return GatewayError("MISSING_AUTHENTICATION_TOKEN", message, error_type="IncompleteSignatureException")


def _check_signed_place(routed: Routed, caller: Authenticated) -> None:
    """Raise 403 where the request goes elsewhere than its signature says.

    Whoever is given a presigned URL must not make another call of it: signatures are the same for a path and for its
    detours through dot segments, and do not cover a header that replaces the verb unless it is signed.
    """
    exchange = routed.exchange
    if any(segment in (".", "..") for segment in exchange.target.path.split("/")):
        raise GatewayError("INVALID_SIGNATURE", reason="the path has dot segments")
    replaced = exchange.method != exchange.request.method
    if replaced and caller.signed_headers is not None and _OVERRIDE not in caller.signed_headers:
        raise GatewayError("INVALID_SIGNATURE", reason=f"{_OVERRIDE} is not signed")


def _refusal(error: ServiceError) -> GatewayError:
    response_type, error_type = _ERRORS.get(error.code, ("INVALID_SIGNATURE", f"{error.code}Exception"))
    message = None if error.code == "MissingAuthenticationToken" else error.message
    return GatewayError(response_type, message, error_type=error_type)
