"""Step 9: the backend's answer → the client's."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.parameters import Message
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.compiled import CompiledResponse
from groundwatch.gateway.runtime.context import message_for, scope_for
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.exchange import Values
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.header_rules import check_size, client_header_name, header_text, header_value
from groundwatch.gateway.runtime.media import JSON, MAX_PAYLOAD_BYTES, for_accept, is_binary, mime
from groundwatch.gateway.runtime.overrides import Overrides, override_texts, read_overrides
from groundwatch.gateway.runtime.rendering import TemplateRunner, TemplateSource
from groundwatch.gateway.runtime.stages import Answered, Routed, Selected
from groundwatch.gateway.runtime.steps.pass_response import pass_answer

FEW_HEADERS = 32
"""Constants and single headers of the backend, which are short."""


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
            payload, is_text = _payload(stage.previous.answer, response, routed)
            headers = _mapped_headers(stage, response, payload if is_text else b"")
            chosen = response.only_template or for_accept(response.templates, routed.exchange.last_header("accept"))
            overrides, content_type, body = mapped.overrides, JSON, payload
            if chosen is not None:
                _require_text(is_text=is_text)
                content_type, source = chosen
                body, overrides = await self._render(stage, source, payload)
            elif is_text and not payload.isascii():
                body = payload.decode("utf-8", "replace").encode()
            status = _status(response.status, overrides.response_status)
            if overrides.response_header:
                _override(headers, overrides)
            sendable = _sendable(headers, response.sent_as)
        except (MappingError, PayloadError) as error:
            raise configuration_error(str(error)) from error
        if len(body) > MAX_PAYLOAD_BYTES:
            raise configuration_error(f"the answer has more than {MAX_PAYLOAD_BYTES} bytes")
        return Answered(stage, _response(stage, status, sendable, content_type, body))

    async def _render(self, stage: Selected, source: TemplateSource, payload: bytes) -> tuple[bytes, Overrides]:
        mapped, members = stage.previous.previous, stage.previous.answer.members
        text, scope = await self._runner.render(
            source,
            lambda names: scope_for(names, stage, mapped.routed, mapped.overrides, payload, members),
            len(payload),
        )
        overrides = read_overrides(scope["context"]) if "context" in scope else mapped.overrides
        return text.encode("utf-8", "replace"), overrides


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


def _payload(answer: IntegrationAnswer, response: CompiledResponse, routed: Routed) -> tuple[bytes, bool]:
    """Return the backend's body and whether it is text, by its own type, what the client accepts and `contentHandling`.

    Text is UTF-8 as the backend wrote it, perhaps with faults.
    """
    handling = response.definition.content_handling
    types = routed.located.deployment.api.binary_media_types
    if not types and handling != "CONVERT_TO_BINARY":
        return answer.body, True
    from_binary = is_binary(mime(_backend_header(answer, "content-type")), types)
    to_binary = is_binary(mime(routed.exchange.last_header("accept")), types)
    if handling is not None:
        to_binary = handling == "CONVERT_TO_BINARY"
    if from_binary:
        return (answer.body, False) if to_binary else (base64.b64encode(answer.body), True)
    if not to_binary:
        return answer.body, True
    try:
        return base64.b64decode(answer.body, validate=True), False
    except binascii.Error as error:
        raise MappingError("the backend's payload is not base64") from error


def _backend_header(answer: IntegrationAnswer, name: str) -> str | None:
    return next((value for key, value in answer.headers if key.lower() == name), None)


def _last_backend_header(answer: IntegrationAnswer, name: str) -> str:
    found = ""
    for key, value in answer.headers:
        if key.lower() == name:
            found = value
    return found


def _require_text(*, is_text: bool) -> None:
    if not is_text:
        raise MappingError("a template cannot read a binary payload; set contentHandling to CONVERT_TO_TEXT")


def _mapped_headers(stage: Selected, response: CompiledResponse, body: bytes) -> dict[str, str]:
    if not response.headers:
        return {}
    if response.undeclared_header is not None:
        raise MappingError(f"header {response.undeclared_header} is not declared by the method response")
    answer = stage.previous.answer
    message: Message | None = None
    headers: dict[str, str] = {}
    for header in response.headers:
        # The usual ones need no message, which takes longer to make than all of them to read.
        if header.constant is not None:
            text = header.constant
        elif header.backend_header is not None:
            text = _last_backend_header(answer, header.backend_header)
        else:
            message = message or _message(stage, answer, body)
            text = ",".join(header.source(message))
        if text:
            headers[header.name] = text
    if message is not None or len(headers) > FEW_HEADERS:
        check_size(headers.items())
    return headers


def _message(stage: Selected, answer: IntegrationAnswer, body: bytes) -> Message:
    backend: Values = {}
    for name, value in answer.headers:
        backend.setdefault(name.lower(), []).append(value)
    return message_for(stage, body=body, response_header=backend)


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


def _sendable(mapped: dict[str, str], sent_as: Mapping[str, str | None]) -> list[tuple[str, str]]:
    sendable: list[tuple[str, str]] = []
    for given, value in mapped.items():
        if given in sent_as:
            # Expressions only name what can be a header's name.
            name, make = sent_as[given], header_value
        else:
            name, make = client_header_name(given), header_text
        if name is not None:
            sendable.append((name, make(name, value)))
    return sendable


def _response(
    stage: Selected, status: int, headers: list[tuple[str, str]], content_type: str, body: bytes
) -> WireResponse:
    exchange = stage.previous.previous.routed.exchange
    if "content-type" not in [name.lower() for name, _ in headers]:
        headers.insert(0, ("Content-Type", content_type))
    if stage.previous.answer.traced:
        headers.append(("X-Amzn-Trace-Id", exchange.trace_id))
    if exchange.log.enabled:
        exchange.log.line(f"Method response body after transformations: {body.decode('utf-8', 'replace')}")
        exchange.log.line(f"Method response headers: {java_map(headers)}")
    exchange.log.line("Successfully completed execution")
    return WireResponse(status, tuple(headers), body)
