"""The query protocol: `Action=` and dotted fields in a form body or a query string, answers in XML."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from groundwatch.aws.error_codes import resolve_error
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.json_values import serialization_error
from groundwatch.aws.models import Operation, ProtocolName, ServiceDescription
from groundwatch.aws.profiles import find_profile
from groundwatch.aws.protocols.forms import form_tree, structure_from_form
from groundwatch.aws.protocols.xml import structure_elements, text_element
from groundwatch.aws.validation import check_input

MAX_FIELDS = 50_000
"""A full PutMetricData has some 25,000: no other body of a megabyte comes near this."""
_CONTENT_TYPE = "text/xml"


class QueryCodec:
    """Speaks the query protocol for one service."""

    protocol: ProtocolName = "query"
    names_operation_openly = False

    def __init__(self, service: ServiceDescription) -> None:
        self.service = service
        self._profile = find_profile(service.name, self.protocol)

    def find_operation(self, request: WireRequest) -> Operation:
        """Return the operation that `Action` names."""
        return self._operation(dict(form_fields(request)))

    def parse(self, request: WireRequest) -> tuple[Operation, dict[str, Any]]:
        """Return the operation and its input."""
        fields = form_fields(request)
        operation = self._operation(dict(fields))
        if operation.input is None:
            return operation, {}
        params = structure_from_form(operation.input, form_tree(fields))
        check_input(operation, params, self._profile)
        return operation, params

    def serialize(self, operation: Operation, output: object, request_id: str) -> WireResponse:
        """Return `<XResponse><XResult>…</XResult><ResponseMetadata>…`."""
        result = ""
        if operation.output is not None:
            inner = structure_elements(operation.output, output or {})
            wrapper = operation.result_wrapper
            result = f"<{wrapper}>{inner}</{wrapper}>" if wrapper else inner
        metadata = f"<ResponseMetadata>{text_element('RequestId', request_id)}</ResponseMetadata>"
        return self._respond(operation.success_status, f"{operation.name}Response", result + metadata, request_id)

    def serialize_error(self, error: ServiceError, request_id: str) -> WireResponse:
        """Return `<ErrorResponse>` with type, code, message and the modelled members."""
        resolved = resolve_error(error, self.service, self.protocol)
        parts = [
            text_element("Type", "Receiver" if resolved.is_server_fault else "Sender"),
            text_element("Code", resolved.code),
        ]
        if resolved.message is not None:
            parts.append(text_element("Message", resolved.message))
        if resolved.shape is not None:
            parts.append(structure_elements(resolved.shape.shape, resolved.members))
        body = f"<Error>{''.join(parts)}</Error>{text_element('RequestId', request_id)}"
        return self._respond(resolved.status, "ErrorResponse", body, request_id)

    def _operation(self, fields: dict[str, str]) -> Operation:
        # The second name is CloudWatch's former one, which its documentation still promises to take.
        action = fields.get("Action") or fields.get("Operation")
        if not action:
            message = "The request must contain the parameter Action."
            raise ServiceError("MissingAction", message, status=400)
        version = fields.get("Version", self.service.api_version)
        operation = self.service.find_operation(action) if version == self.service.api_version else None
        if operation is None:
            raise ServiceError("InvalidAction", f"Could not find operation {action} for version {version}")
        return operation

    def _respond(self, status: int, root: str, inner: str, request_id: str) -> WireResponse:
        namespace = f' xmlns="{self.service.xml_namespace}"' if self.service.xml_namespace else ""
        headers = (("x-amzn-RequestId", request_id), ("Content-Type", _CONTENT_TYPE))
        return WireResponse(status, headers, f"<{root}{namespace}>{inner}</{root}>".encode())


def form_fields(request: WireRequest) -> list[tuple[str, str]]:
    """Return the fields of query string and form body, decoded, in that order; a form body may be absent."""
    if request.body.count(b"&") >= MAX_FIELDS or request.query_string.count("&") >= MAX_FIELDS:
        raise serialization_error(f"The request has more than {MAX_FIELDS} fields.")
    try:
        body = request.body.decode("utf-8")
        found = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        return found + parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise serialization_error("The request's fields are not a UTF-8 form.") from error
