"""The gateway's own answers, in the API's customised form where it has one.

Templates of gateway responses are not mapping templates: only `$name` references are replaced.
"""

from __future__ import annotations

import json
import re

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.parameters import BODY_STEPS, Message, ResponseHeader
from groundwatch.gateway.mapping.text import render
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.compiled import CompiledDeployment, CompiledGatewayResponse
from groundwatch.gateway.runtime.context import message_for
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.header_rules import check_size, error_header_name, header_text
from groundwatch.gateway.runtime.media import JSON, for_accept
from groundwatch.gateway.runtime.stages import AnyStage, Located, exchange_of, reached

SUBSTITUTION_STEPS = 20_000
"""What all references of one template may cost together: a megabyte of text, and some milliseconds."""
_REFERENCE = re.compile(
    r"\$(?:context|stageVariables)\.[A-Za-z0-9_.-]*[A-Za-z0-9_]"
    r"|\$?method\.request\.(?:header|querystring|path)\.[A-Za-z0-9_.$-]*[A-Za-z0-9_]"
)


def error_response(error: GatewayError, stage: AnyStage) -> WireResponse:
    """Return the answer for an error, given how far the request had come.

    Raises:
        MappingError: when the API's customisation cannot be used; `plain_response` always can.
    """
    located = reached(stage, Located)
    if located is None or not error.customisable:
        return plain_response(error)
    specific, fallback = _customisations(error, located.deployment)
    custom = specific or fallback
    if custom is None:
        return plain_response(error)
    message = message_for(stage, error=error)
    headers = _headers(custom.headers, message)
    status = custom.status or error.status
    content_type, body = _body(error, custom, message, exchange_of(stage).last_header("accept"))
    names = {name.lower() for name, _ in headers}
    if "content-type" not in names:
        headers.insert(0, ("Content-Type", content_type))
    if "x-amzn-errortype" not in names:
        headers.append(("x-amzn-ErrorType", error.error_type))
    return WireResponse(status, tuple(headers), body)


def plain_response(error: GatewayError) -> WireResponse:
    """Return the service's own form of an error."""
    headers = (("Content-Type", JSON), ("x-amzn-ErrorType", error.error_type))
    return WireResponse(error.status, headers, _default_body(error))


def _customisations(
    error: GatewayError, deployment: CompiledDeployment
) -> tuple[CompiledGatewayResponse | None, CompiledGatewayResponse | None]:
    group = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
    return deployment.gateway_response(error.response_type), deployment.gateway_response(group)


def _default_body(error: GatewayError) -> bytes:
    # Lambda authorizers and policies write the name with a capital letter, everything else does not.
    name = "Message" if error.response_type == "ACCESS_DENIED" else "message"
    separators = (",", ": ") if error.spaced else (",", ":")
    return json.dumps({name: error.message}, separators=separators, ensure_ascii=False).encode()


def _headers(mapped: tuple[ResponseHeader, ...], message: Message) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for header in mapped:
        values, name = header.source(message), error_header_name(header.name)
        if values and name is not None:
            headers.append((name, header_text(name, ",".join(values))))
    check_size(headers)
    return headers


def _body(
    error: GatewayError, custom: CompiledGatewayResponse, message: Message, accept: str | None
) -> tuple[str, bytes]:
    chosen = for_accept(custom.templates, accept)
    if chosen is None:
        return JSON, _default_body(error)
    content_type, template = chosen
    return content_type, _substitute(template, message).encode("utf-8", "replace")


def _substitute(template: str, message: Message) -> str:
    budget = Budget(SUBSTITUTION_STEPS)

    def value(match: re.Match[str]) -> str:
        text = _value(match.group().removeprefix("$"), message)
        budget.charge_text(len(text))
        return text

    return _REFERENCE.sub(value, template)


def _value(name: str, message: Message) -> str:
    source, _, rest = name.partition(".")
    if source == "stageVariables":
        return message.stage_variables.get(rest, "")
    if source == "method":
        _, location, parameter = rest.split(".", 2)
        return _parameter(location, parameter, message)
    value: VtlValue = message.context()
    for part in rest.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if isinstance(value, dict) else render(value, Budget(BODY_STEPS))


def _parameter(location: str, name: str, message: Message) -> str:
    if location == "path":
        return message.path.get(name, "")
    values = message.header.get(name.lower()) if location == "header" else message.querystring.get(name)
    return values[-1] if values else ""
