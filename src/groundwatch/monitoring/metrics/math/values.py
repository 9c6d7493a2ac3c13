"""What expressions work on: numbers, series and arrays of series; and how an operation spreads over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from groundwatch.monitoring.metrics.math.errors import MathError

MAX_POINTS = 2_000_000
"""How many datapoints one request may make in all its expressions; the service's own limit is not published."""

TOO_MANY = "The expressions make more datapoints than one request may; ask for less time or a longer period"
Operation = Callable[[float, float], float]


class Line(msgspec.Struct, frozen=True):
    """A series: its points by the start of the period in milliseconds, oldest first."""

    points: Mapping[int, float]
    period_s: int
    label: str = ""
    is_metric: bool = False


Array = tuple[Line, ...]
Value = float | Line | Array | str
"""Texts and words are arguments only."""


class Budget:
    """Counts the datapoints that are made."""

    def __init__(self, points: int = MAX_POINTS) -> None:
        self._left = points

    def line(self, points: Mapping[int, float], like: Line) -> Line:
        """Return a series of finite points, which takes its period and label from another; raises MathError."""
        self._left -= len(points) + 1
        if self._left < 0:
            raise MathError(TOO_MANY)
        finite = {at: value for at, value in points.items() if math.isfinite(value)}
        return Line(finite, like.period_s, like.label)

    def checked(self, times: range) -> range:
        """Return times of points that are about to be made; raises MathError when they are too many."""
        if len(times) > self._left:
            raise MathError(TOO_MANY)
        return times

    def zipped(self, operation: Operation, left: Value, right: Value) -> Value:
        """Return the operation on every point of both; a point that one side lacks counts as 0 there."""
        if isinstance(left, str) or isinstance(right, str):
            raise MathError("A text is no operand")
        if isinstance(left, tuple) or isinstance(right, tuple):
            return cast("Array", tuple(self._zipped(operation, a, b) for a, b in paired(left, right)))
        return self._zipped(operation, left, right)

    def _zipped(self, operation: Operation, left: float | Line, right: float | Line) -> float | Line:
        if isinstance(left, Line) and isinstance(right, Line):
            times = left.points if left.points.keys() == right.points.keys() else sorted({*left.points, *right.points})
            first, second = left.points, right.points
            like = left if left.period_s >= right.period_s else right
            return self.line({at: operation(first.get(at, 0.0), second.get(at, 0.0)) for at in times}, like)
        if isinstance(left, Line):
            return self.line({at: operation(value, right) for at, value in left.points.items()}, left)  # type: ignore[arg-type]
        if isinstance(right, Line):
            return self.line({at: operation(left, value) for at, value in right.points.items()}, right)
        return operation(left, right)

    def mapped(self, function: Callable[[float], float], value: Value) -> Value:
        """Return the function of every point."""
        if isinstance(value, str):
            raise MathError("A text is no operand")
        if isinstance(value, tuple):
            return tuple(self.line({at: function(v) for at, v in line.points.items()}, line) for line in value)
        if isinstance(value, Line):
            return self.line({at: function(v) for at, v in value.points.items()}, value)
        return function(value)


def paired(left: float | Line | Array, right: float | Line | Array) -> list[tuple[float | Line, float | Line]]:
    """Return what belongs together: members of arrays one by one, anything else with every member."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            raise MathError(f"Arrays of different lengths, {len(left)} and {len(right)}, cannot be combined")
        return list(zip(left, right, strict=True))
    if isinstance(right, tuple):
        return [(other, line) for other in (left,) if not isinstance(other, tuple) for line in right]
    return [(line, right) for line in left] if isinstance(left, tuple) else [(left, right)]


def undefined_as_nan(operation: Operation) -> Operation:
    """Return the operation with nan for what has no real value; such points are dropped."""

    def guarded(left: float, right: float) -> float:
        try:
            return operation(left, right)
        except (ZeroDivisionError, OverflowError, ValueError):
            return math.nan

    return guarded


OPERATIONS: dict[str, Operation] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": undefined_as_nan(lambda a, b: a / b),
    "^": undefined_as_nan(math.pow),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}
