"""What templates change beside their output: `$context.requestOverride` and `$context.responseOverride`."""

from __future__ import annotations

import msgspec

from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError
from groundwatch.gateway.mapping.values import ContextMap, OverrideMap, VtlValue
from groundwatch.gateway.runtime.header_rules import MAX_HEADER_CHARACTERS

MAX_OVERRIDES = 1000
"""Of one kind; heads of 10,240 bytes, the service's limit, hold fewer."""


MAX_OVERRIDE_CHARACTERS = MAX_HEADER_CHARACTERS
"""Of all overrides of one kind together: one text may stand in a thousand places."""


class Overrides(msgspec.Struct):
    """The overrides made so far, as plain values; each evaluation of a template works on maps of its own."""

    header: dict[str, VtlValue] = msgspec.field(default_factory=dict)
    querystring: dict[str, VtlValue] = msgspec.field(default_factory=dict)
    path: dict[str, VtlValue] = msgspec.field(default_factory=dict)
    response_header: dict[str, VtlValue] = msgspec.field(default_factory=dict)
    response_status: VtlValue = None

    def request_map(self) -> ContextMap:
        """Return `$context.requestOverride` for one evaluation."""
        return ContextMap(
            header=OverrideMap(self.header), path=OverrideMap(self.path), querystring=OverrideMap(self.querystring)
        )

    def response_map(self) -> ContextMap:
        """Return `$context.responseOverride` for one evaluation."""
        made = OverrideMap(header=OverrideMap(self.response_header))
        if self.response_status is not None:
            made["status"] = self.response_status
        return made


NO_OVERRIDES = Overrides()
"""What a message begins with."""


def read_overrides(variable: VtlValue) -> Overrides:
    """Return what a template left in its `$context`, if it left it a map.

    Raises:
        TemplateLimitError: when that is more than `MAX_OVERRIDES` or `MAX_OVERRIDE_CHARACTERS`.
    """
    context = _map(variable)
    request, response = _map(context.get("requestOverride")), _map(context.get("responseOverride"))
    made = Overrides(
        header=_map(request.get("header")),
        querystring=_map(request.get("querystring")),
        path=_map(request.get("path")),
        response_header=_map(response.get("header")),
        response_status=response.get("status"),
    )
    for overridden in (made.header, made.querystring, made.path, made.response_header):
        if overridden and sum(map(_characters, overridden.values())) > MAX_OVERRIDE_CHARACTERS:
            raise TemplateLimitError(f"overrides have more than {MAX_OVERRIDE_CHARACTERS} characters")
    return made


def _characters(value: VtlValue) -> int:
    return sum(len(text) for text in (value if isinstance(value, list) else (value,)) if isinstance(text, str))


def override_texts(value: VtlValue) -> list[str]:
    """Return the texts of an override: one, or those of a list.

    Raises:
        MappingError: for maps, null and lists in lists; a list may hold itself many times over.
    """
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]


def _text(value: VtlValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise MappingError("an override is neither a text nor a number nor a list of them")


def _map(value: VtlValue) -> dict[str, VtlValue]:
    if not isinstance(value, dict):
        return {}
    if len(value) > MAX_OVERRIDES:
        raise TemplateLimitError(f"a template has more than {MAX_OVERRIDES} overrides")
    return dict(value)
