"""A filter pattern as a Python predicate over one message: for what is decided while events arrive."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.logs.patterns.nodes import MatchAll, Pattern, Terms

Predicate = Callable[[str], bool]


def compile_predicate(pattern: Pattern) -> Predicate:
    """Return the function that says whether a message matches `pattern`."""
    match pattern:
        case MatchAll():
            return _always
        case Terms():
            return _terms(pattern)


def _always(_message: str) -> bool:
    return True


def _terms(node: Terms) -> Predicate:
    if node.required or node.excluded:

        def all_and_none(message: str) -> bool:
            return all(term in message for term in node.required) and not any(term in message for term in node.excluded)

        return all_and_none

    def any_of(message: str) -> bool:
        return any(term in message for term in node.optional)

    return any_of
