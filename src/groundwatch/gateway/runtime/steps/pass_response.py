"""Step 9 for proxies: the backend's own answer becomes the client's, but for headers that are not its to set."""

from __future__ import annotations

import base64
import binascii

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.header_rules import client_header_name, header_text, proxied_header_name
from groundwatch.gateway.runtime.media import JSON, MAX_PAYLOAD_BYTES, is_binary, mime
from groundwatch.gateway.runtime.stages import Answered, Routed, Selected


def pass_answer(stage: Selected) -> Answered:
    """Return the answer of a proxy.

    Raises:
        GatewayError: 500 for an answer that cannot be sent on.
    """
    answer, routed = stage.previous.answer, stage.previous.previous.routed
    exchange = routed.exchange
    body = _body(answer, routed)
    if len(body) > MAX_PAYLOAD_BYTES:
        raise configuration_error(f"the answer has more than {MAX_PAYLOAD_BYTES} bytes")
    headers = _headers(answer, routed)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", JSON))
    if answer.traced:
        headers.append(("X-Amzn-Trace-Id", exchange.trace_id))
    if exchange.log.enabled:
        exchange.log.line(f"Method response body after transformations: {body.decode('utf-8', 'replace')}")
        exchange.log.line(f"Method response headers: {java_map(headers)}")
    exchange.log.line("Successfully completed execution")
    return Answered(stage, WireResponse(answer.status, tuple(headers), body))


def _headers(answer: IntegrationAnswer, routed: Routed) -> list[tuple[str, str]]:
    rename = proxied_header_name if routed.method.integration.type == "HTTP_PROXY" else client_header_name
    named = ((rename(name), value) for name, value in answer.headers)
    try:
        return [(name, header_text(name, value)) for name, value in named if name is not None]
    except MappingError as error:
        raise configuration_error(str(error)) from error


def _body(answer: IntegrationAnswer, routed: Routed) -> bytes:
    """Return what the client gets of a web server's body; a function's result has been read already.

    Bytes for a client that asks for text are base64. Text for a client that asks for bytes is decoded if it is base64,
    and goes on as it is if not, as pages of errors do.
    """
    types = routed.located.deployment.api.binary_media_types
    if routed.method.integration.type != "HTTP_PROXY":
        return answer.body
    sent = next((value for name, value in answer.headers if name.lower() == "content-type"), None)
    to_binary = is_binary(mime(routed.exchange.last_header("accept")), types)
    if is_binary(mime(sent), types):
        return answer.body if to_binary else base64.b64encode(answer.body)
    if to_binary:
        try:
            return base64.b64decode(answer.body, validate=True)
        except binascii.Error:
            return answer.body
    return answer.body.decode("utf-8", "replace").encode()
