"""The parts of a SELECT, and how they become commands in the order in which SQL computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.display import Display
from groundwatch.logs.insights.commands.filtering import Filter
from groundwatch.logs.insights.commands.limit import Limit
from groundwatch.logs.insights.commands.stats import Stats
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.functions.aggregates import AGGREGATES
from groundwatch.logs.insights.stages import OrderBy, Skip, Windowed, WindowTerm

HIDDEN = "\x00"
"""Begins the names that a query cannot spell: of keys, aggregates and window functions."""


class Over(nodes.Node, frozen=True):
    """A function over the rows around each."""

    call: nodes.Call
    partition: tuple[Any, ...]
    order: tuple[WindowTerm, ...]


class Clauses(msgspec.Struct, frozen=True):
    """A SELECT, without its FROM. `columns` is None for all."""

    span: Span
    columns: tuple[nodes.Item, ...] | None
    distinct: bool = False
    where: nodes.Expression | None = None
    group: tuple[nodes.Expression, ...] = ()
    having: nodes.Expression | None = None
    order: tuple[WindowTerm, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def is_grouped(self) -> bool:
        """Whether the rows are grouped, also all into one."""
        return bool(self.group) or any(aggregates(node) for node in expressions_of(self))


def expressions_of(clauses: Clauses) -> list[nodes.Expression]:
    """Return all expressions of a SELECT."""
    parts = [item.expression for item in clauses.columns or ()]
    parts += [one for one in (clauses.where, clauses.having) if one is not None]
    return [*parts, *clauses.group, *(term.expression for term in clauses.order)]


def shown_names(stages: Sequence[Stage]) -> list[str]:
    """Return what the columns of a SELECT are called; nothing for `*`."""
    last = stages[-1] if stages else None
    return [item.name for item in last.items] if isinstance(last, Display) else []


def named(node: nodes.Expression, names: Sequence[str]) -> nodes.Expression:
    """Return a term of ORDER BY with the column's name in place of its number."""
    if not isinstance(node, nodes.Number):
        return node
    place = int(node.spelled) if node.spelled.isdigit() and len(node.spelled) < 5 else 0
    if not 1 <= place <= len(names):
        raise malformed("there is no column of that number", node.span)
    return nodes.Name(node.span, (names[place - 1],))


def stages_of(clauses: Clauses) -> list[Stage]:
    """Return the commands of a SELECT; `MalformedQueryException` for parts that do not fit."""
    made = _Select(clauses)
    return made.stages()


class _Select:
    """Names what is computed first, and puts the names in its place in what is computed later."""

    def __init__(self, clauses: Clauses) -> None:
        self._clauses = clauses
        self._aliases = {item.name: item.expression for item in clauses.columns or () if item.aliased}
        self._columns = list(clauses.columns or ())
        self._having = clauses.having and self._with_aliases(clauses.having)
        self._order = [WindowTerm(self._ordinal(term.expression), term.descending) for term in clauses.order]

    def stages(self) -> list[Stage]:
        clauses, span = self._clauses, self._clauses.span
        found: list[Stage] = [] if clauses.where is None else [Filter(clauses.where.span, clauses.where)]
        if clauses.group or self._has_aggregates():
            found.append(self._grouped())
        elif self._having is not None:
            raise malformed("HAVING needs GROUP BY or an aggregate", self._having.span)
        if self._having is not None:
            found.append(Filter(self._having.span, self._having))
        found += self._windows()
        if clauses.distinct:
            found.append(self._distinct())
        if self._order:
            found.append(OrderBy(span, tuple(self._order)))
        if clauses.offset:
            found.append(Skip(span, clauses.offset))
        if clauses.limit is not None:
            found.append(Limit(span, clauses.limit, span))
        if clauses.columns is not None:
            found.append(Display(span, tuple(self._columns)))
        return found

    # Names in place of expressions

    def _with_aliases(self, node: nodes.Expression) -> nodes.Expression:
        return replaced(node, lambda one: self._aliases.get(one.text) if isinstance(one, nodes.Name) else None)

    def _ordinal(self, node: nodes.Expression) -> nodes.Expression:
        if not isinstance(node, nodes.Number):
            return self._with_aliases(node)
        place = int(node.spelled) if node.spelled.isdigit() and len(node.spelled) < 5 else 0
        if not 1 <= place <= len(self._columns):
            raise malformed("there is no column of that number", node.span)
        return self._columns[place - 1].expression

    def _each(self, change: Callable[[nodes.Expression], nodes.Expression]) -> None:
        self._columns = [
            nodes.Item(item.span, change(item.expression), item.name, aliased=True) for item in self._columns
        ]
        self._having = self._having and change(self._having)
        self._order = [WindowTerm(change(term.expression), term.descending) for term in self._order]

    # Groups

    def _all(self) -> list[nodes.Expression]:
        return [
            *(item.expression for item in self._columns),
            *([] if self._having is None else [self._having]),
            *(term.expression for term in self._order),
        ]

    def _has_aggregates(self) -> bool:
        return any(True for node in self._all() for _ in aggregates(node))

    def _grouped(self) -> Stats:
        keys = [self._ordinal(node) for node in self._clauses.group]
        named_keys = {bare(key): f"{HIDDEN}k{place}" for place, key in enumerate(keys)}
        calls: dict[Any, nodes.Call] = {}
        for node in self._all():
            for call in aggregates(node):
                calls.setdefault(bare(call), call)
        named_calls = {shape: f"{HIDDEN}a{place}" for place, shape in enumerate(calls)}
        names = named_keys | named_calls
        if self._clauses.columns is None:
            raise malformed("SELECT * cannot be grouped: name the columns", self._clauses.span)
        self._each(lambda node: replaced(node, lambda one: _named(one, names)))
        for node in self._all():
            self._check_grouped(node)
        items = tuple(nodes.Item(call.span, call, named_calls[shape], aliased=True) for shape, call in calls.items())
        key_items = tuple(nodes.Item(key.span, key, named_keys[bare(key)], aliased=True) for key in keys)
        return Stats(self._clauses.span, items, key_items)

    def _check_grouped(self, node: nodes.Expression) -> None:
        if isinstance(node, nodes.Name) and not node.text.startswith(HIDDEN):
            raise malformed(f"{node.text} is neither grouped by nor within an aggregate", node.span)
        for child in below(node):
            self._check_grouped(child)

    # Windows and distinct rows

    def _windows(self) -> list[Stage]:
        found: dict[Any, Over] = {}
        for node in self._all():
            for over in windows(node):
                found.setdefault(bare(over), over)
        names = {shape: f"{HIDDEN}w{place}" for place, shape in enumerate(found)}
        self._each(lambda node: replaced(node, lambda one: _named(one, names)))
        return [
            Windowed(
                over.span,
                (nodes.Item(over.span, over.call, names[shape], aliased=True),),
                over.partition,
                over.order,
                shown=False,
            )
            for shape, over in found.items()
        ]

    def _distinct(self) -> Stats:
        if self._clauses.columns is None:
            raise malformed("SELECT DISTINCT * is not supported by Groundwatch: name the columns", self._clauses.span)
        keys = tuple(
            nodes.Item(item.span, item.expression, f"{HIDDEN}d{place}", aliased=True)
            for place, item in enumerate(self._columns)
        )
        names = {bare(item.expression): key.name for item, key in zip(self._columns, keys, strict=True)}
        self._each(lambda node: replaced(node, lambda one: _named(one, names)))
        return Stats(self._clauses.span, (), keys)


def _named(node: nodes.Expression, names: dict[Any, str]) -> nodes.Name | None:
    name = names.get(bare(node))
    return None if name is None else nodes.Name(node.span, (name,))


def bare(node: Any) -> Any:  # noqa: ANN401 - any part of a tree
    """Return what a part of a tree is, wherever it stands, as something to compare by."""
    if isinstance(node, msgspec.Struct):
        fields = [name for name in node.__struct_fields__ if name != "span"]
        values = tuple(bare(getattr(node, name)) for name in fields)
        return (type(node).__name__, *((values[0].lower(), *values[1:]) if isinstance(node, nodes.Call) else values))
    return tuple(bare(one) for one in node) if isinstance(node, tuple) else node


def replaced(node: nodes.Expression, find: Callable[[nodes.Expression], nodes.Expression | None]) -> nodes.Expression:
    """Return an expression with other ones in place of those for which `find` has one, from the top down."""
    found = find(node)
    if found is not None:
        return found
    changes = {
        name: _replaced_part(value, find)
        for name in node.__struct_fields__
        if (value := getattr(node, name)) is not None
    }
    return msgspec.structs.replace(node, **changes)


def _replaced_part(value: Any, find: Callable[[nodes.Expression], nodes.Expression | None]) -> Any:  # noqa: ANN401
    if isinstance(value, nodes.Subquery):
        return value
    if isinstance(value, nodes.Node):
        return replaced(cast("nodes.Expression", value), find)
    if isinstance(value, WindowTerm):
        return WindowTerm(replaced(value.expression, find), value.descending)
    return tuple(_replaced_part(one, find) for one in value) if isinstance(value, tuple) else value


def below(node: Any) -> Sequence[nodes.Expression]:  # noqa: ANN401 - also a window
    """Return the expressions directly below one."""
    if isinstance(node, Over):
        return (*node.call.arguments, *node.partition, *(term.expression for term in node.order))
    return nodes.children(node)


def aggregates(node: Any) -> list[nodes.Call]:  # noqa: ANN401
    """Return the aggregates of an expression, also those that a window is computed of, not the window's own."""
    if isinstance(node, nodes.Call) and node.function.lower() in AGGREGATES:
        return [node]
    return [call for child in below(node) for call in aggregates(child)]


def windows(node: Any) -> list[Over]:  # noqa: ANN401
    """Return the functions over windows of an expression."""
    if isinstance(node, Over):
        return [node]
    return [over for child in below(node) for over in windows(child)]
