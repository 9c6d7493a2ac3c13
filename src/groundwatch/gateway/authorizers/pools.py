"""`COGNITO_USER_POOLS` and `JWT`: callers with a token that an issuer signed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.identity import Identity
from groundwatch.gateway.authorizers.issuers import Issuer
from groundwatch.gateway.authorizers.key_sets import FetchError
from groundwatch.gateway.authorizers.question import Question
from groundwatch.gateway.authorizers.signed import require_policy
from groundwatch.gateway.authorizers.tokens import KEY_TYPES, Claims, ExpiredTokenError, TokenError
from groundwatch.gateway.authorizers.verdicts import unauthorized
from groundwatch.gateway.definition import TokenIssuer
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.runtime.context import message_for
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.stages import Routed

_SCHEME = "bearer "
_POOL_TIMES = ("exp", "iat")
"""Claims of user pools that the service writes as dates."""


class TokenMethods(ABC):
    """What the two types share: good claims let a caller in where the API's policy, if any, does so too."""

    def __init__(self, guards: MethodGuards) -> None:
        self._guards = guards

    async def authorize(self, routed: Routed) -> Identity:
        """Raise 401 for a missing or bad token, and 403 when the API has a policy that does not allow the call."""
        compiled, log = authorizer_of(routed), routed.exchange.log
        if log.active:
            log.line(f"Starting authorizer: {compiled.definition.id} for request: {routed.exchange.request_id}")
        claims = await self.claims(routed, compiled)
        log.line("Successfully completed authorizer execution")
        await require_policy(Question.of(routed), self._guards.policies)
        return Identity(authorizer=ContextMap(claims=ContextMap(claims)))

    @abstractmethod
    async def claims(self, routed: Routed, compiled: CompiledAuthorizer) -> dict[str, str]:
        """Return the claims of the request's token, as texts; raises as `authorize`."""


class PoolMethods(TokenMethods):
    """`COGNITO_USER_POOLS`: the token's issuer stands behind one of the authorizer's user pools."""

    async def claims(self, routed: Routed, compiled: CompiledAuthorizer) -> dict[str, str]:
        """Return the claims of the request's token, as texts; raises as `authorize`."""
        try:
            issuers = [self._guards.issuers.of_pool(arn) for arn in compiled.definition.provider_arns]
        except ValueError as error:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=str(error)) from error
        claims = await verified(self._guards, bearer_token(routed, compiled), issuers, KEY_TYPES)
        check_use(claims, routed.method.definition.authorization_scopes)
        if not any(compiled.accepts(name) for name in audiences(claims)):
            raise unauthorized("the token is for another audience")
        return pool_claims(claims)


class JwtMethods(TokenMethods):
    """`JWT`: the authorizer itself names issuers, audiences and algorithms."""

    async def claims(self, routed: Routed, compiled: CompiledAuthorizer) -> dict[str, str]:
        """Return the claims of the request's token, as texts; raises as `authorize`."""
        configuration = compiled.definition.jwt_configuration
        if configuration is None:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason="the authorizer has no JWT configuration")
        issuers = {held.issuer: held for held in configuration.issuers}
        named = [Issuer(name, trusted=False) for name in issuers]
        token = bearer_token(routed, compiled)
        claims = await verified(self._guards, token, named, configuration.default_algorithms)
        check_claims(claims, issuers[claims["iss"]])
        scopes = routed.method.definition.authorization_scopes
        if scopes and scopes_of(claims).isdisjoint(scopes):
            raise unauthorized("the token has none of the scopes")
        return {name: text_of(value) for name, value in claims.items()}


def authorizer_of(routed: Routed) -> CompiledAuthorizer:
    """Return the authorizer of a method. Raises a gateway error when there is none that can be used."""
    return routed.located.deployment.authorizer(routed.method.definition.authorizer_id)


def bearer_token(routed: Routed, compiled: CompiledAuthorizer) -> str:
    """Return the token in the header that the authorizer names, with or without `Bearer`; raises 401 without one."""
    message = message_for(routed)
    found = compiled.identity(message)
    # A backend that the request is passed on to may read another one than was verified.
    if found is None or len(found) != 1 or compiled.is_repeated(message):
        raise unauthorized("not one token")
    token = found[0].strip()
    return token[len(_SCHEME) :].strip() if token.lower().startswith(_SCHEME) else token


async def verified(
    guards: MethodGuards, token: str, issuers: Collection[Issuer], algorithms: Collection[str]
) -> Claims:
    """Return the claims of a good token; raises the gateway's errors for any other."""
    try:
        return await guards.tokens.verify(token, issuers, algorithms)
    except ExpiredTokenError as error:
        message = "The incoming token has expired"
        raise GatewayError("EXPIRED_TOKEN", message, error_type="UnauthorizedException", status=401) from error
    except TokenError as error:
        raise unauthorized(str(error)) from error
    except FetchError as error:
        raise GatewayError("AUTHORIZER_FAILURE", reason=str(error)) from error


def check_use(claims: Claims, scopes: Collection[str]) -> None:
    """Raise 401 unless it is an access token with a wanted scope or, where none is wanted, no access token.

    Issuers that do not say what a token is for (`token_use` is Cognito's) are taken at their scopes.
    """
    use = claims.get("token_use")
    if scopes:
        if use not in (None, "access") or scopes_of(claims).isdisjoint(scopes):
            raise unauthorized("no access token with one of the scopes")
    elif use not in (None, "id"):
        raise unauthorized("an access token, where an identity token is wanted")


def check_claims(claims: Claims, issuer: TokenIssuer) -> None:
    """Raise 401 unless the token is for one of the audiences and has the claims that the authorizer asks for."""
    if "aud" not in claims or not any(name in issuer.audiences for name in audiences(claims)):
        raise unauthorized("the token is for another audience")
    for rule in issuer.additional_claims:
        value = claims.get(rule.claim_name)
        if value is None and not rule.required:
            continue
        if not isinstance(value, str) or (rule.expected_values and value not in rule.expected_values):
            raise unauthorized(f"the claim {rule.claim_name} is not as it should be")


def audiences(claims: Claims) -> list[str]:
    """Return whom a token is for: `aud`, or the client that an access token of a user pool names instead."""
    given = claims.get("aud", claims.get("client_id", ""))
    listed = given if isinstance(given, list) else [given]
    return [name for name in listed if isinstance(name, str)]


def scopes_of(claims: Claims) -> frozenset[str]:
    """Return the scopes of a token, from `scope` (separated by blanks) or `scp`."""
    given = claims.get("scope", claims.get("scp"))
    if isinstance(given, str):
        return frozenset(given.split())
    return frozenset(held for held in given if isinstance(held, str)) if isinstance(given, list) else frozenset()


def pool_claims(claims: Claims) -> dict[str, str]:
    """Return the claims as texts, times in the form in which the service shows those of user pools."""
    texts = {name: text_of(value) for name, value in claims.items()}
    for name in _POOL_TIMES:
        seconds = claims.get(name)
        if isinstance(seconds, int) and 0 <= seconds < 253402300800:
            moment = datetime.fromtimestamp(seconds, UTC)
            texts[name] = f"{moment:%a %b %d %H:%M:%S} UTC {moment:%Y}"
    return texts


def text_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a claim as text: members of lists joined by commas, everything else as JSON writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(held, str) for held in value):
        return ",".join(value)
    return msgspec.json.encode(value).decode()
