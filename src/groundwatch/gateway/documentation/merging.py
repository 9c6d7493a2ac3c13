"""From what documents and callers say to parts: checks, and the two ways in which an import meets what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from groundwatch.gateway.documentation.parts import FIELDS, Location, Part, completed

MAX_PARTS = 10_000
MAX_PART_BYTES = 340 * 1024
"""Of one part's properties. Source: quotas for configuring a REST API."""
MAX_PART_DEPTH = 50
"""Levels of one part's properties; an import takes documents of twice that."""
MAX_BYTES = 6 * 1024 * 1024
"""Of all properties of an API together, which are read and written as a whole: as much as an import may bring."""
MAX_VERSIONS = 200


class PartDraft(msgspec.Struct, frozen=True):
    """A part that a document asks for."""

    location: Location
    properties: dict[str, Any]


def location_fault(location: Location) -> str | None:
    """Return what is wrong with a location, None when nothing is."""
    if location.type not in FIELDS:
        return f"Invalid documentation part type specified: {location.type}"
    fields = FIELDS[location.type]
    for field in Location.__struct_fields__[1:]:
        if getattr(location, field) and field not in fields:
            return f"Invalid location field '{_spelt(field)}' specified for type {location.type}"
    if "name" in fields and not location.name:
        return f"Location field 'name' is required for type {location.type}"
    if location.path and not location.path.startswith("/"):
        return f"Invalid location path specified: {location.path}"
    return None


def properties_fault(properties: str) -> str | None:
    """Return what is wrong with the text of properties, None when nothing is."""
    if len(properties.encode()) > MAX_PART_BYTES:
        return f"Documentation part properties exceed {MAX_PART_BYTES} bytes"
    try:
        content = msgspec.json.decode(properties)
    except (msgspec.DecodeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return "Invalid properties specified: a JSON object is expected"
    return "Documentation part properties are nested too deeply" if _is_deep(content) else None


def _is_deep(content: object) -> bool:
    level: list[Any] = [content]
    for _ in range(MAX_PART_DEPTH):
        inner = [held for value in level for held in (value.values() if isinstance(value, dict) else value)]
        level = [value for value in inner if isinstance(value, dict | list)]
    return bool(level)


def size_fault(parts: Sequence[Part]) -> str | None:
    """Return which limit these parts exceed together, None when they keep them all."""
    if len(parts) > MAX_PARTS:
        return f"An API can have at most {MAX_PARTS} documentation parts"
    if sum(len(part.properties.encode()) for part in parts) > MAX_BYTES:
        return f"The documentation parts of an API can have at most {MAX_BYTES} bytes of properties"
    return None


def merged(
    present: Sequence[Part], drafts: Iterable[PartDraft], mode: Literal["merge", "overwrite"], new_id: Callable[[], str]
) -> list[Part]:
    """Return the parts after an import.

    `merge` replaces the members that the document gives, part by part, and keeps everything else; `overwrite` keeps no
    more than the ids of places that stay documented.
    """
    known = {completed(part.location): part for part in present}
    parts = dict(known) if mode == "merge" else {}
    for draft in drafts:
        location = completed(draft.location)
        before = parts.get(location)
        properties = {**before.content(), **draft.properties} if before is not None else draft.properties
        text = msgspec.json.encode(properties).decode()
        held = before or known.get(location)
        parts[location] = replace(held, properties=text) if held is not None else Part(new_id(), location, text)
    return list(parts.values())


def moved(drafts: Iterable[PartDraft], base: str) -> list[PartDraft]:
    """Return the parts below a base path such as `/v1`; one that names no path is about all of them and stays so."""
    return [
        replace(draft, location=replace(draft.location, path=(base + draft.location.path).rstrip("/") or "/"))
        if draft.location.path
        else draft
        for draft in drafts
    ]


def without(properties: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that are not said already."""
    return {name: value for name, value in properties.items() if name not in said or said[name] != value}


def _spelt(field: str) -> str:
    return "statusCode" if field == "status_code" else field
