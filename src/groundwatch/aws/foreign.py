"""Answers to requests that are signed for an AWS service which this port does not offer.

The service's model is not consulted: there are hundreds, and what a client can read follows from how it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import msgspec

from groundwatch.aws.http import WireRequest, WireResponse

STATUS = 501
CODE = "NotImplementedException"
_JSON = "application/x-amz-json-"
_FORM = "application/x-www-form-urlencoded"
_XML_REST_SERVICES = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts", "cloudfront", "route53"})
"""REST services whose errors are XML; a request without a body says nothing of it."""

Headers = tuple[tuple[str, str], ...]
Writer = Callable[[str, str], tuple[Headers, bytes]]
"""Makes headers and body of a message and a request id."""


def refuse_foreign(service: str, offered: Sequence[str], request: WireRequest, request_id: str) -> WireResponse:
    """Return the refusal of a request for `service` (the name in its credential scope), in that service's own form."""
    message = f"The service {service} is not implemented by Groundwatch, which offers {', '.join(sorted(offered))}."
    headers, body = _writer(service, request)(message, request_id)
    return WireResponse(STATUS, (("x-amzn-RequestId", request_id), *headers), body)


def _writer(service: str, request: WireRequest) -> Writer:
    content_type = request.header("content-type") or ""
    if request.header("smithy-protocol") == "rpc-v2-cbor":
        return _cbor
    if content_type.startswith(_JSON):
        return _json
    if service == "ec2":
        return _ec2
    if service in _XML_REST_SERVICES:
        return _rest_xml
    if content_type.startswith(_FORM) or "Action=" in request.query_string:
        return _query
    return _rest_json


def _json(message: str, _request_id: str) -> tuple[Headers, bytes]:
    body = msgspec.json.encode({"__type": CODE, "message": message})
    return (("Content-Type", "application/x-amz-json-1.1"),), body


def _rest_json(message: str, _request_id: str) -> tuple[Headers, bytes]:
    headers = (("x-amzn-ErrorType", CODE), ("Content-Type", "application/json"))
    return headers, msgspec.json.encode({"message": message})


def _query(message: str, request_id: str) -> tuple[Headers, bytes]:
    error = f"<Error><Type>Receiver</Type><Code>{CODE}</Code><Message>{escape(message)}</Message></Error>"
    return _xml(f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>")


def _ec2(message: str, request_id: str) -> tuple[Headers, bytes]:
    errors = f"<Errors><Error><Code>{CODE}</Code><Message>{escape(message)}</Message></Error></Errors>"
    return _xml(f"<Response>{errors}<RequestID>{request_id}</RequestID></Response>")


def _rest_xml(message: str, request_id: str) -> tuple[Headers, bytes]:
    inner = f"<Code>{CODE}</Code><Message>{escape(message)}</Message><RequestId>{request_id}</RequestId>"
    return _xml(f"<Error>{inner}</Error>")


def _xml(document: str) -> tuple[Headers, bytes]:
    return (("Content-Type", "text/xml"),), document.encode()


def _cbor(message: str, _request_id: str) -> tuple[Headers, bytes]:
    # A map of two texts (RFC 8949, major types 5 and 3) is all that is ever said here.
    body = b"\xa2" + b"".join(map(_cbor_text, ("__type", CODE, "message", message)))
    return (("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")), body


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    return b"\x79" + len(raw).to_bytes(2) + raw
