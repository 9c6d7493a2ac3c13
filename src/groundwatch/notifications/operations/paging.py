"""Tokens of the next page: the last name or id of the one before, bound to what is listed."""

from __future__ import annotations

from groundwatch.aws.tokens import InvalidTokenError, unseal
from groundwatch.notifications.errors import invalid


def last_of(listing: str, token: str | None) -> str:
    """Return behind what a listing goes on, the empty string for its beginning; `InvalidParameter` for other tokens."""
    if not token:
        return ""
    try:
        (last,) = unseal(listing, token, str)
    except InvalidTokenError as error:
        raise invalid("NextToken") from error
    return str(last)
