"""AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, input and output as JSON bodies. The hot path."""

from __future__ import annotations

from typing import Any

import msgspec

from groundwatch.aws.error_codes import query_error_header, resolve_error
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.eventstream import CONTENT_TYPE, encode_error, encode_event, encode_exception
from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.aws.json_types import FastDecoder, build_decoder
from groundwatch.aws.json_values import check_utf8, decode_document, structure_from_json, structure_to_json
from groundwatch.aws.models import Operation, ProtocolName, ServiceDescription
from groundwatch.aws.profiles import find_profile
from groundwatch.aws.shapes import Shape
from groundwatch.aws.streaming import EventFrames, StreamedEvent, StreamingOutput
from groundwatch.aws.validation import check_input

NO_TARGET_BODY = (
    b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException","message":null},"Version":"1.0"}'
)
_EVENT_CONTENT_TYPE = "application/json"
_FLAT_TYPES = frozenset((str, int, bool, msgspec.Raw))
_CONTENT_TYPES = ("application/x-amz-json-1.1", "application/x-amz-json-1.0")


class NoTargetError(ServiceError):
    """The request does not say, in this protocol's way, which operation it means.

    The real service chooses the protocol by Content-Type and the operation by X-Amz-Target; lacking either, another
    JSON protocol answers, in its own envelope. Its status is not known; 404 is what such endpoints are seen to send.
    """

    def __init__(self) -> None:
        super().__init__("UnknownOperationException", status=404)


class JsonCodec:
    """Speaks AWS JSON for one service; with `query_mode` errors also carry the query protocol's code."""

    protocol: ProtocolName = "json"
    names_operation_openly = True

    def __init__(self, service: ServiceDescription, *, query_mode: bool = False) -> None:
        self.service = service
        self._query_mode = query_mode
        self._profile = find_profile(service.name, self.protocol)
        self._content_type = f"application/x-amz-json-{service.json_version}"
        # So say the examples in the reference of CloudWatch, the service that once spoke the query protocol.
        self._content_types = (*_CONTENT_TYPES, *(["application/json"] if service.is_query_compatible else []))
        self._target_prefix = service.target_prefix + "."
        self._targets: dict[str | None, Operation] = {}
        self._decoders: dict[str, FastDecoder | None] = {}
        self._plain_outputs: dict[str, bool] = {}
        self._compact_outputs: dict[str, bool] = {}
        self._encoder = msgspec.json.Encoder()

    def find_operation(self, request: WireRequest) -> Operation:
        """Return the operation that `X-Amz-Target` names."""
        target = request.header("x-amz-target")
        content_type = request.header("content-type") or ""
        known = self._targets.get(target) if content_type == self._content_type else None
        if known is not None:
            return known
        if not target or content_type.partition(";")[0].strip().lower() not in self._content_types:
            raise NoTargetError
        if not target.startswith(self._target_prefix):
            raise ServiceError("UnknownOperationException")
        operation = self.service.find_operation(target[len(self._target_prefix) :])
        if operation is None:
            raise ServiceError("UnknownOperationException")
        # Bounded by the operations of the model, and looked up twice per request.
        self._targets[target] = operation
        return operation

    def parse(self, request: WireRequest) -> tuple[Operation, dict[str, Any]]:
        """Return the operation and its input."""
        operation = self.find_operation(request)
        if operation.input is None:
            return operation, {}
        return operation, self.parse_body(operation, operation.input, request.body)

    def parse_body(self, operation: Operation, shape: Shape, body: bytes) -> dict[str, Any]:
        """Return the input in a JSON body, by the fast way where it suffices."""
        fast = self._decoder(operation.name, shape)
        if fast is not None and body:
            try:
                params = fast.decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                # Refused in C: the walk below finds out why, in the service's own words.
                return self.walk_body(operation, shape, body)
            if not fast.is_complete:
                check_input(operation, params, self._profile)
            check_utf8(body)
            return params
        return self.walk_body(operation, shape, body)

    def walk_body(self, operation: Operation, shape: Shape, body: bytes) -> dict[str, Any]:
        """Return the input in a JSON body by walking its shape, with exact errors."""
        params = structure_from_json(shape, decode_document(body))
        check_input(operation, params, self._profile)
        return params

    def serialize(self, operation: Operation, output: object, request_id: str) -> WireResponse:
        """Return the answer; an operation without output shape has an empty body."""
        headers = (("x-amzn-RequestId", request_id), ("Content-Type", self._content_type))
        if operation.output is None:
            return WireResponse(200, headers, b"")
        body, document = self._written(operation.output, output or {})
        has_members = type(document) is dict and self._is_compact(operation.output)
        return WireResponse(200, headers, body, document if has_members else None)

    def serialize_stream(self, operation: Operation, output: StreamingOutput, request_id: str) -> WireStream:
        """Return an answer of frames: an empty initial response, which SDKs wait for, then the events as JSON.

        Raises TypeError when the operation has no event stream in its output.
        """
        stream = stream_shape(operation)
        frames = EventFrames(
            encode_event("initial-response", self._content_type, b"{}"),
            output.events,
            lambda event: self._encode_event(stream, event),
            lambda error: self._encode_stream_error(stream, error),
        )
        return WireStream(200, (("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE)), frames)

    def serialize_error(self, error: ServiceError, request_id: str) -> WireResponse:
        """Return `{"__type": code, "message": …}` with the modelled members beside."""
        resolved = resolve_error(error, self.service, self.protocol)
        headers: tuple[tuple[str, str], ...] = (
            ("x-amzn-RequestId", request_id),
            ("Content-Type", self._content_type),
        )
        if isinstance(error, NoTargetError):
            return WireResponse(resolved.status, headers, NO_TARGET_BODY)
        # For clients that look there first; the body says the same.
        headers = (*headers, ("x-amzn-ErrorType", resolved.code))
        if self._query_mode:
            headers = (*headers, query_error_header(resolved))
        body: dict[str, Any] = {"__type": resolved.code}
        if resolved.shape is not None:
            body |= structure_to_json(resolved.shape.shape, resolved.members)
        if resolved.message is not None:
            body[message_key(resolved.shape.shape if resolved.shape else None)] = resolved.message
        return WireResponse(resolved.status, headers, self._encoder.encode(body))

    def _decoder(self, name: str, shape: Shape) -> FastDecoder | None:
        if name not in self._decoders:
            self._decoders[name] = build_decoder(shape)
        return self._decoders[name]

    def _encode_event(self, stream: Shape, event: StreamedEvent) -> bytes:
        payload = self._encode(stream.members[event.name].shape, event.value)
        return encode_event(event.name, _EVENT_CONTENT_TYPE, payload)

    def _encode_stream_error(self, stream: Shape, error: ServiceError) -> bytes:
        modelled = stream.members.get(error.code)
        text = error.message or ""
        if modelled is None:
            return encode_error(error.code, text)
        members = error.members | {message_key(modelled.shape): text}
        return encode_exception(error.code, _EVENT_CONTENT_TYPE, self._encode(modelled.shape, members))

    def _is_compact(self, shape: Shape) -> bool:
        compact = self._compact_outputs.get(shape.name)
        if compact is None:
            compact = self._compact_outputs[shape.name] = not has_decimals(shape, set())
        return compact

    def _encode(self, shape: Shape, output: object) -> bytes:
        return self._written(shape, output)[0]

    def _written(self, shape: Shape, output: object) -> tuple[bytes, Any]:
        """Return the JSON, and what was encoded: the output itself, or its members under their wire names."""
        plain = self._plain_outputs.get(shape.name)
        if plain is None:
            plain = self._plain_outputs[shape.name] = is_plain(shape, set())
        if plain:
            body = self._encoder.encode(output)
            if is_flat(output) or not has_null_member(body):
                return body, output
        document = structure_to_json(shape, output)
        return self._encoder.encode(document), document


def stream_shape(operation: Operation) -> Shape:
    """Return the union of events that the operation's output has; raises TypeError when it has none."""
    members = operation.output.members.values() if operation.output is not None else ()
    for member in members:
        if member.is_event_stream:
            return member.shape
    raise TypeError(f"the output of {operation.name} has no event stream")


def message_key(shape: Shape | None) -> str:
    """Return the name under which an error shape has its message: as modelled, else `message`."""
    names = shape.members.values() if shape is not None else ()
    return next((member.wire_name for member in names if member.name.lower() == "message"), "message")


def is_plain(shape: Shape, seen: set[str]) -> bool:
    """Tell whether values of the shape are JSON as they are: no timestamps, blobs, or other names on the wire."""
    if shape.name in seen or shape.is_document:
        return True
    seen.add(shape.name)
    if shape.kind in {"timestamp", "blob"}:
        return False
    inner = [member for member in (*shape.members.values(), shape.element, shape.value) if member is not None]
    renamed = any(member.wire_name != name for name, member in shape.members.items())
    return not renamed and all(is_plain(member.shape, seen) for member in inner)


def has_decimals(shape: Shape, seen: set[str]) -> bool:
    """Tell whether values of the shape may hold numbers that are no integers; timestamps often are none."""
    if shape.is_document or shape.kind in {"double", "float", "timestamp"}:
        return True
    if shape.name in seen:
        return False
    seen.add(shape.name)
    inner = (*shape.members.values(), shape.element, shape.value)
    return any(has_decimals(member.shape, seen) for member in inner if member is not None)


def is_flat(output: object) -> bool:
    """Tell whether a mapping holds scalars and encoded JSON only, of which none is null: nothing need be searched."""
    return isinstance(output, dict) and _FLAT_TYPES.issuperset(map(type, output.values()))


def has_null_member(body: bytes) -> bool:
    """Tell whether an encoded document may have a null under some key.

    `":null` also occurs inside strings, where the quote is escaped: `\\":null`. A document that the services must not
    send (null members are omitted) is found by one search in C, and only then walked.
    """
    at = body.find(b'":null')
    while at > 0 and body[at - 1] == 0x5C:
        at = body.find(b'":null', at + 1)
    return at >= 0
