"""REST-JSON: the operation is a method and a path; members travel in labels, query string, headers and a JSON body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from groundwatch.aws.error_codes import resolve_error
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.json_values import (
    WrongTypeError,
    decode_document,
    from_json,
    members_of,
    serialization_error,
    structure_from_json,
    structure_to_json,
    to_json,
)
from groundwatch.aws.models import Operation, ProtocolName, ServiceDescription
from groundwatch.aws.profiles import find_profile
from groundwatch.aws.protocols.json import message_key
from groundwatch.aws.protocols.routes import Match, RouteTable
from groundwatch.aws.shapes import Member, Shape, Value
from groundwatch.aws.text_values import from_text, to_text
from groundwatch.aws.validation import check_input

_CONTENT_TYPE = "application/json"
_UNKNOWN_ROUTE = "Unable to determine service/operation name to be authorized"


class RestJsonCodec:
    """Speaks REST-JSON for one service."""

    protocol: ProtocolName = "rest-json"
    names_operation_openly = False

    def __init__(self, service: ServiceDescription) -> None:
        self.service = service
        self._profile = find_profile(service.name, service.protocol)
        self._routes = RouteTable((name, *service.http_binding(name)) for name in service.operation_names)

    def find_operation(self, request: WireRequest) -> Operation:
        """Return the operation whose route matches."""
        return self._route(request)[0]

    def parse(self, request: WireRequest) -> tuple[Operation, dict[str, Any]]:
        """Return the operation and its input."""
        operation, match = self._route(request)
        if operation.input is None:
            return operation, {}
        params = _located_members(operation.input, match, request)
        try:
            params |= _body_members(operation.input, request.body)
        except WrongTypeError as error:
            raise serialization_error(error.java_message) from error
        check_input(operation, params, self._profile)
        return operation, params

    def serialize(self, operation: Operation, output: object, request_id: str) -> WireResponse:
        """Return the answer with the operation's status, its located members and its body."""
        headers = [("x-amzn-RequestId", request_id)]
        if operation.output is None:
            return WireResponse(operation.success_status, tuple(headers), b"")
        given = members_of(output or {})
        status = operation.success_status
        for name, member in operation.output.members.items():
            value = given.get(name)
            if value is None:
                continue
            if member.location == "statusCode":
                status = int(value)
            elif member.location == "header":
                headers.append((member.wire_name, header_text(member, value)))
            elif member.location == "headers":
                headers.extend((member.wire_name + key, text) for key, text in value.items())
        body, content_type = _output_body(operation.output, given)
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return WireResponse(status, tuple(headers), b"" if status == 204 else body)

    def serialize_error(self, error: ServiceError, request_id: str) -> WireResponse:
        """Return `{"message": …}` with the code in `x-amzn-ErrorType`."""
        resolved = resolve_error(error, self.service)
        headers = [
            ("x-amzn-RequestId", request_id),
            ("x-amzn-ErrorType", resolved.code),
            ("Content-Type", _CONTENT_TYPE),
        ]
        body: dict[str, Any] = {}
        if resolved.shape is not None:
            shape = resolved.shape.shape
            body |= structure_to_json(shape, resolved.members)
            for name, value in resolved.members.items():
                if shape.members[name].location == "header":
                    headers.append((shape.members[name].wire_name, header_text(shape.members[name], value)))
        if resolved.message is not None:
            body[message_key(resolved.shape.shape if resolved.shape else None)] = resolved.message
        return WireResponse(resolved.status, tuple(headers), msgspec.json.encode(body))

    def _route(self, request: WireRequest) -> tuple[Operation, Match]:
        match = self._routes.find(request.method, request.path, request.query_string)
        operation = self.service.find_operation(match.operation) if match else None
        if match is None or operation is None:
            # What REST services of AWS answer to a path that none of their operations has.
            raise ServiceError("AccessDenied", _UNKNOWN_ROUTE)
        return operation, match


def _located_members(shape: Shape, match: Match, request: WireRequest) -> dict[str, Any]:
    query: dict[str, list[str]] = {}
    for key, text in parse_qsl(request.query_string, keep_blank_values=True):
        query.setdefault(key, []).append(text)
    named = {member.wire_name for member in shape.members.values() if member.location == "querystring"}
    named |= {key for key, _ in match.query_literals}
    found = {}
    for name, member in shape.members.items():
        if member.location == "uri" and member.wire_name in match.labels:
            found[name] = from_text(member, match.labels[member.wire_name])
        elif member.location == "querystring":
            value = _query_value(member, query, named)
        elif member.location == "header":
            value = _header_value(member, request)
        elif member.location == "headers":
            value = _prefixed_headers(member, request)
        else:
            continue
        if member.location != "uri" and value is not None:
            found[name] = value
    return found


def _query_value(member: Member, query: Mapping[str, list[str]], named: set[str]) -> Value:
    shape = member.shape
    if shape.kind == "map" and shape.value is not None:
        # A map takes what no other member names: to an operation the rest are its caller's own parameters.
        many = shape.value.shape.kind == "list"
        return {key: texts if many else texts[0] for key, texts in query.items() if key not in named} or None
    texts = query.get(member.wire_name)
    if texts is None:
        return None
    if shape.kind == "list" and shape.element is not None:
        return [from_text(shape.element, text) for text in texts]
    return from_text(member, texts[0])


def _header_value(member: Member, request: WireRequest) -> Value:
    text = request.header(member.wire_name.lower())
    if text is None:
        return None
    if member.is_json_header:
        return _json_header(text)
    if member.shape.kind == "list" and member.shape.element is not None:
        element = member.shape.element
        return [from_text(element, part) for part in split_header(text, element)]
    return from_text(member, text)


def _json_header(text: str) -> Value:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True))
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, RecursionError) as error:
        raise serialization_error("A header is not base64 of a JSON value.") from error


def split_header(text: str, element: Member) -> list[str]:
    """Return the elements of a header that holds a list; quoted ones may hold commas, and so do RFC 822 dates."""
    if not text.strip():
        return []
    if element.shape.kind == "timestamp" and element.timestamp_format in {None, "rfc822"}:
        parts = text.split(",")
        return [f"{day},{rest}".strip() for day, rest in zip(parts[::2], parts[1::2], strict=False)]
    found, current, quoted, escaped = [], "", False, False
    for char in text:
        if escaped:
            current, escaped = current + char, False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            found.append(current.strip())
            current = ""
        else:
            current += char
    return [*found, current.strip()]


def _prefixed_headers(member: Member, request: WireRequest) -> dict[str, str] | None:
    prefix = member.wire_name.lower() if member.has_own_name else ""
    return {name[len(prefix) :]: text for name, text in request.headers if name.startswith(prefix)} or None


def _body_members(shape: Shape, body: bytes) -> dict[str, Any]:
    if shape.payload is None:
        if not any(member.location is None for member in shape.members.values()):
            return {}
        return structure_from_json(shape, decode_document(body))
    if not body:
        return {}
    member = shape.members[shape.payload]
    if member.shape.kind == "blob":
        return {shape.payload: body}
    if member.shape.kind == "string":
        return {shape.payload: _text(body)}
    raw = decode_document(body)
    return {} if raw is None else {shape.payload: from_json(member, raw)}


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise serialization_error("The request body is not UTF-8.") from error


def _output_body(shape: Shape, given: Mapping[str, Any]) -> tuple[bytes, str | None]:
    """Return the body and its content type; None where there is no body to describe."""
    if shape.payload is None:
        if not any(member.location is None for member in shape.members.values()):
            return b"", None
        return msgspec.json.encode(structure_to_json(shape, given)), _CONTENT_TYPE
    member, value = shape.members[shape.payload], given.get(shape.payload)
    if value is None:
        return b"", None
    if member.shape.kind == "blob":
        return (value if isinstance(value, bytes) else str(value).encode()), "application/octet-stream"
    if member.shape.kind == "string":
        return str(value).encode(), "text/plain"
    return msgspec.json.encode(to_json(member, value)), _CONTENT_TYPE


def header_text(member: Member, value: Value) -> str:
    """Return the header that holds a member: a scalar, a list joined by commas, or JSON in base64."""
    if member.is_json_header:
        return base64.b64encode(msgspec.json.encode(value)).decode()
    if member.shape.kind == "list" and member.shape.element is not None:
        element = member.shape.element
        return ", ".join(_quoted(to_text(element, inner, "rfc822"), element) for inner in value if inner is not None)
    return to_text(member, value, "rfc822")


def _quoted(text: str, element: Member) -> str:
    if element.shape.kind != "string" or not any(char in text for char in ',"'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
