"""Documentation parts: which place of an API each describes, and which of them holds for a place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

ANY = "*"
FIELDS: Mapping[str, tuple[str, ...]] = {
    "API": (),
    "AUTHORIZER": ("name",),
    "MODEL": ("name",),
    "RESOURCE": ("path",),
    "METHOD": ("path", "method"),
    "PATH_PARAMETER": ("path", "method", "name"),
    "QUERY_PARAMETER": ("path", "method", "name"),
    "REQUEST_HEADER": ("path", "method", "name"),
    "REQUEST_BODY": ("path", "method"),
    "RESPONSE": ("path", "method", "status_code"),
    "RESPONSE_HEADER": ("path", "method", "status_code", "name"),
    "RESPONSE_BODY": ("path", "method", "status_code"),
}
"""The fields of a location that mean something for each type, beside the type; a name that is valid is required.

Source: "Representation of API documentation in API Gateway", the table of valid location fields.
"""
DEFAULTS: Mapping[str, str] = {"path": "/", "method": ANY, "status_code": ANY}
INHERITED = frozenset(
    {"PATH_PARAMETER", "QUERY_PARAMETER", "REQUEST_HEADER", "RESPONSE", "RESPONSE_HEADER", "RESPONSE_BODY"}
)
"""Types whose parts also hold for the paths below theirs. Source: DocumentationPartLocation in the service model."""


class Location(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", forbid_unknown_fields=True):
    """The place that a part describes; fields that its type does not have are None."""

    type: str
    path: str | None = None
    method: str | None = None
    status_code: str | None = None
    name: str | None = None


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said about one place."""

    id: str
    location: Location
    properties: str
    """A JSON object, as its author wrote it."""

    def content(self) -> dict[str, Any]:
        """Return the properties, decoded."""
        content: dict[str, Any] = msgspec.json.decode(self.properties)
        return content


class Version(msgspec.Struct, frozen=True):
    """A version without its parts."""

    version: str
    created_ms: int
    description: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A version with the parts of its moment."""

    info: Version
    parts: list[Part]


def completed(location: Location) -> Location:
    """Return a location with the defaults of its type written out, which makes equal places equal values."""
    fields = FIELDS[location.type]
    given = {field: getattr(location, field) or default for field, default in DEFAULTS.items() if field in fields}
    return replace(location, **given)


def shortened(location: Location) -> dict[str, str]:
    """Return a location in the model's names without what is the default: the form of documents."""
    held: dict[str, str] = msgspec.to_builtins(location)
    return {name: value for name, value in held.items() if name == "type" or value != DEFAULTS.get(_attribute(name))}


def _attribute(name: str) -> str:
    return "status_code" if name == "statusCode" else name


class Documentation:
    """Answers what is said about a place, with the inheritance of the service.

    A place has the part of its own location, or else the nearest that holds for it: the one with the longest path that
    its own begins with, then one for its status before one for all, then one for its method before one for all.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts = {completed(part.location): part for part in parts}
        self._contents: dict[Location, dict[str, Any]] = {}

    def part_at(self, location: Location) -> Part | None:
        """Return the part that holds for a place, None when nothing is said about it."""
        found = (self._parts.get(candidate) for candidate in _candidates(completed(location)))
        return next((part for part in found if part is not None), None)

    def at(self, location: Location) -> dict[str, Any]:
        """Return the properties that hold for a place, to be read only; none when nothing is said about it."""
        part = self.part_at(location)
        if part is None:
            return {}
        # Decoded once: a general part of 340 KB may hold for every response of an API.
        if part.location not in self._contents:
            self._contents[part.location] = part.content()
        return self._contents[part.location]

    def named(self, kind: str) -> list[Part]:
        """Return the parts of a type."""
        return [part for part in self._parts.values() if part.location.type == kind]

    def has(self, location: Location) -> bool:
        """Tell whether a place has a part of its own."""
        return completed(location) in self._parts


def _candidates(location: Location) -> list[Location]:
    """Return the locations whose part holds for a place, the most specific first."""
    paths = _prefixes(location.path) if location.type in INHERITED else [location.path]
    statuses = dict.fromkeys((location.status_code, ANY if location.status_code else None))
    methods = dict.fromkeys((location.method, ANY if location.method else None))
    return [
        replace(location, path=path, status_code=status, method=method)
        for path in paths
        for status in statuses
        for method in methods
    ]


def _prefixes(path: str | None) -> list[str | None]:
    if path is None:
        return [None]
    segments = [part for part in path.split("/") if part]
    return ["/" + "/".join(segments[:count]) for count in range(len(segments), -1, -1)]
