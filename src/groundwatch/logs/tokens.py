"""`nextToken`s of CloudWatch Logs: those of every service, with this one's error."""

from __future__ import annotations

from groundwatch.aws import tokens
from groundwatch.aws.tokens import seal
from groundwatch.logs.events import invalid_token

__all__ = ["seal", "unseal"]


def unseal(request: object, token: str, *kinds: type[str | int]) -> list[str | int]:
    """Return the position in `token`; `InvalidParameterException` when it was not given out for this request."""
    try:
        return tokens.unseal(request, token, *kinds)
    except tokens.InvalidTokenError as error:
        raise invalid_token() from error
