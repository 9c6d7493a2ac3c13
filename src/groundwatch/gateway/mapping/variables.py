"""The variables that the gateway provides to templates: `$input`, `$util`, `$context` and `$stageVariables`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import unquote_plus

from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.evaluation import text_of
from groundwatch.gateway.mapping.jsonpath import evaluate
from groundwatch.gateway.mapping.run import Run, Scope
from groundwatch.gateway.mapping.text import (
    member_to_json,
    parse_json,
    parse_payload,
    reading_steps,
    to_json,
)
from groundwatch.gateway.mapping.values import ContextMap, HeaderMap, Method, TemplateObject, VtlValue

_JAVASCRIPT = re.compile(r"[\"'\\\x00-\x1f]")
_URL_UNSAFE = re.compile(r"[^A-Za-z0-9.*_-]+")
# As Java's URLEncoder writes a byte, which leaves `*` alone and encodes `~`; Python's quote does the opposite.
_PERCENT_ENCODED = [f"%{byte:02X}" if byte != 0x20 else "+" for byte in range(256)]
_TO_STANDARD_ALPHABET = str.maketrans("-_", "+/")
_JAVASCRIPT_ESCAPES = {
    '"': '\\"', "'": "\\'", "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f",
}  # fmt: skip


def _path(run: Run, given: InputVariable, expression: VtlValue) -> VtlValue:
    """`$input.path('$.a')`: the value itself."""
    path = run.paths.get(text_of(run, expression))
    if given.members is not None and (name := path.member) is not None:
        member = given.members.get(name)
        if type(member) is str or member is None or isinstance(member, int):
            return member
    return evaluate(path, given.document(run), run.budget)


def _json(run: Run, given: InputVariable, expression: VtlValue) -> str:
    """`$input.json('$.a')`: JSON text; two quotes when there is nothing."""
    path = run.paths.get(text_of(run, expression))
    if given.members is not None and (name := path.member) is not None:
        return member_to_json(given.members.get(name), run.budget)
    value = evaluate(path, given.document(run), run.budget)
    return '""' if value is None else to_json(value, run.budget)


def _params(run: Run, given: InputVariable, *name: VtlValue) -> VtlValue:
    """`$input.params()` or `$input.params('name')`: path before query string before header."""
    return given.parameter(text_of(run, name[0])) if name else given.parameters()


class InputVariable(TemplateObject):
    """`$input`: the payload, and the parameters of the client's request."""

    def __init__(
        self,
        payload: str | bytes,
        *,
        path: Mapping[str, str],
        querystring: Mapping[str, Sequence[str]],
        header: Mapping[str, Sequence[str]],
        spelling: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        """Take the payload, bytes of UTF-8 or text, and the request's parameters, of which the last value counts.

        `header` is by lower-case name, `spelling` says how templates that go through the names see them; `members`
        are `IntegrationAnswer.members`.
        """
        self._payload = payload
        self.members = members
        """None once the payload was read: the template may have changed it."""
        self._path = path
        self._query = querystring
        self._header = header
        self._spelling = spelling or {}
        self._parameters: dict[str, dict[str, VtlValue]] | None = None
        self._document: VtlValue = None
        self._parsed = False

    def property(self, name: str) -> VtlValue:
        """Return `$input.body`, the raw payload; an empty one reads as an empty object."""
        return (self._text() or "{}") if name == "body" else None

    def _text(self) -> str:
        # Pages of events are large, and mostly nobody wants them as one text.
        if isinstance(self._payload, bytes):
            self._payload = self._payload.decode("utf-8", "replace")
        return self._payload

    def document(self, run: Run) -> VtlValue:
        """Return the parsed payload, which is parsed once."""
        if not self._parsed:
            text = self._text()
            run.budget.charge_text(len(text))
            run.budget.charge(reading_steps(text))
            self._document = parse_payload(text)
            self._parsed = True
            self.members = None
        return self._document

    def parameter(self, name: str) -> VtlValue:
        """Return a parameter of the request, or an empty text: path before query string before header."""
        if self._parameters is not None:
            # What the template was given all of, it may have changed.
            found = (location.get(name) for location in self._parameters.values())
            return next((value for value in found if value is not None), "")
        value = self._path.get(name)
        if value is not None:
            return value
        values = self._query.get(name) or self._header.get(name.lower())
        return values[-1] if values else ""

    def parameters(self) -> dict[str, dict[str, VtlValue]]:
        """Return all parameters by location and name."""
        if self._parameters is None:
            spelling = self._spelling
            self._parameters = {
                "path": dict(self._path),
                "querystring": {name: values[-1] for name, values in self._query.items()},
                "header": HeaderMap({spelling.get(name, name): values[-1] for name, values in self._header.items()}),
            }
        return self._parameters

    methods: ClassVar[Mapping[str, Method]] = {
        "path": Method(_path, 1, 1),
        "json": Method(_json, 1, 1),
        "params": Method(_params, 0, 1),
    }


def _charged(run: Run, text: str) -> str:
    run.budget.charge_text(len(text))
    return text


def _escape_javascript(run: Run, _util: object, value: VtlValue) -> str:
    return _charged(run, _JAVASCRIPT.sub(_escape, text_of(run, value)))


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _JAVASCRIPT_ESCAPES.get(character) or f"\\u{ord(character):04X}"


def _parse_json(run: Run, _util: object, value: VtlValue) -> VtlValue:
    if value is None:
        return None
    try:
        text = text_of(run, value)
        run.budget.charge(reading_steps(text))
        return parse_json(text)
    except PayloadError as error:
        raise MappingError(f"$util.parseJson: {error}") from error


def _url_encode(run: Run, _util: object, value: VtlValue) -> str:
    return _charged(run, _URL_UNSAFE.sub(_percent_encode, text_of(run, value)))


def _percent_encode(match: re.Match[str]) -> str:
    text = match.group()
    if len(text) == 1 and text.isascii():
        return _PERCENT_ENCODED[ord(text)]
    return "".join([_PERCENT_ENCODED[byte] for byte in text.encode("utf-8", "replace")])


def _url_decode(run: Run, _util: object, value: VtlValue) -> str:
    return unquote_plus(text_of(run, value))


def _base64_encode(run: Run, _util: object, value: VtlValue) -> str:
    return _charged(run, base64.b64encode(text_of(run, value).encode("utf-8", "replace")).decode())


def _base64_decode(run: Run, _util: object, value: VtlValue) -> str:
    # Both alphabets, and with or without padding, as Java's usual decoder: tokens are written so.
    text = text_of(run, value).translate(_TO_STANDARD_ALPHABET)
    try:
        return base64.b64decode(text + "==", validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise MappingError(f"$util.base64Decode: {error}") from error


class UtilVariable(TemplateObject):
    """`$util`."""

    methods: ClassVar[Mapping[str, Method]] = {
        "escapeJavaScript": Method(_escape_javascript, 1, 1),
        "parseJson": Method(_parse_json, 1, 1),
        "urlEncode": Method(_url_encode, 1, 1),
        "urlDecode": Method(_url_decode, 1, 1),
        "base64Encode": Method(_base64_encode, 1, 1),
        "base64Decode": Method(_base64_decode, 1, 1),
    }


PROVIDED: Mapping[str, type[TemplateObject]] = {"input": InputVariable, "util": UtilVariable}
"""What the names of variables with methods stand for, unless a template changes it."""


_UTIL = UtilVariable()


def template_scope(
    variable: InputVariable, context: ContextMap | None, stage_variables: Mapping[str, str] | None
) -> Scope:
    """Return the variables that a template starts with; the maps are the evaluation's own and may be changed by it.

    `context` and `stage_variables` are None for a template that does not mention them.
    """
    scope: Scope = {"input": variable, "util": _UTIL}
    if stage_variables is not None:
        scope["stageVariables"] = dict(stage_variables)
    if context is not None:
        scope["context"] = context
    return scope
