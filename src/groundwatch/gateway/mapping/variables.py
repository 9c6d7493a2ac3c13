"""The variables that the gateway provides to templates: `$input`, `$util`, `$context` and `$stageVariables`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
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
from groundwatch.gateway.mapping.values import ContextMap, Method, TemplateObject, VtlValue

_JAVASCRIPT = re.compile(r"[\"'\\\x00-\x1f]")
_URL_UNSAFE = re.compile(r"[^A-Za-z0-9.*_-]+")
# As Java's URLEncoder writes a byte, which leaves `*` alone and encodes `~`; Python's quote does the opposite.
_PERCENT_ENCODED = [f"%{byte:02X}" if byte != 0x20 else "+" for byte in range(256)]
_JAVASCRIPT_ESCAPES = {
    '"': '\\"', "'": "\\'", "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f",
}  # fmt: skip


class InputVariable(TemplateObject):
    """`$input`: the payload, and the parameters of the client's request."""

    def __init__(
        self,
        payload: str,
        *,
        path: Mapping[str, str],
        querystring: Mapping[str, str],
        header: dict[str, str],
        members: Mapping[str, object] | None = None,
    ) -> None:
        """Take the payload as text; `members` are `IntegrationAnswer.members`."""
        self._payload = payload
        # Most of a page of events need not become values and text again: it is there as templates write it.
        self._members = members
        self._parameters = {"path": dict(path), "querystring": dict(querystring), "header": header}
        self._document: VtlValue = None
        self._parsed = False

    def property(self, name: str) -> VtlValue:
        """Return `$input.body`, the raw payload; an empty one reads as an empty object."""
        return (self._payload or "{}") if name == "body" else None

    def document(self, run: Run) -> VtlValue:
        """Return the parsed payload, which is parsed once."""
        if not self._parsed:
            run.budget.charge_text(len(self._payload))
            run.budget.charge(reading_steps(self._payload))
            self._document = parse_payload(self._payload)
            self._parsed = True
            # From now on the template may have changed something.
            self._members = None
        return self._document

    def path(self, run: Run, expression: VtlValue) -> VtlValue:
        """`$input.path('$.a')`: the value itself."""
        path = run.paths.get(text_of(run, expression))
        if self._members is not None and (name := path.member) is not None:
            member = self._members.get(name)
            if member is None or isinstance(member, str | int):
                return member
        return evaluate(path, self.document(run), run.budget)

    def json(self, run: Run, expression: VtlValue) -> str:
        """`$input.json('$.a')`: JSON text; two quotes when there is nothing."""
        path = run.paths.get(text_of(run, expression))
        if self._members is not None and (name := path.member) is not None:
            return member_to_json(self._members.get(name), run.budget)
        value = evaluate(path, self.document(run), run.budget)
        return '""' if value is None else to_json(value, run.budget)

    def params(self, run: Run, *name: VtlValue) -> VtlValue:
        """`$input.params()` or `$input.params('name')`: path before query string before header."""
        if not name:
            return self._parameters
        wanted = text_of(run, name[0])
        for location in self._parameters.values():
            value = location.get(wanted)
            if value is not None:
                return value
        return ""

    methods: ClassVar[Mapping[str, Method]] = {
        "path": Method(lambda run, self, expression: self.path(run, expression), 1, 1),
        "json": Method(lambda run, self, expression: self.json(run, expression), 1, 1),
        "params": Method(lambda run, self, *name: self.params(run, *name), 0, 1),
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
    return "".join([_PERCENT_ENCODED[byte] for byte in match.group().encode("utf-8", "replace")])


def _url_decode(run: Run, _util: object, value: VtlValue) -> str:
    return unquote_plus(text_of(run, value))


def _base64_encode(run: Run, _util: object, value: VtlValue) -> str:
    return _charged(run, base64.b64encode(text_of(run, value).encode("utf-8", "replace")).decode())


def _base64_decode(run: Run, _util: object, value: VtlValue) -> str:
    try:
        return base64.b64decode(text_of(run, value), validate=False).decode("utf-8", "replace")
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


def template_scope(variable: InputVariable, context: ContextMap | None, stage_variables: Mapping[str, str]) -> Scope:
    """Return the variables that a template starts with; the maps are the evaluation's own and may be changed by it.

    `context` is None for a template that does not mention it.
    """
    scope: Scope = {"input": variable, "util": UtilVariable(), "stageVariables": dict(stage_variables)}
    if context is not None:
        scope["context"] = context
    return scope
