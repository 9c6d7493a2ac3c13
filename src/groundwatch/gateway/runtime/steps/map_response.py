"""Step 9: the backend's answer → the client's."""

from __future__ import annotations

import base64
import binascii

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.compiled import CompiledResponse
from groundwatch.gateway.runtime.context import message_for, scope_for
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.exchange import Values
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.header_rules import client_header_name, header_text
from groundwatch.gateway.runtime.media import JSON, MAX_PAYLOAD_BYTES, for_accept, is_binary, mime
from groundwatch.gateway.runtime.overrides import Overrides, override_texts, read_overrides
from groundwatch.gateway.runtime.rendering import TemplateRunner
from groundwatch.gateway.runtime.stages import Answered, Routed, Selected
from groundwatch.gateway.runtime.steps.pass_response import pass_answer


class MapResponse:
    """Applies header mappings, the response template and the overrides of both templates."""

    def __init__(self, runner: TemplateRunner) -> None:
        self._runner = runner

    async def __call__(self, stage: Selected) -> Answered:
        """Raise 500 when the mapping cannot be carried out."""
        response = stage.response
        if response is None:
            return pass_answer(stage)
        mapped = stage.previous.previous
        routed = mapped.routed
        if _passes(stage, response, routed):
            status = _status(response.status, mapped.overrides.response_status)
            return Answered(stage, _response(stage, status, [], JSON, stage.previous.answer.body))
        try:
            payload = _payload(stage, response, routed)
            headers = _mapped_headers(stage, response, routed, payload)
            chosen = for_accept(response.templates, routed.exchange.last_header("accept"))
            overrides, content_type = mapped.overrides, JSON
            if chosen is not None:
                content_type, source = chosen
                text = _text(payload)
                members = stage.previous.answer.members
                payload, scope = await self._runner.render(
                    source,
                    lambda names: scope_for(names, stage, routed, mapped.overrides, text, members),
                    len(text),
                )
                if "context" in scope:
                    overrides = read_overrides(scope["context"])
            status = _status(response.status, overrides.response_status)
            _override(headers, overrides)
            sendable = _sendable(headers)
        except (MappingError, PayloadError) as error:
            raise configuration_error(str(error)) from error
        body = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
        if len(body) > MAX_PAYLOAD_BYTES:
            raise configuration_error(f"the answer has more than {MAX_PAYLOAD_BYTES} bytes")
        return Answered(stage, _response(stage, status, sendable, content_type, body))


def _passes(stage: Selected, response: CompiledResponse, routed: Routed) -> bool:
    """Tell whether the backend's bytes go on as they are: nothing is mapped, and the text need not be decoded."""
    body = stage.previous.answer.body
    return (
        not response.templates
        and not response.headers
        and response.definition.content_handling is None
        and not routed.located.deployment.api.binary_media_types
        and not stage.previous.previous.overrides.response_header
        and len(body) <= MAX_PAYLOAD_BYTES
        and body.isascii()
    )


def _payload(stage: Selected, response: CompiledResponse, routed: Routed) -> str | bytes:
    """Return the backend's body as text or bytes, by its own type, what the client accepts and `contentHandling`."""
    answer, handling = stage.previous.answer, response.definition.content_handling
    types = routed.located.deployment.api.binary_media_types
    from_binary = is_binary(mime(_backend_header(answer, "content-type")), types)
    to_binary = is_binary(mime(routed.exchange.last_header("accept")), types)
    if handling is not None:
        to_binary = handling == "CONVERT_TO_BINARY"
    if from_binary:
        return answer.body if to_binary else base64.b64encode(answer.body).decode()
    if not to_binary:
        return answer.body.decode("utf-8", "replace")
    try:
        return base64.b64decode(answer.body, validate=True)
    except binascii.Error as error:
        raise MappingError("the backend's payload is not base64") from error


def _backend_header(answer: IntegrationAnswer, name: str) -> str | None:
    return next((value for key, value in answer.headers if key.lower() == name), None)


def _text(payload: str | bytes) -> str:
    if isinstance(payload, bytes):
        raise MappingError("a template cannot read a binary payload; set contentHandling to CONVERT_TO_TEXT")
    return payload


def _mapped_headers(
    stage: Selected, response: CompiledResponse, routed: Routed, payload: str | bytes
) -> dict[str, str]:
    if not response.headers:
        return {}
    declared = routed.method.definition.responses[response.definition.status_code].response_parameters
    backend: Values = {}
    for name, value in stage.previous.answer.headers:
        backend.setdefault(name.lower(), []).append(value)
    body = payload if isinstance(payload, str) else ""
    message = message_for(stage, body=body, response_header=backend)
    headers: dict[str, str] = {}
    for header in response.headers:
        if f"method.response.header.{header.name}" not in declared:
            raise MappingError(f"header {header.name} is not declared by the method response")
        values = header.source(message)
        if values:
            headers[header.name] = ",".join(values)
    return headers


def _status(status: int, override: VtlValue) -> int:
    """Return the status to answer with: an override that is not an integer from 200 to 599 is ignored.

    The service takes 100 to 199, too, with which no HTTP exchange can end.
    """
    if isinstance(override, str) and override.isascii() and override.isdigit() and len(override) == 3:
        override = int(override)
    return override if type(override) is int and 200 <= override <= 599 else status


def _override(headers: dict[str, str], overrides: Overrides) -> None:
    for name, value in overrides.response_header.items():
        for existing in [key for key in headers if key.lower() == name.lower()]:
            del headers[existing]
        headers[name] = ",".join(override_texts(value))


def _sendable(mapped: dict[str, str]) -> list[tuple[str, str]]:
    named = ((client_header_name(name), value) for name, value in mapped.items())
    return [(name, header_text(name, value)) for name, value in named if name is not None]


def _response(
    stage: Selected, status: int, mapped: list[tuple[str, str]], content_type: str, body: bytes
) -> WireResponse:
    exchange = stage.previous.previous.routed.exchange
    headers = list(mapped)
    if not any(name.lower() == "content-type" for name, _ in mapped):
        headers.insert(0, ("Content-Type", content_type))
    if stage.previous.answer.traced:
        headers.append(("X-Amzn-Trace-Id", exchange.trace_id))
    if exchange.log.enabled:
        exchange.log.line(f"Method response body after transformations: {body.decode('utf-8', 'replace')}")
        exchange.log.line(f"Method response headers: {java_map(headers)}")
    exchange.log.line("Successfully completed execution")
    return WireResponse(status, tuple(headers), body)
