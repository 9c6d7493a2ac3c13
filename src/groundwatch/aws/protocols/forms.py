"""The query protocol's input: dotted form fields (`Tags.member.1.Key=a`) to operation inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from groundwatch.aws.json_values import serialization_error
from groundwatch.aws.shapes import Member, Shape, Value
from groundwatch.aws.text_values import from_text

FormNode = dict[str | None, Any]
"""One level of the field names; the field's own text is kept under None."""


MAX_PARTS = 32
"""Of a field's name; no service's input has half as many."""
MAX_NODES = 100_000
"""Of the tree: two for each field of the largest request. Some operations are read before anybody has shown a key, and
a byte of a name would become 200 of memory."""


def form_tree(fields: Iterable[tuple[str, str]]) -> FormNode:
    """Return the fields as a tree of the parts of their names; of repeated fields the last counts.

    Raises `SerializationException` for a name of more than `MAX_PARTS` and for more than `MAX_NODES` in all.
    """
    root: FormNode = {}
    nodes = 0
    for name, text in fields:
        parts = name.split(".", MAX_PARTS)
        if len(parts) > MAX_PARTS:
            raise serialization_error(f"The name of a field has more than {MAX_PARTS} parts.")
        node = root
        for part in parts:
            inner = node.get(part)
            if inner is None:
                inner = node[part] = {}
                nodes += 1
            node = inner
        if nodes > MAX_NODES:
            raise serialization_error(f"The fields have names of more than {MAX_NODES} different parts.")
        node[None] = text
    return root


def structure_from_form(shape: Shape, node: FormNode) -> dict[str, Any]:
    """Return the members of a structure that the form has; raises `SerializationException` on wrong types."""
    found = {}
    for name, member in shape.members.items():
        inner = _find(member, node)
        if inner is not None:
            found[name] = _from_form(member, inner)
    return found


def _find(member: Member, node: FormNode) -> FormNode | None:
    element = member.shape.element
    inner = node.get(member.wire_name)
    if inner is None and member.flattened and element is not None:
        # Some clients name a flattened list after its element, as the XML answers do.
        return node.get(element.wire_name) if element.has_own_name else None
    return inner


def _from_form(member: Member, node: FormNode) -> Value:
    shape = member.shape
    if shape.kind == "structure":
        return structure_from_form(shape, node)
    if shape.kind == "list" and shape.element is not None:
        within = node if member.flattened else node.get(shape.element.wire_name, {})
        return [_from_form(shape.element, inner) for inner in _numbered(within)]
    if shape.kind == "map":
        return _map_from_form(shape, node if member.flattened else node.get("entry", {}))
    text = node.get(None)
    if text is None:
        raise serialization_error(f"{member.name} is not a structure")
    return from_text(member, text)


def _map_from_form(shape: Shape, node: FormNode) -> dict[str, Any]:
    key, value = shape.key, shape.value
    found: dict[str, Any] = {}
    for entry in _numbered(node):
        if key is None or value is None or key.wire_name not in entry or value.wire_name not in entry:
            raise serialization_error("A map entry lacks its key or its value")
        found[_from_form(key, entry[key.wire_name])] = _from_form(value, entry[value.wire_name])
    return found


def _numbered(node: FormNode) -> list[FormNode]:
    """Return the nodes called 1, 2, 3… in order; gaps are closed up."""
    try:
        numbers = sorted((int(part[:9]), part) for part in node if part is not None)
    except ValueError as error:
        raise serialization_error("List elements are numbered from 1") from error
    return [node[part] for _, part in numbers]
