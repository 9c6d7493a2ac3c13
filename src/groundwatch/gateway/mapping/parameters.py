"""Parameter mapping: expressions such as `method.request.querystring.page` or `'text'`, compiled once a method.

An expression gives a list of texts: none when its value is undefined or empty, in which case nothing is sent; several
only for the multi-value forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.jsonpath import evaluate, parse_path
from groundwatch.gateway.mapping.text import parse_payload, render, to_json
from groundwatch.gateway.mapping.values import VtlValue

BODY_STEPS = 200_000
"""What all JSONPaths over the body of one message may cost together; see `Budget`."""
RequestLocation = Literal["path", "querystring", "header"]
_NAME = r"[a-zA-Z0-9._$-]+"
_REQUEST_TARGET = re.compile(rf"integration\.request\.(path|querystring|header)\.({_NAME})")
_RESPONSE_TARGET = re.compile(rf"method\.response\.header\.({_NAME})")
_BACKEND_HEADER = "integration.response.header."
_ERROR_TARGET = re.compile(rf"gatewayresponse\.header\.({_NAME})")


class Message(msgspec.Struct, frozen=True):
    """What expressions read: the client's request and, in responses, the backend's answer."""

    path: Mapping[str, str]
    querystring: Mapping[str, Sequence[str]]
    header: Mapping[str, Sequence[str]]
    """The client's headers by lower-case name."""
    context: Callable[[], Mapping[str, VtlValue]]
    """Makes `$context` when the first expression reads it, which few do."""
    stage_variables: Mapping[str, str]
    document: BodyDocument
    """The client's body for request expressions, the backend's for response expressions."""
    response_header: Mapping[str, Sequence[str]]
    """The backend's headers by lower-case name; empty while the request is mapped."""


class BodyDocument:
    """A body that is parsed once, however many expressions look into it, and one budget for all of them."""

    __slots__ = ("_body", "_budget", "_is_parsed", "_value")

    def __init__(self, body: str | bytes) -> None:
        """Take text, or bytes of UTF-8."""
        self._body = body
        self._value: VtlValue = None
        self._is_parsed = False
        self._budget: Budget | None = None

    @property
    def text(self) -> str:
        """The body as it is."""
        if isinstance(self._body, bytes):
            self._body = self._body.decode("utf-8", "replace")
        return self._body

    @property
    def budget(self) -> Budget:
        """What is left for looking into the body."""
        if self._budget is None:
            self._budget = Budget(BODY_STEPS)
        return self._budget

    def value(self) -> VtlValue:
        """Return the parsed body; raises PayloadError when it is not JSON."""
        if not self._is_parsed:
            self._value = parse_payload(self.text)
            self._is_parsed = True
        return self._value


Source = Callable[[Message], list[str]]


@dataclass(frozen=True, slots=True)
class RequestParameter:
    """One entry of an integration's `requestParameters`."""

    location: RequestLocation
    name: str
    source: Source
    constant: str | None = None
    """The text that every request gives, if it is the same for all."""


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """One header that an integration response or a gateway response sets."""

    name: str
    source: Source
    constant: str | None = None
    """The text that every answer gives, if it is the same for all."""
    backend_header: str | None = None
    """The header of the backend's answer, in lower case, whose last value is all that this one is."""


def compile_request_parameters(entries: Mapping[str, str]) -> tuple[RequestParameter, ...]:
    """Compile `requestParameters`.

    Raises:
        MappingError: naming the expression that is not one.
    """
    compiled: list[RequestParameter] = []
    for target, expression in entries.items():
        match = _REQUEST_TARGET.fullmatch(target)
        if match is None:
            raise MappingError(f"Invalid mapping expression specified: {target}")
        location = cast(RequestLocation, match.group(1))
        source = _compile(expression, _REQUEST_SOURCES)
        compiled.append(RequestParameter(location, match.group(2), source, _constant(expression)))
    return tuple(compiled)


def compile_response_parameters(entries: Mapping[str, str]) -> tuple[ResponseHeader, ...]:
    """Compile the `responseParameters` of an integration response; raises as for requests."""
    return _compile_headers(entries, _RESPONSE_TARGET, _RESPONSE_SOURCES)


def compile_error_parameters(entries: Mapping[str, str]) -> tuple[ResponseHeader, ...]:
    """Compile the `responseParameters` of a gateway response; raises as for requests."""
    return _compile_headers(entries, _ERROR_TARGET, _ERROR_SOURCES)


def _compile_headers(
    entries: Mapping[str, str], pattern: re.Pattern[str], sources: Mapping[str, Callable[[str], Source]]
) -> tuple[ResponseHeader, ...]:
    compiled: list[ResponseHeader] = []
    for target, expression in entries.items():
        match = pattern.fullmatch(target)
        if match is None:
            raise MappingError(f"Invalid mapping expression specified: {target}")
        source = _compile(expression, sources)
        named = expression.removeprefix(_BACKEND_HEADER)
        backend_header = named.lower() if named != expression else None
        compiled.append(ResponseHeader(match.group(1), source, _constant(expression), backend_header))
    return tuple(compiled)


def _constant(expression: str) -> str | None:
    """Return the text between the quotes of a constant, None for other expressions."""
    return expression[1:-1] if len(expression) >= 2 and expression[0] == expression[-1] == "'" else None


def _compile(expression: str, sources: Mapping[str, Callable[[str], Source]]) -> Source:
    constant = _constant(expression)
    if constant is not None:
        texts = [constant] if constant else []
        return lambda _message: texts
    for prefix, make in sources.items():
        if expression == prefix:
            return make("")
        if expression.startswith(f"{prefix}."):
            return make(expression[len(prefix) + 1 :])
    raise MappingError(f"Invalid mapping expression specified: {expression}")


def _named(make: Callable[[str], Source]) -> Callable[[str], Source]:
    def check(name: str) -> Source:
        if not re.fullmatch(_NAME, name):
            raise MappingError(f"Invalid mapping expression specified: name {name!r}")
        return make(name)

    return check


def _present(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text]


def _path(name: str) -> Source:
    return lambda message: _present([message.path.get(name, "")])


def _query(name: str) -> Source:
    return lambda message: _present(message.querystring.get(name, ())[-1:])


def _queries(name: str) -> Source:
    return lambda message: _present(message.querystring.get(name, ()))


def _header(name: str) -> Source:
    wanted = name.lower()
    return lambda message: _present(message.header.get(wanted, ())[-1:])


def _headers(name: str) -> Source:
    wanted = name.lower()
    return lambda message: _present(message.header.get(wanted, ()))


def _backend_header(name: str) -> Source:
    wanted = name.lower()
    return lambda message: _present(message.response_header.get(wanted, ())[-1:])


def _backend_headers(name: str) -> Source:
    wanted = name.lower()
    return lambda message: _present(message.response_header.get(wanted, ()))


def _stage_variable(name: str) -> Source:
    return lambda message: _present([message.stage_variables.get(name, "")])


def _context(name: str) -> Source:
    steps = name.split(".")

    def read(message: Message) -> list[str]:
        value: VtlValue = message.context()
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        return [] if isinstance(value, Mapping) else _present([render(value, Budget(BODY_STEPS))])

    return read


def _body(expression: str) -> Source:
    if not expression:
        return lambda message: _present([message.document.text])
    path = parse_path(f"$.{expression}")

    def read(message: Message) -> list[str]:
        budget = message.document.budget
        value = evaluate(path, message.document.value(), budget)
        if isinstance(value, dict | list):
            return [to_json(value, budget)]
        return _present([render(value, budget)])

    return read


_CLIENT: Mapping[str, Callable[[str], Source]] = {
    "method.request.path": _named(_path),
    "method.request.querystring": _named(_query),
    "method.request.multivaluequerystring": _named(_queries),
    "method.request.header": _named(_header),
    "method.request.multivalueheader": _named(_headers),
}
_VARIABLES: Mapping[str, Callable[[str], Source]] = {
    "stageVariables": _named(_stage_variable),
    "context": _named(_context),
}
_REQUEST_SOURCES = {**_CLIENT, **_VARIABLES, "method.request.body": _body}
_RESPONSE_SOURCES = {
    "integration.response.header": _named(_backend_header),
    "integration.response.multivalueheader": _named(_backend_headers),
    "integration.response.body": _body,
    **_VARIABLES,
}
_ERROR_SOURCES = {**_CLIENT, **_VARIABLES}
