"""Smithy's RPC-v2-CBOR: the operation in the path, input and output as CBOR maps."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.cbor_values import decode_cbor, encode_cbor, structure_from_cbor, structure_to_cbor
from groundwatch.aws.error_codes import query_error_header, resolve_error
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.models import Operation, ProtocolName, ServiceDescription
from groundwatch.aws.profiles import find_profile
from groundwatch.aws.protocols.json import message_key
from groundwatch.aws.validation import check_input

PROTOCOL_HEADER = "smithy-protocol"
PROTOCOL_NAME = "rpc-v2-cbor"
_CONTENT_TYPE = "application/cbor"
_PROTOCOL: tuple[str, str] = (PROTOCOL_HEADER, PROTOCOL_NAME)


def operation_in_path(path: str) -> tuple[str, str] | None:
    """Return service and operation of a path that ends in `/service/S/operation/O`, None for other paths.

    S may be an absolute shape id, of which what follows the last dot is the name.
    """
    parts = path.rsplit("/", 4)
    if len(parts) != 5 or (parts[1], parts[3]) != ("service", "operation"):
        return None
    return parts[2].rpartition(".")[2], parts[4]


class CborCodec:
    """Speaks RPC-v2-CBOR for one service; with `query_mode` errors also carry the query protocol's code."""

    protocol: ProtocolName = "smithy-rpc-v2-cbor"
    names_operation_openly = False

    def __init__(self, service: ServiceDescription, *, query_mode: bool = False) -> None:
        self.service = service
        self._query_mode = query_mode
        self._profile = find_profile(service.name, self.protocol)

    def find_operation(self, request: WireRequest) -> Operation:
        """Return the operation that the path names; a request that names another in `X-Amz-Target` is refused."""
        named = operation_in_path(request.path)
        if named is None or request.header("x-amz-target") is not None or named[0] != self.service.target_prefix:
            raise ServiceError("UnknownOperationException")
        operation = self.service.find_operation(named[1])
        if operation is None:
            raise ServiceError("UnknownOperationException")
        return operation

    def parse(self, request: WireRequest) -> tuple[Operation, dict[str, Any]]:
        """Return the operation and its input."""
        operation = self.find_operation(request)
        if operation.input is None:
            return operation, {}
        params = structure_from_cbor(operation.input, decode_cbor(request.body))
        check_input(operation, params, self._profile)
        return operation, params

    def serialize(self, operation: Operation, output: object, request_id: str) -> WireResponse:
        """Return the answer; an operation without output shape has neither body nor content type."""
        headers: tuple[tuple[str, str], ...] = (("x-amzn-RequestId", request_id), _PROTOCOL)
        if operation.output is None:
            return WireResponse(200, headers, b"")
        body = encode_cbor(structure_to_cbor(operation.output, output or {}))
        return WireResponse(200, (*headers, ("Content-Type", _CONTENT_TYPE)), body)

    def serialize_error(self, error: ServiceError, request_id: str) -> WireResponse:
        """Return a map of `__type`, the message and the modelled members."""
        resolved = resolve_error(error, self.service, self.protocol)
        headers: list[tuple[str, str]] = [("x-amzn-RequestId", request_id), _PROTOCOL, ("Content-Type", _CONTENT_TYPE)]
        if self._query_mode:
            headers.append(query_error_header(resolved))
        body: dict[str, Any] = {"__type": resolved.code}
        if resolved.shape is not None:
            body |= structure_to_cbor(resolved.shape.shape, resolved.members)
        if resolved.message is not None:
            body[message_key(resolved.shape.shape if resolved.shape else None)] = resolved.message
        return WireResponse(resolved.status, tuple(headers), encode_cbor(body))
