"""Sample mapping templates: the text that GetModelTemplate makes of a model, for its author to fill in."""

from __future__ import annotations

import msgspec

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.validation.flattening import Node, flattened

MAX_NODES = 10_000
"""Values of a sample: models that name one another twice each double it with every step."""
MAX_DEPTH = 100
"""Levels of a sample, and references that are followed on the way to one value."""
_SAMPLES = {"string": '"foo"', "integer": "42", "number": "42.0", "boolean": "true", "null": "null"}
_LOOP = "##TODO: Update this foreach loop to reference array from input json\n#foreach($elem in $inputRoot)\n"
_LOOP_END = "#if($foreach.hasNext),#end\n\n#end\n"


def sample_template(api: RestApi, name: str) -> str:
    """Return a template that renders something in the form of the model.

    Raises BadRequestException for a model that would make a sample beyond `MAX_NODES` or `MAX_DEPTH`.
    """
    return "#set($inputRoot = $input.path('$'))\n" + _Sampler(msgspec.json.decode(flattened(api, name)), name).text()


class _Sampler:
    def __init__(self, root: Node, name: str) -> None:
        self._root = root
        self._name = name
        self._nodes = 0

    def text(self) -> str:
        return self._sample(self._root, 0, frozenset({"#"}))

    def _sample(self, schema: Node, depth: int, followed: frozenset[str]) -> str:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH or len(followed) > MAX_DEPTH:
            raise bad_request(f"Model {self._name} is too large for a sample template")
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str):
            # A model that holds itself is empty from there on.
            inner = {} if reference in followed else self._pointed(reference)
            return self._sample(inner, depth, followed | {reference})
        if not isinstance(schema, dict):
            return "{}"
        for keyword in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self._combined(schema, keyword, depth, followed)
        return self._of_type(schema, depth, followed)

    def _combined(self, schema: Node, keyword: str, depth: int, followed: frozenset[str]) -> str:
        parts = schema[keyword] if keyword == "allOf" else schema[keyword][:1]
        merged = {name: held for name, held in schema.items() if name != keyword}
        for part in parts:
            reference = part.get("$ref") if isinstance(part, dict) else None
            if isinstance(reference, str):
                part = {} if reference in followed else self._pointed(reference)  # noqa: PLW2901 - what it stands for
                followed |= {reference}
            if isinstance(part, dict):
                properties = {**_mapping(merged, "properties"), **_mapping(part, "properties")}
                merged = {**part, **merged, **({"properties": properties} if properties else {})}
        return self._sample(merged, depth, followed)

    def _of_type(self, schema: Node, depth: int, followed: frozenset[str]) -> str:
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return msgspec.json.encode(choices[0]).decode()
        kind = _kind(schema)
        if kind == "array":
            items = schema.get("items")
            first = items[0] if isinstance(items, list) and items else items
            return self._array(first if isinstance(first, dict) else {}, depth, followed)
        if kind == "object":
            return self._object(_mapping(schema, "properties"), depth, followed)
        return _SAMPLES.get(kind, "{}")

    def _object(self, properties: Node, depth: int, followed: frozenset[str]) -> str:
        if not properties:
            return "{}"
        inner = "  " * (depth + 1)
        members = [
            f"{inner}{msgspec.json.encode(name).decode()} : {self._sample(held, depth + 1, followed)}"
            for name, held in properties.items()
        ]
        return "{\n" + ",\n".join(members) + "\n" + "  " * depth + "}"

    def _array(self, items: Node, depth: int, followed: frozenset[str]) -> str:
        inner = "  " * (depth + 1)
        return f"[\n{_LOOP}{inner}{self._sample(items, depth + 1, followed)}{_LOOP_END}" + "  " * depth + "]"

    def _pointed(self, reference: str) -> Node:
        target = self._root if reference.startswith("#") else {}
        for step in filter(None, reference[1:].split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        return target if isinstance(target, dict) else {}


def _kind(schema: Node) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "array" if "items" in schema else "object"


def _mapping(holder: Node, name: str) -> dict[str, Node]:
    held = holder.get(name)
    return held if isinstance(held, dict) else {}
