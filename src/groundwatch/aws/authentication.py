"""Who sent a request: by its signature, or, for local development, by configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from groundwatch.aws.authorization import read_authorization, read_scope_unverified, verify
from groundwatch.aws.context import CredentialSource, Principal
from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import SigningKeys


class Authenticated(msgspec.Struct, frozen=True):
    """The sender of a request, and the place that the signature names."""

    principal: Principal
    region: str
    service: str | None
    """The signing name in the credential scope; None when nothing names one."""
    access_key_id: str | None
    signed_headers: tuple[str, ...] | None = None
    """Lower-case names that the signature covers; None when none was verified."""


def is_signed(request: WireRequest) -> bool:
    """Tell whether a request has a signature, good or bad, in a header or in its query."""
    return request.header("authorization") is not None or "X-Amz-Signature=" in request.query_string


class Authenticator(Protocol):
    """Establishes who sent a request."""

    async def authenticate(self, request: WireRequest) -> Authenticated:
        """Return the sender; raise `ServiceError` with the code of query services when the request proves none.

        Needs the whole request with its body as sent, since the signature covers it.
        """


class SigV4Authenticator:
    """Verifies Signature Version 4 in header and query form. Safe for concurrent use within one event loop."""

    def __init__(
        self, credentials: CredentialSource, signing_names: frozenset[str], clock_ms: Callable[[], int]
    ) -> None:
        self._credentials = credentials
        self._signing_names = signing_names
        self._clock_ms = clock_ms
        self._keys = SigningKeys()

    async def authenticate(self, request: WireRequest) -> Authenticated:
        """Return the owner of the key that signed the request."""
        now_ms = self._clock_ms()
        authorization = read_authorization(request, now_ms, self._signing_names)
        credential = await self._credentials.find_credential(authorization.access_key_id)
        verify(request, authorization, credential, self._keys, now_ms)
        if credential is None:
            raise LookupError("verify() lets no request pass without a credential")
        scope = authorization.scope
        return Authenticated(
            credential.principal,
            scope.region,
            scope.service,
            credential.access_key_id,
            signed_headers=authorization.signed_headers,
        )


class UnverifiedAuthenticator:
    """Takes every request as sent by one principal; for `--auth off` on loopback only."""

    def __init__(self, principal: Principal, default_region: str) -> None:
        self._principal = principal
        self._default_region = default_region

    async def authenticate(self, request: WireRequest) -> Authenticated:
        """Return the configured principal, in the region that the request's credential scope names, if any."""
        claimed = read_scope_unverified(request)
        if claimed is None:
            return Authenticated(self._principal, self._default_region, None, None)
        access_key_id, scope = claimed
        return Authenticated(self._principal, scope.region or self._default_region, scope.service, access_key_id)
