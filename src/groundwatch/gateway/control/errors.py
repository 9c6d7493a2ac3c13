"""The errors of the API Gateway model that the control plane answers with, each with its HTTP status."""

from __future__ import annotations

from typing import TypeVar

from groundwatch.aws.errors import ServiceError

T = TypeVar("T")
LIMIT_EXCEEDED = "LimitExceededException"


def bad_request(message: str) -> ServiceError:
    """Return the error for input that means nothing here."""
    return ServiceError("BadRequestException", message, status=400)


def not_found(message: str) -> ServiceError:
    """Return the error for something that does not exist in the caller's account and region."""
    return ServiceError("NotFoundException", message, status=404)


def require(value: T | None, message: str) -> T:
    """Return what was looked for; raise NotFoundException with the message where it is not."""
    if value is None:
        raise not_found(message)
    return value


def conflict(message: str) -> ServiceError:
    """Return the error for something that exists already or is still needed."""
    return ServiceError("ConflictException", message, status=409)


def limit_exceeded(message: str) -> ServiceError:
    """Return the error for more of something than an API may have."""
    return ServiceError(LIMIT_EXCEEDED, message, status=429)


def access_denied(message: str) -> ServiceError:
    """Return the error for something that the caller may not do."""
    return ServiceError("AccessDeniedException", message, status=403)


def invalid_mapping(reason: str) -> ServiceError:
    """Return the error for a parameter mapping, in the form in which the service reports its validator's findings."""
    # Its frame stands around all of them, though there is only ever one error and no warning.
    frame = f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [{reason}]"
    return bad_request(frame)
