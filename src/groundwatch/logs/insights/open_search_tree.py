"""What SQL and PPL build alike: calls of their functions, and names that have their dots within backticks."""

from __future__ import annotations

from typing import cast

from lark import Token, Tree

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.join import Join
from groundwatch.logs.insights.commands.limit import Limit
from groundwatch.logs.insights.commands.stats import Stats
from groundwatch.logs.insights.commands.unnest import Unnest
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.names import cast_to, function_named
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.pipeline import TIMESTAMP
from groundwatch.logs.insights.tree import TreeBuilder

NAMED_UNITS = frozenset({"timestampadd", "timestampdiff", "date_trunc"})
"""Functions whose first argument is a unit, with quotes or without."""
SHIFTS = frozenset({"date_add", "date_sub", "adddate", "subdate"})
UNIT_NAMES = {
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "q": "quarter",
    "y": "year",
}
TIMES = {PREFIX + name for name in ("to_timestamp", "to_date", "now", "date_add", "date_sub", "date_trunc", "last_day")}


class OpenSearchBuilder(TreeBuilder):
    """Makes the nodes of expressions of SQL and PPL."""

    def _name(self, tree: Tree[Token]) -> nodes.Expression:
        name = cast("nodes.Name", super()._name(tree))
        return nodes.Name(name.span, tuple(step for segment in name.segments for step in segment.split(".") if step))

    _field = _name

    def _call(self, tree: Tree[Token]) -> nodes.Expression:
        return self.known(cast("nodes.Call", super()._call(tree)))

    def known(self, call: nodes.Call) -> nodes.Expression:
        """Return the call of the function that is meant; `MalformedQueryException` for unknown ones."""
        name, arguments = call.function.lower(), call.arguments
        if name in NAMED_UNITS and arguments and isinstance(arguments[0], nodes.Name):
            arguments = (nodes.Text(arguments[0].span, arguments[0].text), *arguments[1:])
        period = arguments[1] if len(arguments) == 2 else None
        if name in SHIFTS and isinstance(period, nodes.Period):
            count, unit = nodes.Number(period.span, str(period.count)), nodes.Text(period.span, UNIT_NAMES[period.unit])
            arguments = (arguments[0], count, unit)
        if name == "cidrmatch":
            return nodes.Call(call.span, "isIpInSubnet", arguments)
        return nodes.Call(call.span, function_named(name, call.span), arguments)

    def _star(self, tree: Tree[Token]) -> nodes.Call:
        call = super()._star(tree)
        return nodes.Call(call.span, function_named(call.function, call.span), (), star=True)

    def _compare(self, tree: Tree[Token]) -> nodes.Expression:
        made = cast("nodes.Compare", super()._compare(tree))
        left, right = moments(made.left, made.right)
        return nodes.Compare(made.span, made.order, left, right)

    def _like(self, tree: Tree[Token]) -> nodes.Expression:
        like = cast("nodes.Like", super()._like(tree))
        found = nodes.Call(like.span, PREFIX + "like", (like.subject, like.pattern))
        return nodes.Not(like.span, found) if like.negated else found

    def _between(self, tree: Tree[Token]) -> nodes.Expression:
        value, word, least, most = self.parts(tree)
        span = self.span(tree)
        _, least = moments(value, least)
        _, most = moments(value, most)
        within = nodes.Every(span, (nodes.Compare(span, ">=", value, least), nodes.Compare(span, "<=", value, most)))
        return nodes.Not(span, within) if str(word).lower().startswith("not") else within

    def _cast(self, tree: Tree[Token]) -> nodes.Call:
        _, value, kind, *_ = self.parts(tree)
        return nodes.Call(self.span(tree), cast_to(str(kind), self.span(tree)), (value,))


def check_one_row(query: nodes.Subquery) -> None:
    """Refuse a subquery for a value that may give several rows, of which one would have to be chosen silently."""
    # What makes more rows of one must not follow.
    last = max((place for place, stage in enumerate(query.stages) if _gives_one_row(stage)), default=None)
    if last is None or any(isinstance(stage, (Unnest, Join)) for stage in query.stages[last:]):
        said = "a subquery that stands for a value gives one row: an aggregate of all rows, or a limit of 1"
        raise malformed(said, query.span)


def _gives_one_row(stage: object) -> bool:
    return stage.count == 1 if isinstance(stage, Limit) else isinstance(stage, Stats) and not stage.keys


def moments(*sides: nodes.Expression) -> tuple[nodes.Expression, ...]:
    """Return both sides of a comparison, a string beside a time read as a time."""
    if not any(_is_time(side) for side in sides):
        return sides
    to_time = PREFIX + "to_timestamp"
    return tuple(nodes.Call(one.span, to_time, (one,)) if isinstance(one, nodes.Text) else one for one in sides)


def _is_time(node: nodes.Expression) -> bool:
    if isinstance(node, nodes.Name):
        return node.segments[-1] == TIMESTAMP
    return isinstance(node, nodes.Call) and node.function in TIMES
