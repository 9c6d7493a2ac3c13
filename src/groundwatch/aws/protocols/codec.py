"""What every protocol can do, and which codec speaks the protocol of a service."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.aws.models import Operation, ProtocolName, ServiceDescription
from groundwatch.aws.streaming import StreamingOutput


class Codec(Protocol):
    """Parses requests of one service and serializes its answers. Stateless but for caches of compiled shapes."""

    service: ServiceDescription
    protocol: ProtocolName
    names_operation_openly: bool
    """True when the real services tell an unauthenticated caller that an operation is unknown."""

    def find_operation(self, request: WireRequest) -> Operation:
        """Return the operation that the request calls; raise the protocol's `ServiceError` when there is none."""

    def parse(self, request: WireRequest) -> tuple[Operation, dict[str, Any]]:
        """Return the operation and its input by model member names, absent where the request has null or nothing.

        The body must be free of `Content-Encoding`. Timestamps become datetimes with zone, blobs bytes. Raises
        `ServiceError` for unknown operations and malformed bodies, `ValidationError` for violated constraints.
        """

    def serialize(self, operation: Operation, output: object, request_id: str) -> WireResponse:
        """Return the success answer for an operation's output: a mapping or Struct by model names, or None."""

    def serialize_error(self, error: ServiceError, request_id: str) -> WireResponse:
        """Return the error answer in the protocol's form."""


@runtime_checkable
class StreamingCodec(Protocol):
    """A codec that can also answer with an event stream."""

    def serialize_stream(self, operation: Operation, output: StreamingOutput, request_id: str) -> WireStream:
        """Return the success answer whose frames are the events of `output`."""
