"""Opaque `NextToken`s: a position, bound to the request that it continues."""

from __future__ import annotations

import base64
import hashlib
from typing import TypeVar

import msgspec

from groundwatch.aws.errors import ServiceError

Position = TypeVar("Position")


def seal(request: object, position: object) -> str:
    """Return the token that lets the same request go on from `position`; it survives a restart of the server."""
    raw = msgspec.json.encode([_fingerprint(request), position])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unseal(request: object, token: str, kind: type[Position]) -> Position:
    """Return the position in `token`; raises `InvalidNextToken` when it was not given out for this request."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        fingerprint, position = msgspec.json.decode(raw, type=tuple[str, kind])  # type: ignore[valid-type]
    except (ValueError, msgspec.MsgspecError) as error:
        raise ServiceError("InvalidNextToken") from error
    if fingerprint != _fingerprint(request):
        raise ServiceError("InvalidNextToken")
    return position


def _fingerprint(request: object) -> str:
    # Nine bytes: not a secret, only long enough that two requests of a client do not share one by accident.
    return hashlib.blake2b(msgspec.json.encode(request), digest_size=9).hexdigest()
