"""How one `ServiceError` is spelled and numbered by each protocol.

Services and the authenticator name an error once, in any of its spellings; modelled errors take theirs from the service
model, the errors common to all services from the table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.models import ErrorShape, ProtocolName, ServiceDescription
from groundwatch.aws.profiles import find_profile


class CommonError(msgspec.Struct, frozen=True):
    """An error that every service knows: its two spellings, and its status by protocol."""

    query_code: str
    json_code: str
    query_status: int
    json_status: int
    rest_status: int


COMMON_ERRORS: tuple[CommonError, ...] = (
    CommonError("IncompleteSignature", "IncompleteSignatureException", 403, 400, 403),
    CommonError("MissingAuthenticationToken", "MissingAuthenticationTokenException", 403, 400, 403),
    CommonError("SignatureDoesNotMatch", "InvalidSignatureException", 403, 400, 403),
    CommonError("InvalidClientTokenId", "UnrecognizedClientException", 403, 400, 403),
    CommonError("ExpiredToken", "ExpiredTokenException", 403, 400, 403),
    CommonError("RequestExpired", "RequestExpiredException", 400, 400, 400),
    CommonError("MalformedQueryString", "MalformedQueryStringException", 404, 400, 400),
    CommonError("AccessDenied", "AccessDeniedException", 403, 400, 403),
    CommonError("Throttling", "ThrottlingException", 400, 400, 429),
    CommonError("ServiceUnavailable", "ServiceUnavailableException", 503, 503, 503),
    CommonError("InternalFailure", "InternalServerException", 500, 500, 500),
    CommonError("ValidationError", "ValidationException", 400, 400, 400),
    CommonError("InvalidAction", "UnknownOperationException", 404, 400, 404),
    CommonError("MalformedInput", "SerializationException", 400, 400, 400),
    CommonError("RequestEntityTooLarge", "RequestEntityTooLargeException", 413, 413, 413),
    CommonError("NotImplementedException", "NotImplementedException", 501, 501, 501),
)
_NAMED_BY_SHAPE = frozenset({"json", "smithy-rpc-v2-cbor"})
_DENIED = next(error for error in COMMON_ERRORS if error.query_code == "AccessDenied")
_BY_CODE = {code: error for error in COMMON_ERRORS for code in (error.query_code, error.json_code)}


class ResolvedError(msgspec.Struct, frozen=True):
    """An error in the words of one protocol."""

    code: str
    status: int
    message: str | None
    members: Mapping[str, Any]
    """Modelled members beside the message, by model name."""
    shape: ErrorShape | None
    is_server_fault: bool
    query_code: str
    """The code that the query protocol has for it."""


def resolve_error(
    error: ServiceError, service: ServiceDescription, protocol: ProtocolName | None = None
) -> ResolvedError:
    """Return how `service` answers with `error` in `protocol`, by default the service's first.

    The status is the error's own, else the model's, else the common table's, else 400. Members that the error shape
    lacks are dropped.
    """
    protocol = protocol or service.protocol
    common = _BY_CODE.get(error.code)
    code = error.code if common is None else _spelling(common, protocol)
    query_code = error.code if common is None else common.query_code
    if common is _DENIED:
        code = find_profile(service.name, protocol).denied_code or code
    # A code that the service models is spelled by the model, even where the table has another form of it.
    modelled = service.errors.get(error.code) or service.errors.get(code)
    if modelled is not None:
        query_code, status = modelled.code, modelled.status
        # Codes of their own are the query protocol's; the others name the shape.
        code = modelled.name if protocol in _NAMED_BY_SHAPE else modelled.code
    else:
        status = 400 if common is None else _status(common, protocol)
    status = error.status or status
    known = modelled.shape.members if modelled is not None else {}
    return ResolvedError(
        code=code,
        status=status,
        message=error.message,
        members={name: value for name, value in error.members.items() if name in known and value is not None},
        shape=modelled,
        is_server_fault=status >= 500,
        query_code=query_code,
    )


def query_error_header(resolved: ResolvedError) -> tuple[str, str]:
    """Return the header in which other protocols tell clients the query protocol's code of an error."""
    return "x-amzn-query-error", f"{resolved.query_code};{'Receiver' if resolved.is_server_fault else 'Sender'}"


def _spelling(common: CommonError, protocol: ProtocolName) -> str:
    return common.query_code if protocol == "query" else common.json_code


def _status(common: CommonError, protocol: ProtocolName) -> int:
    statuses = {
        "query": common.query_status,
        "json": common.json_status,
        "smithy-rpc-v2-cbor": common.json_status,
        "rest-json": common.rest_status,
    }
    return statuses[protocol]
