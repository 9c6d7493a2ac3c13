"""Everything the gateway itself answers with: one family of errors, named by gateway response type.

`DEFAULTS` is the table of types: status, message and the value of `x-amzn-ErrorType`. Errors raised during execution
are written with a space after the colon, those of the front door without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponseType:
    """The service's own form of one kind of error."""

    status: int
    message: str | None
    error_type: str
    spaced: bool = False
    """True when the default body has a space after the colon."""
    customisable: bool = True


MAX_VALIDATION_CHARACTERS = 4096
_INTERNAL = "Internal server error"
_FAULT = "InternalServerErrorException"

DEFAULTS: Mapping[str, ResponseType] = {
    "ACCESS_DENIED": ResponseType(403, "User is not authorized to access this resource", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": ResponseType(500, _INTERNAL, _FAULT, spaced=True),
    "AUTHORIZER_CONFIGURATION_ERROR": ResponseType(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": ResponseType(500, None, "AuthorizerFailureException"),
    "BAD_REQUEST_PARAMETERS": ResponseType(400, None, "BadRequestException", spaced=True),
    "BAD_REQUEST_BODY": ResponseType(400, "Invalid request body", "BadRequestException", spaced=True),
    "EXPIRED_TOKEN": ResponseType(
        403, "The security token included in the request is expired", "ExpiredTokenException"
    ),
    "INTEGRATION_FAILURE": ResponseType(504, _INTERNAL, _FAULT, spaced=True),
    "INTEGRATION_TIMEOUT": ResponseType(504, "Endpoint request timed out", _FAULT, spaced=True),
    "INVALID_API_KEY": ResponseType(403, "Forbidden", "ForbiddenException"),
    "INVALID_SIGNATURE": ResponseType(
        403,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
        "InvalidSignatureException",
    ),
    "MISSING_AUTHENTICATION_TOKEN": ResponseType(
        403, "Missing Authentication Token", "MissingAuthenticationTokenException"
    ),
    "QUOTA_EXCEEDED": ResponseType(429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": ResponseType(413, "Request Too Long", "RequestTooLargeException", customisable=False),
    "RESOURCE_NOT_FOUND": ResponseType(404, "Not Found", "NotFoundException"),
    "THROTTLED": ResponseType(429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": ResponseType(401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": ResponseType(415, "Unsupported Media Type", "BadRequestException", spaced=True),
    "WAF_FILTERED": ResponseType(403, "Forbidden", "ForbiddenException"),
}


class GatewayError(Exception):
    """An answer of the gateway itself.

    `message` is for the client and defaults to the type's own; `reason` is for the log only. `error_type` replaces the
    type's own where the service names the same response differently, and `status` its status.
    """

    def __init__(
        self,
        response_type: str,
        message: str | None = None,
        *,
        reason: str | None = None,
        error_type: str | None = None,
        status: int | None = None,
    ) -> None:
        default = DEFAULTS[response_type]
        self.response_type = response_type
        self.message = default.message if message is None else message
        self.reason = reason
        self.status = status or default.status
        self.error_type = error_type or default.error_type
        self.validation_error: str | None = None
        """What is wrong with the body, for `$context.error.validationErrorString`."""
        self.spaced = default.spaced
        self.customisable = default.customisable
        super().__init__(reason or self.message or response_type)


def configuration_error(reason: str) -> GatewayError:
    """Return the error for a definition that cannot be executed; clients see only `Internal server error`."""
    return GatewayError("API_CONFIGURATION_ERROR", reason=reason)


def invalid_body(content_type: str, problems: Sequence[str]) -> GatewayError:
    """Return the answer for a body that its model does not allow; clients are not told why."""
    text = f"[{', '.join(problems)}]"[:MAX_VALIDATION_CHARACTERS]
    reason = f"Request body does not match model schema for content type {content_type}: {text}"
    error = GatewayError("BAD_REQUEST_BODY", reason=reason)
    error.validation_error = text
    return error


def unknown_stage() -> GatewayError:
    """Return the answer for an unknown API or stage and for a disabled endpoint, which no API can customise."""
    return GatewayError("INVALID_API_KEY", reason="unknown API or stage, or its endpoint is disabled")


def disabled_account(account_id: str) -> GatewayError:
    """Return the answer for an API of a tenant that is shut out; the same as for an unknown one, told in the log."""
    return GatewayError("INVALID_API_KEY", reason=f"the account {account_id} is disabled")


def uri_too_long(reason: str) -> GatewayError:
    """Return 414, for which there is no gateway response type of its own."""
    return GatewayError("REQUEST_TOO_LARGE", "Request URI too long", reason=reason, status=414)
