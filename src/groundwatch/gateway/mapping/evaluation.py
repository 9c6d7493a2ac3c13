"""What the methods of templates have in common: the evaluation that calls them, and the reading of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.regex import RegexCache
from groundwatch.gateway.mapping.text import render
from groundwatch.gateway.mapping.values import Method, VtlValue, equal


class Evaluation(Protocol):
    """What a method may use of the evaluation that calls it."""

    budget: Budget
    regexes: RegexCache


def text_of(run: Evaluation, value: VtlValue) -> str:
    """Return the text form of an argument."""
    text = value if type(value) is str else render(value, run.budget)
    run.budget.charge_text(len(text))
    return text


def integer(value: VtlValue) -> int:
    """Return an argument that must be an integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise MappingError("a method's argument is not an integer")
    return value


def same(run: Evaluation, left: VtlValue, right: VtlValue) -> bool:
    """Compare as `==` does."""
    return equal(left, right, run.budget, lambda value: text_of(run, value))


def _to_string(run: Evaluation, value: VtlValue) -> str:
    return text_of(run, value)


def _equals(run: Evaluation, value: VtlValue, other: VtlValue) -> bool:
    # Unlike `==`, equals() never converts: a number is not its text.
    doubles = isinstance(value, float) and isinstance(other, float)
    return (doubles or type(value) is type(other)) and same(run, value, other)


def _hash_code(run: Evaluation, value: VtlValue) -> int:
    text = text_of(run, value)
    run.budget.charge(len(text))
    code = 0
    for character in text:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


COMMON: Mapping[str, Method] = {
    "toString": Method(_to_string, 0, 0),
    "equals": Method(_equals, 1, 1),
    "hashCode": Method(_hash_code, 0, 0),
}
"""The methods of every value."""
