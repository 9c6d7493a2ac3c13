"""Which resource a path means: a tree of path segments, walked without going back.

At every level a literal is preferred to `{name}` and both to `{name+}`, and a literal takes its whole subtree: what is
not found below it is not looked for elsewhere. So a match takes time linear in the path.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

import msgspec

from groundwatch.gateway.definition import Resource


@dataclass(slots=True)
class _Node:
    resource: Resource | None = None
    literals: dict[str, _Node] = field(default_factory=dict)
    variable: tuple[str, _Node] | None = None
    greedy: tuple[str, _Node] | None = None


class PathMatch(msgspec.Struct, frozen=True):
    """A resource and the path parameters."""

    resource: Resource
    parameters: dict[str, str]
    """Percent-decoded."""
    raw: dict[str, str]
    """As received."""


class Router:
    """Finds resources by path; built once from the resources of a deployment."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._root = _Node()
        self._literal: dict[str, PathMatch] = {}
        """What paths without variables lead to: nothing else can take them."""
        for resource in resources:
            self._add(resource)
            if "{" not in resource.path and unquote(resource.path) == resource.path:
                self._literal[resource.path] = PathMatch(resource, {}, {})

    def _add(self, resource: Resource) -> None:
        node = self._root
        for segment in resource.path.split("/"):
            if segment:
                node = _child(node, segment)
        node.resource = resource

    def match(self, path: str) -> PathMatch | None:
        """Find the resource of a path as received, percent-encoded; None when there is none.

        Repeated slashes and a trailing slash do not matter, except inside the value of a greedy parameter.
        """
        literal = self._literal.get(path)
        if literal is not None:
            return literal
        return self._walk(path)

    def _walk(self, path: str) -> PathMatch | None:
        node = self._root
        raw: dict[str, str] = {}
        segments = path.split("/")
        for position, segment in enumerate(segments):
            if not segment:
                continue
            literal = node.literals.get(unquote(segment))
            if literal is not None:
                node = literal
            elif node.variable is not None:
                name, node = node.variable
                raw[name] = segment
            elif node.greedy is not None:
                name, node = node.greedy
                raw[name] = "/".join(segments[position:]).removesuffix("/")
                break
            else:
                return None
        if node.resource is None:
            return None
        return PathMatch(node.resource, {name: unquote(value) for name, value in raw.items()}, raw)


def _child(node: _Node, segment: str) -> _Node:
    if segment.startswith("{") and segment.endswith("+}"):
        if node.greedy is None:
            node.greedy = (segment[1:-2], _Node())
        return node.greedy[1]
    if segment.startswith("{") and segment.endswith("}"):
        if node.variable is None:
            node.variable = (segment[1:-1], _Node())
        return node.variable[1]
    return node.literals.setdefault(segment, _Node())
