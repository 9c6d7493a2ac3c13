"""Which operation of a REST service a method and a path mean.

A route is a method, a path pattern with labels (`/restapis/{id}`, greedy `{key+}`) and query literals (`?mode=import`).
Segments are split before they are decoded, so an encoded slash stays inside its label.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

import msgspec


class Route(msgspec.Struct, frozen=True):
    """One operation's place."""

    operation: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    greedy_at: int | None
    """The index of the greedy label among the segments."""


class Match(msgspec.Struct, frozen=True):
    """A route that a request matched, with the decoded labels of its path."""

    operation: str
    labels: dict[str, str]
    query_literals: tuple[tuple[str, str], ...] = ()
    """Parameters that belong to the route itself (`mode=import`)."""


class RouteTable:
    """Finds routes. Literal segments win over labels, labels over greedy ones, query literals over none."""

    def __init__(self, bindings: Iterable[tuple[str, str, str]]) -> None:
        self._by_size: dict[tuple[str, int], list[Route]] = {}
        self._greedy: dict[str, list[Route]] = {}
        for operation, method, pattern in bindings:
            route = parse_route(operation, pattern)
            if route.greedy_at is None:
                self._by_size.setdefault((method, len(route.segments)), []).append(route)
            else:
                self._greedy.setdefault(method, []).append(route)
        for routes in (*self._by_size.values(), *self._greedy.values()):
            routes.sort(key=_specificity)

    def find(self, method: str, path: str, query_string: str) -> Match | None:
        """Return the most specific route for a percent-encoded path, or None."""
        segments = split_path(path)
        query = parse_qsl(query_string, keep_blank_values=True) if query_string else []
        exact = self._by_size.get((method, len(segments)), ())
        for route in (*exact, *self._greedy.get(method, ())):
            labels = _match(route, segments)
            if labels is not None and all(literal in query for literal in route.query):
                return Match(route.operation, labels, route.query)
        return None


def parse_route(operation: str, pattern: str) -> Route:
    """Return the route of a model's `requestUri`."""
    path, _, query = pattern.partition("?")
    segments = split_path(path)
    greedy = [at for at, segment in enumerate(segments) if segment.endswith("+}")]
    return Route(operation, segments, tuple(parse_qsl(query, keep_blank_values=True)), greedy[0] if greedy else None)


def split_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path as they are, without the leading slash and one trailing slash."""
    trimmed = path.removeprefix("/").removesuffix("/")
    return tuple(trimmed.split("/")) if trimmed else ()


def _specificity(route: Route) -> tuple[object, ...]:
    return (-len(route.segments), tuple(_is_label(segment) for segment in route.segments), -len(route.query))


def _is_label(segment: str) -> bool:
    return segment.startswith("{")


def _match(route: Route, segments: tuple[str, ...]) -> dict[str, str] | None:
    if route.greedy_at is not None:
        joined = _join_greedy(route, segments)
        if joined is None:
            return None
        segments = joined
    labels = {}
    for wanted, given in zip(route.segments, segments, strict=True):
        if not _is_label(wanted):
            if wanted != unquote(given):
                return None
        elif given:
            labels[wanted.strip("{+}")] = unquote(given)
        else:
            return None
    return labels


def _join_greedy(route: Route, segments: tuple[str, ...]) -> tuple[str, ...] | None:
    at = route.greedy_at or 0
    after = len(route.segments) - at - 1
    if len(segments) < len(route.segments):
        return None
    end = len(segments) - after
    return (*segments[:at], "/".join(segments[at:end]), *segments[end:])
