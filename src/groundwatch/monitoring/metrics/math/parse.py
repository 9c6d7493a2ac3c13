"""Expressions to syntax trees."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedToken

from groundwatch.monitoring.metrics.math.errors import MathError
from groundwatch.monitoring.metrics.math.nodes import (
    ArrayOf,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Reference,
    Text,
    Word,
)

REMEMBERED, REMEMBERED_CHARACTERS = 4_096, 256
"""The tree of a longer expression takes up to 200 KB, and whoever may read metrics can think of any number of them."""
GRAMMAR = Path(__file__).with_name("grammar.lark")


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Builds nodes while the parser goes, so that nothing descends into what is nested deeply."""

    def number(self, token: Token) -> Node:
        return Number(float(token))

    def text(self, token: Token) -> Node:
        return Text(token[1:-1])

    def word(self, token: Token) -> Node:
        return Word(str(token))

    def reference(self, token: Token) -> Node:
        return Reference(str(token))

    def call(self, name: Token, arguments: tuple[Node, ...] | None) -> Node:
        return Call(str(name), arguments or ())

    def array(self, members: tuple[Node, ...] | None) -> Node:
        return ArrayOf(members or ())

    def arguments(self, *nodes: Node) -> tuple[Node, ...]:
        return nodes

    def binary(self, left: Node, operator: Token, right: Node) -> Node:
        return Binary(str(operator), left, right)

    def logical_and(self, left: Node, right: Node) -> Node:
        return Binary("AND", left, right)

    def logical_or(self, left: Node, right: Node) -> Node:
        return Binary("OR", left, right)

    def negative(self, _sign: Token, operand: Node) -> Node:
        return Negative(operand)


_PARSER = Lark(GRAMMAR.read_text("utf-8"), parser="lalr", transformer=_Builder(), maybe_placeholders=True)


def parse_expression(text: str) -> Node:
    """Return the tree of an expression; raises MathError that says where it breaks off. Short ones are remembered."""
    return _remembered(text) if len(text) <= REMEMBERED_CHARACTERS else _parsed(text)


def _parsed(text: str) -> Node:
    try:
        return _PARSER.parse(text)  # type: ignore[return-value]  # the transformer makes nodes of trees
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise MathError("Unexpected end of the expression") from error
        raise MathError(f"Unexpected '{error.token}' at char {error.token.start_pos}") from error
    except UnexpectedCharacters as error:
        raise MathError(f"Unexpected '{error.char}' at char {error.pos_in_stream}") from error
    except LarkError as error:
        raise MathError("The expression is not valid") from error


# Alarms evaluate the same expressions every minute.
_remembered = lru_cache(maxsize=REMEMBERED)(_parsed)
