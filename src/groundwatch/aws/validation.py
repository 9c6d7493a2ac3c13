"""Constraint checks of a parsed input, and the sentence in which AWS lists what is wrong with it.

Works on values with model member names and Python types, whichever protocol they came by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from groundwatch.aws.errors import ValidationError
from groundwatch.aws.models import Operation
from groundwatch.aws.profiles import WireProfile
from groundwatch.aws.shapes import Member, Shape, Value

MAX_VIOLATIONS = 100
"""How many violations an answer lists; whoever breaks more constraints learns of the rest when these are mended."""
MAX_QUOTED_CHARACTERS = 16_384
"""How much of an offending value an answer repeats. The services repeat all of it, which may be megabytes."""
FREE_TEXT_SHAPES = frozenset({"EventMessage"})
"""Strings that may hold U+0000: what is logged. All others end in metadata, where PostgreSQL cannot keep it."""
NO_NUL = "Member must not contain the character U+0000"
_SIZED = frozenset(("string", "blob", "list", "map"))


def check_input(operation: Operation, params: Mapping[str, Any], profile: WireProfile) -> None:
    """Return when the input satisfies every constraint of its shape; raise `ValidationError` listing the violations."""
    if operation.input is None:
        return
    prefix = f"{_bean(operation.name)}Input." if profile.path_has_operation else ""
    found = list(islice(_structure(operation.input, params, prefix), MAX_VIOLATIONS))
    if not found:
        return
    for name, message in profile.too_long_messages.items():
        if _is_too_long(operation.input.members.get(name), params.get(name)):
            raise ValidationError(_code(operation, profile), message)
    noun = "error" if len(found) == 1 else "errors"
    message = f"{len(found)} validation {noun} detected: {'; '.join(found)}"
    raise ValidationError(_code(operation, profile), message)


def _bean(name: str) -> str:
    # The services name Java properties: `userName` for the model's `UserName`.
    return name[:1].lower() + name[1:]


def _code(operation: Operation, profile: WireProfile) -> str:
    modelled = (code for code in profile.validation_codes if code in operation.error_codes)
    return next(modelled, profile.validation_codes[0])


def _is_too_long(member: Member | None, value: object) -> bool:
    if member is None or member.shape.maximum is None or not isinstance(value, str):
        return False
    return len(value) > member.shape.maximum


def _structure(shape: Shape, value: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, member in shape.members.items():
        inner = value.get(name)
        if inner is not None:
            # What travels in the path or the query is named bare, as recorded of the services.
            yield from _value(member.shape, inner, ("" if member.location else prefix) + _bean(name))
        elif name in shape.required:
            yield f"Value null at '{prefix}{_bean(name)}' failed to satisfy constraint: Member must not be null"


def _value(shape: Shape, value: Value, path: str) -> Iterator[str]:
    for constraint in _broken(shape, value):
        yield f"Value '{java_text(shape, value)}' at '{path}' failed to satisfy constraint: {constraint}"
    if shape.kind == "structure" and not shape.is_document:
        yield from _structure(shape, value, path + ".")
    elif shape.kind == "list":
        yield from _elements(shape, value, path)
    elif shape.kind == "map":
        yield from _entries(shape, value, path)


def _elements(shape: Shape, value: list[Any], path: str) -> Iterator[str]:
    inner = _inner(shape.element)
    if _is_nested(inner):
        for position, element in enumerate(value, 1):
            yield from _value(inner, element, f"{path}.{position}.member")
    elif any(any(_broken(inner, element)) for element in value):
        yield _collective(shape, value, path, "Member must satisfy constraint", inner)


def _entries(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    key, inner = _inner(shape.key), _inner(shape.value)
    if any(any(_broken(key, name)) for name in value):
        yield _collective(shape, value, path, "Map keys must satisfy constraint", key)
    if _is_nested(inner):
        for name, entry in value.items():
            yield from _value(inner, entry, f"{path}.{name}.member")
    elif any(any(_broken(inner, entry)) for entry in value.values()):
        yield _collective(shape, value, path, "Map value must satisfy constraint", inner)


def _collective(shape: Shape, value: Value, path: str, rule: str, inner: Shape) -> str:
    # For lists and maps of scalars the services quote the whole collection, and every rule of its members.
    constraint = f"{rule}: [{', '.join(_constraints(inner) or (NO_NUL,))}]"
    return f"Value '{java_text(shape, value)}' at '{path}' failed to satisfy constraint: {constraint}"


def _inner(member: Member | None) -> Shape:
    if member is None:
        raise TypeError("a list or map of the service model says nothing of its members")
    return member.shape


def _is_nested(shape: Shape) -> bool:
    return shape.kind in {"structure", "list", "map"}


def _broken(shape: Shape, value: Value) -> Iterator[str]:
    """Yield the constraints of the shape itself that `value` breaks: enum, pattern or NUL, then bounds."""
    if shape.enum and value not in shape.enum:
        yield _enum_text(shape)
    if shape.matches is not None and not shape.matches(value):
        yield f"Member must satisfy regular expression pattern: {shape.pattern}"
    elif shape.kind == "string" and "\0" in value and shape.name not in FREE_TEXT_SHAPES:
        yield NO_NUL
    if shape.maximum is None and shape.minimum is None:
        return
    size, noun = (len(value), "length") if shape.kind in _SIZED else (value, "value")
    if shape.maximum is not None and size > shape.maximum:
        yield f"Member must have {noun} less than or equal to {_number(shape.maximum)}"
    if shape.minimum is not None and size < shape.minimum:
        yield f"Member must have {noun} greater than or equal to {_number(shape.minimum)}"


def _constraints(shape: Shape) -> list[str]:
    """Return every constraint of the shape, in the order in which collections list them."""
    noun = "length" if shape.kind in _SIZED else "value"
    texts = []
    if shape.maximum is not None:
        texts.append(f"Member must have {noun} less than or equal to {_number(shape.maximum)}")
    if shape.minimum is not None:
        texts.append(f"Member must have {noun} greater than or equal to {_number(shape.minimum)}")
    if shape.pattern is not None:
        texts.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
    if shape.enum:
        texts.append(_enum_text(shape))
    return texts


def _enum_text(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _number(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)


def java_text(shape: Shape, value: Value) -> str:
    """Return a value as Java prints it: `[Tag(key=a, value=null)]`, `{k=v}`, `true`; cut where it gets long."""
    pieces: list[str] = []
    characters = 0
    for piece in _java_pieces(shape, value):
        pieces.append(piece)
        characters += len(piece)
        if characters > MAX_QUOTED_CHARACTERS:
            return "".join(pieces)[:MAX_QUOTED_CHARACTERS] + "..."
    return "".join(pieces)


def _java_pieces(shape: Shape, value: Value) -> Iterator[str]:
    if value is None:
        yield "null"
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif shape.kind == "structure" and isinstance(value, Mapping) and not shape.is_document:
        members = ((f"{_bean(name)}=", member.shape, value.get(name)) for name, member in shape.members.items())
        yield from _enclosed(f"{shape.name}(", members, ")")
    elif shape.kind == "list":
        yield from _enclosed("[", (("", _inner(shape.element), element) for element in value), "]")
    elif shape.kind == "map":
        entries = ((f"{name}=", _inner(shape.value), entry) for name, entry in value.items())
        yield from _enclosed("{", entries, "}")
    else:
        yield str(value)


def _enclosed(opening: str, entries: Iterator[tuple[str, Shape, Value]], closing: str) -> Iterator[str]:
    yield opening
    separator = ""
    for label, shape, value in entries:
        yield from chain((separator, label), _java_pieces(shape, value))
        separator = ", "
    yield closing
