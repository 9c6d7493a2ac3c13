"""Opaque `nextToken`s of list and search operations: a position, bound to the request that it continues."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import msgspec


class InvalidTokenError(ValueError):
    """A token was not given out for the request that brings it."""


class _Token(msgspec.Struct, array_like=True):
    request: str
    position: list[str | int]


def seal(request: object, position: list[str | int]) -> str:
    """Return the token that lets the same request go on from `position`; it survives a restart of the server."""
    token = _Token(_fingerprint(request), position)
    # Padding is left out of tokens: some clients put them into URLs without escaping.
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def unseal(request: object, token: str, *kinds: type[str | int]) -> list[str | int]:
    """Return the position in `token`, which has parts of these kinds; integers have 64 bits.

    Raises `InvalidTokenError` when it was not given out for this request. Whoever knows how, can make a token that was;
    it leads to another page of what the request may see anyway.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        opened = msgspec.json.decode(raw, type=_Token)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidTokenError(token) from error
    if opened.request != _fingerprint(request) or not _fits(opened.position, kinds):
        raise InvalidTokenError(token)
    return opened.position


def _fits(position: Sequence[str | int], kinds: Sequence[type[str | int]]) -> bool:
    if len(position) != len(kinds) or not all(map(isinstance, position, kinds)):
        return False
    return all(-(2**63) <= part < 2**63 for part in position if isinstance(part, int))


def _fingerprint(request: object) -> str:
    # Nine bytes: not a secret, only long enough that two requests of a client do not share one by accident.
    return hashlib.blake2b(msgspec.json.encode(request), digest_size=9).hexdigest()
