"""JSON Web Tokens: whose they are, whether the issuer signed them, and whether they are good now.

Claims count only after the signature. What the header says about keys is not followed, except for the key's id, and the
algorithm must be one of those allowed: signatures of public keys only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import ExpiredTokenError as JoseExpiredError
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from groundwatch.gateway.authorizers.issuers import Issuer
from groundwatch.gateway.authorizers.key_sets import Key, KeySets

KEY_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
"""The algorithms of signatures that can be verified, and the type of key that each takes."""
SKEW_S = 30
"""How much an issuer's clock may differ."""
MAX_TOKEN_CHARACTERS = 16_384
Claims = Mapping[str, Any]


class TokenError(Exception):
    """A token that proves nothing; the text is for the log only."""


class ExpiredTokenError(TokenError):
    """A token of the right issuer whose time is over."""


class _Registry(jws.JWSRegistry):
    # Issuers that put certificates into the header exceed the library's 512 bytes.
    max_header_length = MAX_TOKEN_CHARACTERS


class TokenVerifier:
    """Verifies tokens with the keys of their issuers."""

    def __init__(self, keys: KeySets, clock_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._clock_ms = clock_ms

    async def verify(self, token: str, issuers: Collection[Issuer], algorithms: Collection[str]) -> Claims:
        """Return the claims of a token that one of the issuers signed with one of the algorithms, and that is good now.

        Raises:
            TokenError: when it proves nothing; ExpiredTokenError when only its time is over.
            FetchError: when the keys of the issuer are not known.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenError("the token is too long")
        registry = _Registry(algorithms=[name for name in algorithms if name in KEY_TYPES], strict_check_header=False)
        try:
            signed = jws.extract_compact(token.encode(), registry=registry)
        except (JoseError, ValueError) as error:
            raise TokenError(f"not a token: {error}") from error
        header, claims = signed.headers(), _claims(signed.payload)
        issuer = next((held for held in issuers if held.name == claims.get("iss")), None)
        if issuer is None:
            raise TokenError("of another issuer")
        key = await self._keys.find(issuer, _key_id(header), _key_type(header, algorithms))
        if key is None:
            raise TokenError("signed with an unknown key")
        _check_signature(signed, key, registry)
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Claims) -> None:
        registry = JWTClaimsRegistry(now=self._clock_ms() // 1000, leeway=SKEW_S, exp={"essential": True})
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        try:
            registry.validate(times)
        except JoseExpiredError as error:
            raise ExpiredTokenError("the token has expired") from error
        except JoseError as error:
            raise TokenError(f"not valid now: {error}") from error


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TokenError("its claims are not JSON") from error
    if not isinstance(claims, dict):
        raise TokenError("its claims are no object")
    return claims


def _key_type(header: Mapping[str, Any], algorithms: Collection[str]) -> str:
    algorithm = header.get("alg")
    # Neither `none` nor a shared secret is ever in the table, whatever an authorizer lists.
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in KEY_TYPES:
        raise TokenError("signed with an algorithm that is not accepted")
    if "crit" in header:
        raise TokenError("it has critical header members")
    return KEY_TYPES[algorithm]


def _key_id(header: Mapping[str, Any]) -> str | None:
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise TokenError("its key id is no text")
    return key_id


def _check_signature(signed: jws.CompactSignature, key: Key, registry: jws.JWSRegistry) -> None:
    algorithm = signed.headers()["alg"]
    if key.alg is not None and key.alg != algorithm:
        raise TokenError("signed with another algorithm than its key is for")
    try:
        valid = jws.validate_compact(signed, key, registry=registry)
    except (JoseError, ValueError) as error:
        raise TokenError(f"its signature cannot be checked: {error}") from error
    if not valid:
        raise TokenError("its signature is wrong")
