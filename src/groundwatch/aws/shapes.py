"""Shapes of a service model, compiled from botocore's into small slotted objects that the codecs walk.

A shape may contain itself, so `Shape` objects are filled in after they are made; nobody changes them later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from groundwatch.aws.patterns import Matcher, matcher

Value = Any
"""A value of some shape, on either side of the wire: the service model knows its type, the type checker cannot."""

BotocoreModel = Any
"""An object of `botocore.model`, which has no type annotations."""

Kind = Literal["structure", "list", "map", "string", "integer", "long", "double", "boolean", "blob", "timestamp"]
Location = Literal["uri", "querystring", "header", "headers", "statusCode"]

_KINDS: dict[str, Kind] = {
    "structure": "structure",
    "list": "list",
    "map": "map",
    "string": "string",
    "character": "string",
    "byte": "integer",
    "short": "integer",
    "integer": "integer",
    "long": "long",
    "float": "double",
    "double": "double",
    "boolean": "boolean",
    "blob": "blob",
    "timestamp": "timestamp",
}
INTEGER_RANGES: dict[str, tuple[int, int]] = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


@dataclass(slots=True, eq=False)
class Shape:
    """One type of the model, with its constraints."""

    name: str
    kind: Kind
    members: dict[str, Member] = field(default_factory=dict)
    """A structure's members by model name, in the order of the model."""
    required: frozenset[str] = frozenset()
    element: Member | None = None
    """What a list holds."""
    key: Member | None = None
    value: Member | None = None
    minimum: float | None = None
    """Least length of strings, blobs, lists and maps; least value of numbers."""
    maximum: float | None = None
    pattern: str | None = None
    matches: Matcher | None = None
    enum: tuple[str, ...] = ()
    is_document: bool = False
    """Any JSON value."""
    payload: str | None = None
    """The member that is the whole HTTP body (REST)."""


@dataclass(slots=True, eq=False)
class Member:
    """A place where a shape is used, with what the place says about the wire."""

    name: str
    wire_name: str
    shape: Shape
    location: Location | None = None
    """Where a REST member travels when it is not in the body."""
    flattened: bool = False
    timestamp_format: str | None = None
    is_json_header: bool = False
    """A header that holds JSON in base64 (`jsonvalue`); elsewhere such a member is a plain string."""
    is_xml_attribute: bool = False
    is_event_stream: bool = False
    has_own_name: bool = False
    """True when the model gives `wire_name` explicitly."""


class ShapeCompiler:
    """Turns botocore shapes into `Shape`s, each definition once; not for use by several threads at a time."""

    def __init__(self) -> None:
        self._compiled: dict[str, Shape] = {}

    def compile(self, model: BotocoreModel) -> Shape:
        """Return the compiled form of a botocore shape."""
        known = self._compiled.get(model.name)
        if known is not None:
            return known
        shape = self._compiled[model.name] = _bare_shape(model)
        if shape.kind == "structure":
            shape.members = {name: self._member(name, used, name) for name, used in model.members.items()}
        elif shape.kind == "list":
            shape.element = self._member("member", model.member, "member")
        elif shape.kind == "map":
            shape.key = self._member("key", model.key, "key")
            shape.value = self._member("value", model.value, "value")
        return shape

    def _member(self, name: str, model: BotocoreModel, default_wire_name: str) -> Member:
        traits = model.serialization
        return Member(
            name=name,
            wire_name=traits.get("name", default_wire_name),
            shape=self.compile(model),
            location=traits.get("location"),
            flattened=bool(traits.get("flattened")),
            timestamp_format=traits.get("timestampFormat"),
            is_json_header=bool(traits.get("jsonvalue")) and traits.get("location") == "header",
            is_xml_attribute=bool(traits.get("xmlAttribute")),
            is_event_stream=bool(traits.get("eventstream")),
            has_own_name="name" in traits,
        )


def _bare_shape(model: BotocoreModel) -> Shape:
    rules = model.metadata
    pattern = rules.get("pattern")
    return Shape(
        name=model.name,
        kind=_KINDS[model.type_name],
        required=frozenset(rules.get("required", ())),
        minimum=rules.get("min"),
        maximum=rules.get("max"),
        pattern=pattern,
        matches=matcher(pattern) if pattern is not None else None,
        enum=tuple(rules.get("enum", ())),
        is_document=bool(rules.get("document")),
        payload=model.serialization.get("payload"),
    )
