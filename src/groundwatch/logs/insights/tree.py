"""Lark's tree of a query made nodes, from the leaves up."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any, cast

from lark import Token, Tree

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.errors import Span

UNITS = ("ms", "mo", "s", "m", "h", "d", "w", "q", "y")
ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "r": "\r"}
CHAINS = frozenset({"some", "every", "arithmetic"})


class TreeBuilder:
    """Makes the nodes of expressions; a method a rule, each named for it. Languages add the rules of their commands."""

    def __init__(self, text: str) -> None:
        self._query = text

    def part(self, child: Any) -> Any:  # noqa: ANN401 - as many types as rules
        """Return what a child of a rule is built to: a node, several, a token, or None for what is left out."""
        # A level of precedence without an operator is a node of one child; frames of the stack are for what nests.
        while isinstance(child, Tree) and child.data in CHAINS and len(child.children) == 1:
            child = child.children[0]
        if not isinstance(child, Tree):
            return child
        handler: Callable[[Tree[Token]], Any] = getattr(self, f"_{child.data}")
        return handler(child)

    def parts(self, tree: Tree[Token]) -> list[Any]:
        """Return what the children of a rule are built to."""
        return [self.part(child) for child in tree.children]

    def span(self, tree: Tree[Token]) -> Span:
        """Return where a rule stands in the query."""
        return (getattr(tree.meta, "start_pos", 0), getattr(tree.meta, "end_pos", 0))

    # Items and names

    def _items(self, tree: Tree[Token]) -> tuple[nodes.Item, ...]:
        return tuple(self.parts(tree))

    def _item(self, tree: Tree[Token]) -> nodes.Item:
        expression, alias = self.parts(tree)
        span = self.span(tree)
        if alias is not None:
            return nodes.Item(span, expression, alias.text, aliased=True)
        written = expression.text if isinstance(expression, nodes.Name) else self._query[span[0] : span[1]].strip()
        return nodes.Item(span, expression, written, aliased=False)

    def _name(self, tree: Tree[Token]) -> nodes.Expression:
        return name_of(cast("Token", tree.children[0]))

    _alias = _field = _name

    def _parsed_names(self, tree: Tree[Token]) -> tuple[nodes.Name, ...]:
        return tuple(name_of(cast("Token", token)) for token in tree.children)

    # Literals

    def _text(self, tree: Tree[Token]) -> nodes.Text:
        return nodes.Text(self.span(tree), text_of(cast("Token", tree.children[0])))

    def _number(self, tree: Tree[Token]) -> nodes.Number:
        return nodes.Number(self.span(tree), str(tree.children[0]))

    def _boolean(self, tree: Tree[Token]) -> nodes.Boolean:
        return nodes.Boolean(self.span(tree), str(tree.children[0]).lower() == "true")

    def _period(self, tree: Tree[Token]) -> nodes.Period:
        spelled = str(tree.children[-1]).lower()
        count = spelled.rstrip(string.ascii_lowercase)
        written = spelled.removeprefix(count)
        unit = "ms" if written.startswith(("mil", "mse")) else written
        unit = "m" if unit.startswith("min") else next(known for known in UNITS if unit.startswith(known))
        # More digits than any cap needs would only be slow to read.
        return nodes.Period(self.span(tree), int(count.strip()[:9]), unit)

    def _regex(self, tree: Tree[Token]) -> nodes.Regex:
        return nodes.Regex(self.span(tree), str(tree.children[0])[1:-1].replace(r"\/", "/"))

    # Calls and operators

    def _call(self, tree: Tree[Token]) -> nodes.Expression:
        function, arguments = tree.children
        made = self.part(arguments) or ()
        return nodes.Call(self.span(tree), str(function)[:-1].strip(), tuple(made))

    def _star(self, tree: Tree[Token]) -> nodes.Call:
        return nodes.Call(self.span(tree), str(tree.children[0])[:-1].strip(), (), star=True)

    def _list(self, tree: Tree[Token]) -> list[nodes.Expression]:
        return self.parts(tree)

    def _negative(self, tree: Tree[Token]) -> nodes.Expression:
        operand = self.parts(tree)[1]
        if isinstance(operand, nodes.Number) and operand.spelled[0] != "-":
            return nodes.Number(self.span(tree), f"-{operand.spelled}")
        return nodes.Negative(self.span(tree), operand)

    def _arithmetic(self, tree: Tree[Token]) -> nodes.Expression:
        first, *rest = self.parts(tree)
        if not rest:
            return cast("nodes.Expression", first)
        pairs = zip(map(str, rest[::2]), rest[1::2], strict=True)
        return nodes.Arithmetic(self.span(tree), first, tuple(cast("Any", pairs)))

    def _compare(self, tree: Tree[Token]) -> nodes.Expression:
        left, order, right = self.parts(tree)
        written = {"==": "=", "<>": "!="}.get(order, str(order))
        return nodes.Compare(self.span(tree), cast("nodes.Order", written), left, right)

    def _like(self, tree: Tree[Token]) -> nodes.Expression:
        subject, word, pattern = self.parts(tree)
        return nodes.Like(self.span(tree), subject, pattern, negated=word.type == "NOT_LIKE")

    def _matches(self, tree: Tree[Token]) -> nodes.Like:
        subject, _, pattern = self.parts(tree)
        return nodes.Like(self.span(tree), subject, pattern)

    def _in_(self, tree: Tree[Token]) -> nodes.In:
        subject, word, choices = self.parts(tree)
        return nodes.In(self.span(tree), subject, tuple(choices or ()), negated=word.type == "NOT_IN")

    def _not_(self, tree: Tree[Token]) -> nodes.Not:
        return nodes.Not(self.span(tree), self.parts(tree)[0])

    def _every(self, tree: Tree[Token]) -> nodes.Expression:
        parts = self.parts(tree)
        return cast("nodes.Expression", parts[0]) if len(parts) == 1 else nodes.Every(self.span(tree), tuple(parts))

    def _some(self, tree: Tree[Token]) -> nodes.Expression:
        parts = self.parts(tree)
        return cast("nodes.Expression", parts[0]) if len(parts) == 1 else nodes.Some(self.span(tree), tuple(parts))


def name_of(token: Token) -> nodes.Name:
    """Return the name that a token spells, with segments in backticks or without."""
    text = str(token)
    at = "@" if text.startswith("@`") else ""
    pieces = re.findall(r"`([^`]*)`|([^.`]+)", text.removeprefix(at))
    segments = [quoted or plain for quoted, plain in pieces]
    return nodes.Name((token.start_pos or 0, token.end_pos or 0), (at + segments[0], *segments[1:]))


def text_of(token: Token) -> str:
    """Return what a string in quotes says."""
    return re.sub(r"\\([\s\S])", lambda found: ESCAPES.get(found[1], found[0]), token[1:-1])
