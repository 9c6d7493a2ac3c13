"""The syntax tree of an expression."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Number(msgspec.Struct, frozen=True):
    """A number as it stands in the expression."""

    value: float


class Text(msgspec.Struct, frozen=True):
    """A text in quotes: what SEARCH looks for, or a part of ids for METRICS."""

    value: str


class Word(msgspec.Struct, frozen=True):
    """A bare word such as REPEAT, ASC or AVG."""

    value: str


class Reference(msgspec.Struct, frozen=True):
    """The result of another query."""

    id: str


class Call(msgspec.Struct, frozen=True):
    """A function applied to arguments."""

    name: str
    arguments: tuple[Node, ...]


class ArrayOf(msgspec.Struct, frozen=True):
    """`[m1, m2]`."""

    members: tuple[Node, ...]


class Binary(msgspec.Struct, frozen=True):
    """Two operands and an operator, `AND` and `OR` among them."""

    operator: str
    left: Node
    right: Node


class Negative(msgspec.Struct, frozen=True):
    """A sign before an operand."""

    operand: Node


Node = Number | Text | Word | Reference | Call | ArrayOf | Binary | Negative


def walk(root: Node) -> Iterator[Node]:
    """Yield every node of a tree, in no particular order; chains may be thousands of nodes long."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Call):
            waiting += node.arguments
        elif isinstance(node, ArrayOf):
            waiting += node.members
        elif isinstance(node, Binary):
            waiting += (node.left, node.right)
        elif isinstance(node, Negative):
            waiting.append(node.operand)
