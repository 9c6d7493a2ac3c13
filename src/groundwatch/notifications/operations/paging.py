"""Tokens of the next page: the last name or id of the one before, bound to what is listed."""

from __future__ import annotations

import base64
import hashlib

import msgspec

from groundwatch.notifications.errors import invalid


def seal(listing: str, last: str) -> str:
    """Return the token that lets a listing go on behind `last`."""
    return base64.urlsafe_b64encode(msgspec.json.encode([_mark(listing), last])).decode()


def unseal(listing: str, token: str | None) -> str:
    """Return behind what a listing goes on, the empty string for its beginning; `InvalidParameter` for other tokens."""
    if not token:
        return ""
    try:
        mark, last = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (ValueError, msgspec.MsgspecError) as error:
        raise invalid("NextToken") from error
    if mark != _mark(listing):
        raise invalid("NextToken")
    return last


def _mark(listing: str) -> str:
    return hashlib.blake2b(listing.encode(), digest_size=6).hexdigest()
