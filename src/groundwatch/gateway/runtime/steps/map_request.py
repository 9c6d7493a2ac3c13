"""Step 6: the client's request → what the integration shall do.

First the parameters, then the template or the body as it is, then what the template overrode.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.parameters import RequestParameter
from groundwatch.gateway.runtime.context import message_for, scope_for
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.header_rules import (
    MAX_HEADER_CHARACTERS,
    check_request_header,
    check_size,
    header_text,
)
from groundwatch.gateway.runtime.media import JSON, for_type, is_binary, mime
from groundwatch.gateway.runtime.overrides import NO_OVERRIDES, Overrides, override_texts, read_overrides
from groundwatch.gateway.runtime.rendering import TemplateRunner, TemplateSource
from groundwatch.gateway.runtime.stages import MappedRequest, Routed, Validated

FEW_PARAMETERS = 32


class _Parameters(msgspec.Struct):
    path: dict[str, str]
    query: list[tuple[str, str]]
    headers: dict[str, str]


class MapRequest:
    """Applies parameter mappings, the request template and the template's overrides."""

    def __init__(self, runner: TemplateRunner) -> None:
        self._runner = runner

    async def __call__(self, stage: Validated) -> MappedRequest:
        """Raise 415 when no template fits and the body may not pass, 400 for a malformed body, 500 for the rest."""
        routed = stage.previous.previous.previous
        try:
            payload = _payload(routed, stage.body)
            _log_request(routed, payload)
            parameters = _parameters(stage, routed, payload)
            source = _choose_template(routed)
            if source is None:
                body, overrides = payload if isinstance(payload, bytes) else _encode(payload), NO_OVERRIDES
            else:
                body, overrides = await self._render(stage, routed, source, payload)
            if overrides is not NO_OVERRIDES:
                _override(parameters, overrides, routed.method.integration.type)
        except MappingError as error:
            raise configuration_error(str(error)) from error
        except PayloadError as error:
            raise GatewayError("BAD_REQUEST_BODY", "Invalid JSON in request body", reason=str(error)) from error
        return MappedRequest(stage, routed, parameters.path, parameters.query, parameters.headers, body, overrides)

    async def _render(
        self, stage: Validated, routed: Routed, source: TemplateSource, payload: str | bytes
    ) -> tuple[bytes, Overrides]:
        if isinstance(payload, bytes):
            raise MappingError("a template cannot read a binary payload; set contentHandling to CONVERT_TO_TEXT")
        output, scope = await self._runner.render(
            source, lambda names: scope_for(names, stage, routed, NO_OVERRIDES, payload), len(payload)
        )
        return _encode(output), read_overrides(scope["context"]) if "context" in scope else NO_OVERRIDES


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _payload(routed: Routed, body: bytes) -> str | bytes:
    """Return the body as text or bytes, as `contentHandling` wants it."""
    integration = routed.method.integration
    # Events have a member that says what their body is, so nothing is converted before.
    handling = None if integration.type == "AWS_PROXY" else integration.content_handling
    types = routed.located.deployment.api.binary_media_types
    if types and is_binary(mime(routed.exchange.last_header("content-type")), types):
        return base64.b64encode(body).decode() if handling == "CONVERT_TO_TEXT" else body
    if handling != "CONVERT_TO_BINARY":
        return body.decode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MappingError("the payload is not base64") from error


def _parameters(stage: Validated, routed: Routed, payload: str | bytes) -> _Parameters:
    constant = routed.method.constant_headers
    if constant is not None:
        return _Parameters({}, [], dict(constant))
    mapped = _Parameters({}, [], {})
    text = payload if isinstance(payload, str) else ""
    message = message_for(stage, body=text)
    kind = routed.method.integration.type
    for parameter in routed.method.parameters:
        values = parameter.source(message)
        if values:
            _add(mapped, parameter, values, kind)
    # A few texts of a small request are not worth the time.
    if len(text) > MAX_HEADER_CHARACTERS or len(routed.method.parameters) > FEW_PARAMETERS:
        check_size([*mapped.path.items(), *mapped.query, *mapped.headers.items()])
    return mapped


def _add(mapped: _Parameters, parameter: RequestParameter, values: list[str], kind: str) -> None:
    if parameter.location == "path":
        mapped.path[parameter.name] = values[-1]
    elif parameter.location == "querystring":
        mapped.query.extend((parameter.name, value) for value in values)
    else:
        check_request_header(parameter.name, kind)
        mapped.headers[parameter.name] = header_text(parameter.name, ",".join(values))


def _choose_template(routed: Routed) -> TemplateSource | None:
    """Return the template for the request's content type, or None to pass the body through.

    Raises:
        GatewayError: 415, when `passthroughBehavior` does not let the body through.
    """
    if routed.method.is_proxy:
        return None
    templates = routed.method.templates
    content_type = mime(routed.exchange.last_header("content-type")) or JSON
    found = for_type(templates, content_type) or for_type(templates, "$default")
    if found is not None:
        return found[1]
    behavior = routed.method.integration.passthrough_behavior
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    return None


def _override(mapped: _Parameters, overrides: Overrides, kind: str) -> None:
    for name, value in overrides.header.items():
        check_request_header(name, kind)
        _drop_header(mapped.headers, name)
        mapped.headers[name] = header_text(name, ",".join(override_texts(value)))
    for name, value in overrides.querystring.items():
        mapped.query = [(key, text) for key, text in mapped.query if key != name]
        mapped.query.extend((name, text) for text in override_texts(value))
    for name, value in overrides.path.items():
        mapped.path[name] = ",".join(override_texts(value))


def _drop_header(headers: dict[str, str], name: str) -> None:
    for existing in [key for key in headers if key.lower() == name.lower()]:
        del headers[existing]


def _log_request(routed: Routed, payload: str | bytes) -> None:
    log, exchange = routed.exchange.log, routed.exchange
    if log.enabled:
        log.line(f"Method request path: {java_map(routed.path_parameters.items())}")
        log.line(f"Method request query string: {java_map((k, v[-1]) for k, v in exchange.query.items())}")
        log.line(f"Method request headers: {java_map((k, v[-1]) for k, v in exchange.headers.items())}")
        log.line(f"Method request body before transformations: {_shown(payload)}")


def _shown(payload: str | bytes) -> str:
    return payload if isinstance(payload, str) else f"[Binary Data: {len(payload)} bytes]"
