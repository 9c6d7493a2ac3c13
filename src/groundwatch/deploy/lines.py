"""Where things stand in a definition's text, so that a fault can be told with its line."""

from __future__ import annotations

import re

import yaml

_PLACES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"'(?P<verb>[A-Z]+)' for resource at path '(?P<path>[^']+)'"), ("paths", "{path}", "{verb}")),
    (re.compile(r"resource at path '(?P<path>[^']+)'"), ("paths", "{path}")),
    (re.compile(r"model '(?P<name>[^']+)'"), ("components", "schemas", "{name}")),
    (re.compile(r"model '(?P<name>[^']+)'"), ("definitions", "{name}")),
    (re.compile(r"authorizer '(?P<name>[^']+)'"), ("components", "securitySchemes", "{name}")),
    (re.compile(r"authorizer '(?P<name>[^']+)'"), ("securityDefinitions", "{name}")),
    (re.compile(r"gateway response '(?P<name>[^']+)'"), ("x-amazon-apigateway-gateway-responses", "{name}")),
)
"""What a fault's text says about its place → the keys that lead there."""
MAX_DEPTH = 6


class Lines:
    """The lines of a document's keys, counted from 1."""

    def __init__(self, text: str) -> None:
        self._known: dict[tuple[str, ...], int] = {}
        # The document has been read before: it is bounded, and it is YAML or JSON, which YAML contains.
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if isinstance(root, yaml.MappingNode):
            self._walk(root, ())

    def of(self, fault: str) -> int | None:
        """Return the line that a fault speaks of, None where its text names no place."""
        for pattern, keys in _PLACES:
            match = pattern.search(fault)
            if match is not None:
                names = {name: value.lower() if name == "verb" else value for name, value in match.groupdict().items()}
                line = self._nearest(tuple(key.format(**names) for key in keys))
                if line is not None:
                    return line
        return None

    def _nearest(self, keys: tuple[str, ...]) -> int | None:
        if keys[-1] == "any":
            keys = (*keys[:-1], "x-amazon-apigateway-any-method")
        return self._known.get(keys)

    def _walk(self, node: yaml.MappingNode, keys: tuple[str, ...]) -> None:
        for key, value in node.value:
            place = (*keys, str(key.value))
            self._known.setdefault(place, key.start_mark.line + 1)
            if isinstance(value, yaml.MappingNode) and len(place) < MAX_DEPTH:
                self._walk(value, place)
