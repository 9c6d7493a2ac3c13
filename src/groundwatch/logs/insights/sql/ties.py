"""Fields of the outer query within a subquery of SQL: by which equal values its rows belong to a row outside.

The engine knows no correlated subqueries. Equalities with the outer query at the top of WHERE are taken out, so that
the rest stands alone, and become what the membership is tested by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.complaints import unsupported
from groundwatch.logs.insights.sql.clauses import below, replaced

OUTER = "\x00outer"
"""Begins the names of the outer query's fields, which no query can spell."""
Tie = tuple[nodes.Expression, nodes.Expression]


def untied(where: nodes.Expression | None) -> tuple[nodes.Expression | None, tuple[Tie, ...]]:
    """Return the part of a condition that stands alone, and the equalities with the outer query."""
    if where is None:
        return None, ()
    parts = where.parts if isinstance(where, nodes.Every) else (where,)
    ties = {place: tie for place, part in enumerate(parts) if (tie := _tie(part)) is not None}
    if not ties:
        return where, ()
    rest = tuple(part for place, part in enumerate(parts) if place not in ties)
    return nodes.Every(where.span, rest) if rest else None, tuple(ties.values())


def refuse_outer(expressions: Iterable[nodes.Expression]) -> None:
    """Refuse fields of the outer query; `MalformedQueryException` with the place of the first."""
    for expression in expressions:
        for name in _outer_names(expression):
            raise unsupported("a field of the outer query, but in WHERE, compared with =,", name.span)


def _tie(part: nodes.Expression) -> Tie | None:
    if not isinstance(part, nodes.Compare) or part.order != "=":
        return None
    for outer, own in ((part.left, part.right), (part.right, part.left)):
        if _is_outer(outer) and next(_outer_names(own), None) is None:
            return replaced(outer, _outside), own
    return None


def _is_outer(node: nodes.Expression) -> bool:
    """Return whether all that an expression names is outside, and that it names something."""
    names = list(_names(node))
    return bool(names) and all(name.segments[0] == OUTER for name in names)


def _outside(node: nodes.Expression) -> nodes.Expression | None:
    return nodes.Name(node.span, node.segments[1:]) if isinstance(node, nodes.Name) else None


def _names(node: nodes.Expression) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        yield node
    for child in below(node):
        yield from _names(child)


def _outer_names(node: nodes.Expression) -> Iterator[nodes.Name]:
    return (name for name in _names(node) if name.segments[0] == OUTER)
