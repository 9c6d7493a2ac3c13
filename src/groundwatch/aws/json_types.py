"""The fast way for JSON: input shapes as msgspec types, so that decoding, type checks and constraints run in C.

Whatever msgspec refuses is judged again by the thorough walk (`json_values`, `validation`), which knows the services'
error texts; so these types may be stricter than the walk, and must never be more lenient.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec

from groundwatch.aws.patterns import anchored, needs_unicode_classes
from groundwatch.aws.shapes import INTEGER_RANGES, Shape, Value
from groundwatch.aws.validation import FREE_TEXT_SHAPES

_WITHOUT_NUL = r"(?![^\0]*\0)"
_ANYTHING = r"(?s:.*)"
# Subscripts that the type checker cannot follow, because their arguments are computed.
_literal: Any = Literal
_annotated: Any = Annotated
_not_required: Any = NotRequired
_typed_dict: Any = TypedDict


class FastDecoder(msgspec.Struct, frozen=True):
    """Decodes the bodies of one operation."""

    decoder: msgspec.json.Decoder[dict[str, Any]]
    is_complete: bool
    """False when constraints remain that msgspec cannot express; the walk must check what was decoded."""


class _InexpressibleError(Exception):
    """The shape needs conversions, or contains itself."""


def build_decoder(shape: Shape) -> FastDecoder | None:
    """Return a decoder for an input shape, or None when decoding it needs more than JSON's own types."""
    builder = _Builder()
    try:
        built = builder.structure(shape)
    except _InexpressibleError:
        return None
    return FastDecoder(decoder=msgspec.json.Decoder(built), is_complete=builder.is_complete)


class _Builder:
    """Builds the type of one input; remembers whether it expresses every constraint."""

    def __init__(self) -> None:
        self.is_complete = True
        self._done: dict[str, Any] = {}
        self._open: set[str] = set()

    def structure(self, shape: Shape) -> Value:
        """Return a TypedDict for a structure; members that the model does not know are dropped by msgspec."""
        if shape.name in self._done:
            return self._done[shape.name]
        if shape.name in self._open:
            raise _InexpressibleError
        self._open.add(shape.name)
        fields = {}
        for name, member in shape.members.items():
            if member.wire_name != name or member.location is not None:
                raise _InexpressibleError
            built = self._type(member.shape)
            fields[name] = built if name in shape.required else _not_required[built]
        self._open.discard(shape.name)
        self._done[shape.name] = _typed_dict(shape.name, fields)
        return self._done[shape.name]

    def _type(self, shape: Shape) -> Value:
        if shape.is_document:
            # The walk hands documents on untouched, null included.
            raise _InexpressibleError
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list" and shape.element is not None:
            return _bounded(list[self._type(shape.element.shape)], shape)  # type: ignore[misc]
        if shape.kind == "map" and shape.key is not None and shape.value is not None:
            key, value = self._type(shape.key.shape), self._type(shape.value.shape)
            return _bounded(dict[key, value], shape)  # type: ignore[valid-type]
        if shape.kind == "string":
            return self._string(shape)
        return _scalar(shape)

    def _string(self, shape: Shape) -> Value:
        if shape.enum:
            self.is_complete &= shape.pattern is None and shape.minimum is None and shape.maximum is None
            return _literal[shape.enum]
        meta = _length(shape)
        if shape.pattern is not None and needs_unicode_classes(shape.pattern):
            self.is_complete = False
        elif shape.name not in FREE_TEXT_SHAPES:
            meta["pattern"] = re.compile(anchored(f"{_WITHOUT_NUL}(?:{shape.pattern or _ANYTHING})")).pattern
        elif shape.pattern is not None:
            meta["pattern"] = re.compile(anchored(shape.pattern)).pattern
        return _annotated[str, msgspec.Meta(**meta)] if meta else str


def _length(shape: Shape) -> dict[str, Any]:
    bounds = {"min_length": shape.minimum, "max_length": shape.maximum}
    return {name: int(bound) for name, bound in bounds.items() if bound is not None}


def _bounded(built: Value, shape: Shape) -> Value:
    meta = _length(shape)
    return _annotated[built, msgspec.Meta(**meta)] if meta else built


def _scalar(shape: Shape) -> Value:
    if shape.kind == "boolean":
        return bool
    if shape.kind in INTEGER_RANGES:
        low, high = INTEGER_RANGES[shape.kind]
        least = low if shape.minimum is None else max(low, int(shape.minimum))
        most = high if shape.maximum is None else min(high, int(shape.maximum))
        return _annotated[int, msgspec.Meta(ge=least, le=most)]
    if shape.kind == "double":
        bounds = {"ge": shape.minimum, "le": shape.maximum}
        meta: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
        return _annotated[float, msgspec.Meta(**meta)] if meta else float
    raise _InexpressibleError
