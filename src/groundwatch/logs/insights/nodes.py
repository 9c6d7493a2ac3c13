"""The syntax tree of expressions. Every node knows where it stands in the query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.selection import Selection

MAX_COUNT_DIGITS = 9

Order = Literal["=", "!=", "<", "<=", ">", ">="]
Operator = Literal["+", "-", "*", "/", "%", "^"]


Found = TypeVar("Found")


class Node(msgspec.Struct, frozen=True):
    """Base of the nodes."""

    span: Span


class Text(Node, frozen=True):
    """A string in quotes."""

    value: str


class Number(Node, frozen=True):
    """A number as it is spelled."""

    spelled: str


class Boolean(Node, frozen=True):
    """`true` or `false`."""

    value: bool


class Period(Node, frozen=True):
    """A number with a unit of time, as in `5m`; the unit in its canonical spelling."""

    count: int
    unit: str


class Regex(Node, frozen=True):
    """A regular expression, for RE2."""

    expression: str


class Name(Node, frozen=True):
    """A field: its segments, those in backticks whole."""

    segments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The name without backticks, as a result's column has it."""
        return ".".join(self.segments)


class Call(Node, frozen=True):
    """A function call; `star` for `count(*)`."""

    function: str
    arguments: tuple[Expression, ...]
    star: bool = False


class Negative(Node, frozen=True):
    """Unary minus."""

    operand: Expression


class Arithmetic(Node, frozen=True):
    """Operands of one precedence, computed from the left: the first, then operator and operand in turn."""

    first: Expression
    rest: tuple[tuple[Operator, Expression], ...]


class Compare(Node, frozen=True):
    """A comparison of two values."""

    order: Order
    left: Expression
    right: Expression


class Like(Node, frozen=True):
    """A search for text or for a regular expression."""

    subject: Expression
    pattern: Expression
    negated: bool = False


class In(Node, frozen=True):
    """Equality with one of several values."""

    subject: Expression
    choices: tuple[Expression, ...]
    negated: bool = False


class Subquery(Node, frozen=True):
    """A query within a query: the groups that it reads, None for those of the outer one, and its commands."""

    selection: Selection | None
    stages: tuple[Any, ...]
    ties: tuple[tuple[Expression, Expression], ...] = ()
    """Expressions of the outer query, each with the one of this query that must be equal."""


class InQuery(Node, frozen=True):
    """Equality with one of the values that a subquery finds."""

    subject: Expression
    query: Subquery
    negated: bool = False


class Exists(Node, frozen=True):
    """Whether a subquery finds anything."""

    query: Subquery


class OneValue(Node, frozen=True):
    """The value of a subquery that gives one row of one column."""

    query: Subquery


class Not(Node, frozen=True):
    """Negation."""

    operand: Expression


class Every(Node, frozen=True):
    """`and`."""

    parts: tuple[Expression, ...]


class Some(Node, frozen=True):
    """`or`."""

    parts: tuple[Expression, ...]


Expression = (
    Text
    | Number
    | Boolean
    | Period
    | Regex
    | Name
    | Call
    | Negative
    | Arithmetic
    | Compare
    | Like
    | In
    | InQuery
    | Exists
    | OneValue
    | Not
    | Every
    | Some
)


class Item(Node, frozen=True):
    """An expression with the name of its column: its alias, or its text in the query."""

    expression: Expression
    name: str
    aliased: bool


def found_in(part: Any, kind: type[Found]) -> Iterator[Found]:  # noqa: ANN401 - any part of a tree
    """Yield the nodes of a kind in commands and expressions, also those within one another."""
    if isinstance(part, kind):
        yield part
    if isinstance(part, msgspec.Struct):
        part = tuple(getattr(part, name) for name in part.__struct_fields__)
    for one in part if isinstance(part, tuple) else ():
        yield from found_in(one, kind)


def children(node: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 - a case a node
    """Return the expressions directly below one."""
    match node:
        case Call():
            return node.arguments
        case Negative() | Not():
            return (node.operand,)
        case Arithmetic():
            return (node.first, *(operand for _, operand in node.rest))
        case Compare():
            return (node.left, node.right)
        case Like():
            return (node.subject, node.pattern)
        case In():
            return (node.subject, *node.choices)
        case InQuery():
            return (node.subject, *(outer for outer, _ in node.query.ties))
        case Exists():
            return tuple(outer for outer, _ in node.query.ties)
        case Every() | Some():
            return node.parts
        case _:
            return ()


def steps_of(segments: Sequence[str]) -> tuple[str | int, ...]:
    """Return the path within a list or a map that segments of a name spell: numbers are places in lists."""
    return tuple(int(step) if step.isdecimal() and len(step) < 10 else step for step in segments)


def is_count(spelled: str, most: int) -> bool:
    """Return whether a text spells a whole number from 1 to `most`, which has up to nine digits itself."""
    # Its length first: to read a number of any length takes any time.
    return spelled.isdigit() and len(spelled) <= MAX_COUNT_DIGITS and 1 <= int(spelled) <= most
