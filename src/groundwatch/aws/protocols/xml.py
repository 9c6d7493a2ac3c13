"""Operation outputs as XML elements, the way the query protocol nests them."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from groundwatch.aws.json_values import members_of
from groundwatch.aws.shapes import Member, Shape, Value
from groundwatch.aws.text_values import to_text

# A parser would fold a bare carriage return into a line feed.
_ENTITIES = {"\r": "&#13;"}
_IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 has no way to write; each is shown as U+FFFD."""


def text_element(name: str, text: str) -> str:
    """Return `<name>text</name>`, escaped."""
    possible = _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return f"<{name}>{escape(possible, _ENTITIES)}</{name}>"


def structure_elements(shape: Shape, value: object) -> str:
    """Return the elements of a structure's members; None-valued ones are left out."""
    given = members_of(value)
    return "".join(
        _element(_wire_name(member), member, inner)
        for name, member in shape.members.items()
        if not member.is_xml_attribute and (inner := given.get(name)) is not None
    )


def _wire_name(member: Member) -> str:
    element = member.shape.element
    if member.flattened and element is not None and element.has_own_name:
        return element.wire_name
    return member.wire_name


def _element(name: str, member: Member, value: Value) -> str:
    shape = member.shape
    if shape.kind == "structure":
        return f"<{name}{_attributes(shape, value)}>{structure_elements(shape, value)}</{name}>"
    if shape.kind == "list" and shape.element is not None:
        element = shape.element
        inner_name = name if member.flattened else element.wire_name
        inner = "".join(_element(inner_name, element, item) for item in value if item is not None)
        return inner if member.flattened else f"<{name}>{inner}</{name}>"
    if shape.kind == "map":
        return _map(name, member, value)
    return text_element(name, to_text(member, value, "iso8601"))


def _map(name: str, member: Member, value: dict[str, Any]) -> str:
    key, inner = member.shape.key, member.shape.value
    if key is None or inner is None:
        raise TypeError(f"the map {name} has no key or value shape")
    entry = name if member.flattened else "entry"
    entries = "".join(
        f"<{entry}>{_element(key.wire_name, key, k)}{_element(inner.wire_name, inner, v)}</{entry}>"
        for k, v in value.items()
        if v is not None
    )
    return entries if member.flattened else f"<{name}>{entries}</{name}>"


def _attributes(shape: Shape, value: object) -> str:
    given = members_of(value)
    return "".join(
        f" {member.wire_name}={quoteattr(to_text(member, given[name], 'iso8601'))}"
        for name, member in shape.members.items()
        if member.is_xml_attribute and given.get(name) is not None
    )
