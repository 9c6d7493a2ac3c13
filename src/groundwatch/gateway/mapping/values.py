"""The values of the template language and what they mean: text form, truth, equality and arithmetic, as in Java.

JSON objects are dicts, JSON arrays are plain lists, null is None. What a template makes or the gateway provides has a
type of its own here, where it behaves differently.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from groundwatch.gateway.mapping.budget import CHARACTERS_PER_COMPARISON, Budget
from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError

VtlValue = Any
"""None, a text, number or boolean, a list or dict of these, or one of the types of this module."""
MAX_INTEGER_BITS = 4096
"""Integers grow as Java's BigInteger does, but not without end."""


class ScientificDouble(float):
    """A number of a payload that Java writes with an exponent."""


class VtlList(list[VtlValue]):
    """A list made by the template; it is written `[1, 2]`, where a JSON array is written as JSON."""


class ContextMap(dict[str, VtlValue]):
    """A part of `$context`; as a whole it is written as nothing."""


class OverrideMap(ContextMap):
    """A part of `$context.requestOverride` or `.responseOverride`: each name may be set once."""

    def __setitem__(self, key: str, value: VtlValue) -> None:
        if key in self:
            raise MappingError(f"override {key!r} is set twice")
        super().__setitem__(key, value)


class HeaderMap(dict[str, VtlValue]):
    """Headers by name. The listener does not keep the case of names, so they are found in any case."""

    def get(self, key: str, default: VtlValue = None) -> VtlValue:
        """Return the value of the header called `key`, in any case."""
        found = super().get(key)
        if found is not None:
            return found
        wanted = str(key).lower()
        return next((value for name, value in self.items() if name.lower() == wanted), default)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a map, as `entrySet()` gives it."""

    key: VtlValue
    value: VtlValue


@dataclass(slots=True)
class Loop:
    """`$foreach`."""

    length: int
    parent: Loop | None
    index: int = 0

    def property(self, name: str) -> VtlValue:
        """Return `$foreach.name`."""
        read = _LOOP_PROPERTIES.get(name)
        return None if read is None else read(self)


_LOOP_PROPERTIES: Mapping[str, Callable[[Loop], VtlValue]] = {
    "index": lambda loop: loop.index,
    "count": lambda loop: loop.index + 1,
    "hasNext": lambda loop: loop.index + 1 < loop.length,
    "first": lambda loop: loop.index == 0,
    "last": lambda loop: loop.index + 1 == loop.length,
    "parent": lambda loop: loop.parent,
}


@dataclass(frozen=True, slots=True)
class Method:
    """A method that templates may call: `function(budget, receiver, *arguments)` and how many arguments it takes."""

    function: Callable[..., VtlValue]
    minimum: int
    maximum: int


class TemplateObject:
    """Something the gateway provides with methods of its own, such as `$input`."""

    methods: ClassVar[Mapping[str, Method]] = {}

    def property(self, name: str) -> VtlValue:  # noqa: ARG002 -- the base has no properties
        """Return the property called `name`, or None."""
        return None


def is_plain_double(number: float) -> bool:
    """Tell whether Java writes a number without an exponent."""
    return number == 0 or 1e-3 <= abs(number) < 1e7


def java_double(number: float) -> str:
    """Write a number as Java's Double.toString does: plain between 0.001 and 10,000,000, else with an exponent."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if is_plain_double(number):
        return repr(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def truth(value: VtlValue) -> bool:
    """Tell whether `#if` takes the branch: only null and false are false, as in Velocity 1.7."""
    return value is not None and value is not False


def is_number(value: VtlValue) -> bool:
    """Tell whether a value takes part in arithmetic."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def add(left: VtlValue, right: VtlValue, text: Callable[[VtlValue], str]) -> VtlValue:
    """`+`: a sum of numbers, or a text when either side is one; null when a side is null."""
    if left is None or right is None:
        return None
    if isinstance(left, str) or isinstance(right, str):
        return text(left) + text(right)
    return _calculate(operator.add, left, right) if is_number(left) and is_number(right) else None


def subtract(left: VtlValue, right: VtlValue) -> VtlValue:
    """`-` of numbers; null otherwise."""
    return _calculate(operator.sub, left, right) if is_number(left) and is_number(right) else None


def multiply(left: VtlValue, right: VtlValue) -> VtlValue:
    """`*` of numbers; null otherwise.

    Raises:
        TemplateLimitError: for an integer of more than `MAX_INTEGER_BITS`.
    """
    if not (is_number(left) and is_number(right)):
        return None
    product = _calculate(operator.mul, left, right)
    if isinstance(product, int) and product.bit_length() > MAX_INTEGER_BITS:
        raise TemplateLimitError(f"a number has more than {MAX_INTEGER_BITS} bits")
    return product


def divide(left: VtlValue, right: VtlValue) -> VtlValue:
    """`/`: integers truncate towards zero; null for a division by zero or what is not a number."""
    if not (is_number(left) and is_number(right)) or right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return _calculate(operator.truediv, left, right)


def remainder(left: VtlValue, right: VtlValue) -> VtlValue:
    """`%`: the sign is the dividend's, as in Java; null for a division by zero or what is not a number."""
    if not (is_number(left) and is_number(right)) or right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return _calculate(_double_remainder, left, right)


def _double_remainder(left: float, right: float) -> float:
    return math.nan if math.isinf(left) else math.fmod(left, right)


def _calculate(operate: Callable[[Any, Any], Any], left: float, right: float) -> VtlValue:
    """Operate on two numbers, one of which may be an integer that no double holds: in Java, that one is infinite."""
    if isinstance(left, int) and isinstance(right, int):
        return operate(left, right)
    return operate(as_double(left), as_double(right))


def as_double(number: float) -> float:
    """Return a number as a double, which is infinite when it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def equal(left: VtlValue, right: VtlValue, budget: Budget, text: Callable[[VtlValue], str]) -> bool:
    """`==`: null equals null and the empty string; numbers by value; values of different types by their text."""
    budget.charge(1)
    if left is None or right is None:
        other = right if left is None else left
        return other is None or other == ""
    if isinstance(left, str) and isinstance(right, str):
        budget.charge(min(len(left), len(right)) // CHARACTERS_PER_COMPARISON)
        return left == right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b, budget, text) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key], budget, text) for key in left)
    return left is right or text(left) == text(right)


def compare(left: VtlValue, right: VtlValue) -> int | None:
    """Order two numbers: negative, zero or positive; None when either is no number, so that nothing holds."""
    if not (is_number(left) and is_number(right)):
        return None
    return int(left > right) - int(left < right)
