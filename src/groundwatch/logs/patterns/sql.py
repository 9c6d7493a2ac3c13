"""A filter pattern as a ClickHouse condition over the column `message`, with every value bound, never pasted."""

from __future__ import annotations

import msgspec

from groundwatch.logs.patterns.nodes import MatchAll, Pattern, Terms


class Condition(msgspec.Struct, frozen=True):
    """An SQL expression and the values of its `{name:Type}` parameters."""

    sql: str
    parameters: dict[str, str] = {}


def compile_condition(pattern: Pattern) -> Condition:
    """Return the condition that holds for the rows whose message matches `pattern`."""
    match pattern:
        case MatchAll():
            return Condition("1")
        case Terms():
            return _terms(pattern)


def _terms(node: Terms) -> Condition:
    if node.required or node.excluded:
        tests = [(term, "> 0") for term in node.required] + [(term, "= 0") for term in node.excluded]
        joint = " AND "
    else:
        tests = [(term, "> 0") for term in node.optional]
        joint = " OR "
    sql = joint.join(f"position(message, {{term_{n}:String}}) {test}" for n, (_, test) in enumerate(tests))
    return Condition(f"({sql})", {f"term_{n}": term for n, (term, _) in enumerate(tests)})
