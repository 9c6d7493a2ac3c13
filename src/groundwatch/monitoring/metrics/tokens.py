"""Positions in lists: where a `NextToken` goes on."""

from __future__ import annotations

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.tokens import InvalidTokenError, unseal


def position_in(request: object, token: str, *kinds: type[str | int]) -> list[str | int]:
    """Return the position in `token`, which has parts of these kinds.

    Raises `InvalidNextToken`, which the service leaves without a message, when it was not given out for this request.
    """
    try:
        return unseal(request, token, *kinds)
    except InvalidTokenError as error:
        raise ServiceError("InvalidNextToken") from error
