"""What operators between two values of a template mean; `&&` and `||` are the compiler's: they may leave one out."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.gateway.mapping import nodes
from groundwatch.gateway.mapping.evaluation import text_of
from groundwatch.gateway.mapping.run import Run
from groundwatch.gateway.mapping.values import (
    VtlValue,
    add,
    compare,
    divide,
    equal,
    multiply,
    remainder,
    subtract,
)


def _add(run: Run, left: VtlValue, right: VtlValue) -> VtlValue:
    total = add(left, right, lambda value: text_of(run, value))
    if isinstance(total, str):
        run.budget.charge_text(len(total))
    return total


def _equal(run: Run, left: VtlValue, right: VtlValue) -> bool:
    return equal(left, right, run.budget, lambda value: text_of(run, value))


def _ordering(decide: Callable[[int], bool]) -> Callable[[Run, VtlValue, VtlValue], bool]:
    def operate(_run: Run, left: VtlValue, right: VtlValue) -> bool:
        order = compare(left, right)
        return order is not None and decide(order)

    return operate


OPERATORS: dict[nodes.BinaryOperator, Callable[[Run, VtlValue, VtlValue], VtlValue]] = {
    "+": _add,
    "-": lambda _run, left, right: subtract(left, right),
    "*": lambda _run, left, right: multiply(left, right),
    "/": lambda _run, left, right: divide(left, right),
    "%": lambda _run, left, right: remainder(left, right),
    "==": _equal,
    "!=": lambda run, left, right: not _equal(run, left, right),
    "<": _ordering(lambda order: order < 0),
    "<=": _ordering(lambda order: order <= 0),
    ">": _ordering(lambda order: order > 0),
    ">=": _ordering(lambda order: order >= 0),
}
