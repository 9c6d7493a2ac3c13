"""The expressions of one request, evaluated in the order in which they need one another."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from groundwatch.monitoring.metrics.math.errors import MathError
from groundwatch.monitoring.metrics.math.functions import FUNCTIONS, NOT_HERE, Surroundings
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
from groundwatch.monitoring.metrics.math.values import OPERATIONS, Array, Line, Value


class ExpressionError(Exception):
    """One of the expressions is wrong; the text is that of the real service where it is known."""

    def __init__(self, query_id: str, why: str) -> None:
        super().__init__(f"Error in expression '{query_id}': {why}")


class Problem(msgspec.Struct, frozen=True):
    """Expressions by the ids of their queries, and what they may refer to."""

    expressions: Mapping[str, Node]
    around: Surroundings
    searches: Mapping[Call, Array] = {}
    """What each SEARCH has found."""


class Solver:
    """Evaluates expressions and remembers their results; a request's own, not for several threads."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._done: dict[str, Value] = dict(problem.around.metrics)
        self._open: set[str] = set()

    def solve(self, query_id: str) -> Array:
        """Return the series of an expression; raises ExpressionError, also for one that it refers to."""
        try:
            value = self._result(query_id)
        except MathError as error:
            raise ExpressionError(query_id, str(error)) from error
        except RecursionError as error:
            raise ExpressionError(query_id, "The expression is nested too deeply") from error
        if isinstance(value, (float, str)):
            raise ExpressionError(query_id, "The result of the expression must be a time series or an array of them")
        return value if isinstance(value, tuple) else (value,)

    def _result(self, query_id: str) -> Value:
        known = self._done.get(query_id)
        if known is not None:
            return known
        node = self._problem.expressions.get(query_id)
        if node is None:
            raise MathError(f"Unknown identifier '{query_id}'")
        if query_id in self._open:
            raise MathError(f"'{query_id}' refers to itself")
        self._open.add(query_id)
        value = self._done[query_id] = self._value(node)
        self._open.discard(query_id)
        return value

    def _value(self, node: Node) -> Value:
        match node:
            case Number(value) | Text(value) | Word(value):
                return value
            case Reference(name):
                return self._result(name)
            case Negative(operand):
                return self._problem.around.budget.mapped(lambda value: -value, self._value(operand))
            case Binary(operator, left, right):
                operation = OPERATIONS[operator]
                return self._problem.around.budget.zipped(operation, self._value(left), self._value(right))
            case ArrayOf(members):
                return tuple(line for member in members for line in self._lines(member))
        return self._call(node)

    def _lines(self, node: Node) -> Array:
        value = self._value(node)
        if isinstance(value, Line):
            return (value,)
        if not isinstance(value, tuple):
            raise MathError("Arrays hold time series only")
        return value

    def _call(self, call: Call) -> Value:
        if call.name == "SEARCH":
            return self._problem.searches[call]
        if call.name in NOT_HERE:
            raise MathError(f"Function '{call.name}' is not implemented by Groundwatch")
        function = FUNCTIONS.get(call.name)
        if function is None:
            raise MathError(f"Function '{call.name}' not found")
        if not function.fewest <= len(call.arguments) <= function.most:
            wanted = (
                str(function.fewest) if function.fewest == function.most else f"{function.fewest} to {function.most}"
            )
            raise MathError(f"Function '{call.name}' takes {wanted} arguments, not {len(call.arguments)}")
        return function.body(self._problem.around, [self._value(argument) for argument in call.arguments])
