"""A filter pattern as a Python predicate over one message: for what is decided while events arrive."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import re2

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.document import JsonValue, LongInteger, read_object, read_without_repeats
from groundwatch.logs.patterns.guards import Guard, escape_of, guard_of, member_names
from groundwatch.logs.patterns.numbers import (
    INTEGER,
    LONG_INTEGER,
    NUMBER,
    bounds,
    canonical,
    equal_spellings,
    shortest,
)
from groundwatch.logs.patterns.selection import select
from groundwatch.logs.patterns.splitting import fields
from groundwatch.logs.patterns.target import Target

Predicate = Callable[[str], bool]
Test = Callable[[Any], bool]
"""A condition over its subject: a JSON document, or a field of a space-delimited message."""
ORDERS: dict[nodes.Order, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
EXACT_BELOW = 2**53
"""Below, a double with an integral value is that integer."""
LONGEST_LITERAL_DIGITS = 310
"""No literal has more digits: it lies in the range of doubles."""


class Scalar(msgspec.Struct, frozen=True):
    """A value that is compared with a number: its text and, where it is numeric, its canonical number."""

    text: str
    number: str | None = None


def compile_predicate(pattern: nodes.Pattern) -> Predicate:
    """Return the function that says whether a message matches `pattern`. It may be called from several threads."""
    predicate: Predicate = PREDICATES.visit(pattern)
    return predicate


def text_of(value: JsonValue) -> str | None:
    """Return a JSON value as text, None for null, objects and arrays, which no comparison holds for."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def scalar_of(value: JsonValue) -> Scalar | None:
    """Return a JSON value as a scalar, None as `text_of` does."""
    text = text_of(value)
    if text is None:
        return None
    is_number = LONG_INTEGER.fullmatch(value) if isinstance(value, str) else not isinstance(value, bool)
    return Scalar(text, text if is_number else None)


def number_text(value: JsonValue) -> str | None:
    """Return the canonical text of a JSON number, None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return shortest(value)
    return value.text if isinstance(value, LongInteger) else None


def scalar_of_field(text: str) -> Scalar:
    """Return a field of a space-delimited message as a scalar."""
    return Scalar(text, canonical(text) if NUMBER.fullmatch(text) else None)


class Predicates(Target):
    """A method a node: patterns and conditions become functions over their subject, values functions over scalars."""

    def match_all(self, _node: nodes.MatchAll) -> Predicate:
        """Accept every message."""
        return lambda _message: True

    def terms(self, node: nodes.Terms) -> Predicate:
        """Look for the terms anywhere in the message."""
        if node.required or node.excluded:
            return lambda message: (
                all(term in message for term in node.required) and not any(term in message for term in node.excluded)
            )
        return lambda message: any(term in message for term in node.optional)

    def regex(self, node: nodes.Regex) -> Predicate:
        """Search with RE2, whose time is linear in the text. Its classes are ASCII, its dot stops at line ends."""
        search = re2.compile(node.expression).search
        return lambda text: search(text) is not None

    def json(self, node: nodes.Json) -> Predicate:
        """Read the message as a JSON object, if it has a chance, and test that."""
        guard, test = guard_of(node.condition), self.visit(node.condition)
        repeated = _repetitions(node)

        def predicate(message: str) -> bool:
            if not passes(guard, message):
                return False
            # The engine takes the first of repeated keys, the fast reader the last.
            document = read_object(message) if repeated(message) else read_without_repeats(message)
            return document is not None and test(document)

        return predicate

    def fields(self, node: nodes.Fields) -> Predicate:
        """Split the message, and test the fields that slots have conditions on."""
        before, after = len(node.before), len(node.after)
        if not before and not after:
            return lambda _message: True
        tests = [
            (index, self.visit(slot))
            for index, slot in enumerate(node.before + node.after)
            if slot.condition is not None
        ]

        def predicate(message: str) -> bool:
            values = fields(message, before, after, ellipsis=node.ellipsis)
            return values is not None and all(test(values[index]) for index, test in tests)

        return predicate

    def slot(self, node: nodes.Slot) -> Test:
        """Test the slot's field."""
        return (lambda _text: True) if node.condition is None else self.visit(node.condition)

    def every(self, node: nodes.Every) -> Test:
        """Hold when all parts hold."""
        tests = self._all(node.parts)

        def holds(subject: Any) -> bool:  # noqa: ANN401 - as in Test
            for test in tests:  # noqa: SIM110 - a generator takes twice the time
                if not test(subject):
                    return False
            return True

        return holds

    def some(self, node: nodes.Some) -> Test:
        """Hold when a part holds."""
        tests = self._all(node.parts)
        return lambda subject: any(test(subject) for test in tests)

    def compare(self, node: nodes.Compare) -> Test:
        """Hold when one of the scalars that the subject finds is equal, or for `!=` when one is not."""
        values = self._scalars(node.subject) if isinstance(node.value, nodes.Number) else self._texts(node.subject)
        equal, negated = self.visit(node.value), node.negated

        def compares(subject: Any) -> bool:  # noqa: ANN401 - as in Test
            for value in values(subject):  # noqa: SIM110 - as in `every`
                if value is not None and equal(value) != negated:
                    return True
            return False

        return compares

    def ordered(self, node: nodes.Ordered) -> Test:
        """Hold when one of the numbers that the subject finds stands in this order to the literal."""
        compares = _order(node.order, node.number)
        if isinstance(node.subject, nodes.Field):
            return lambda text: compares(scalar_of_field(text).number)
        find = self.visit(node.subject)

        def holds(document: Any) -> bool:  # noqa: ANN401 - as in Test
            for value in find(document):  # noqa: SIM110 - as in `every`
                if compares(_ordered(value)):
                    return True
            return False

        return holds

    def is_(self, node: nodes.Is) -> Test:
        """Hold for exactly this JSON value."""
        wanted = {"null": None, "true": True, "false": False}[node.literal]
        find = self.visit(node.subject)
        return lambda document: any(value is wanted for value in find(document))

    def missing(self, node: nodes.Missing) -> Test:
        """Hold when the selector finds nothing."""
        find = self.visit(node.subject)
        return lambda document: not find(document)

    def selector(self, node: nodes.Selector) -> Callable[[JsonValue], Sequence[JsonValue]]:
        """Find the values that the path leads to; mostly it is one step to a property of the document."""
        steps = node.steps
        if len(steps) == 1 and isinstance(steps[0], nodes.Member):
            name = steps[0].name
            return lambda document: (document[name],) if isinstance(document, dict) and name in document else ()
        return lambda document: select(steps, document)

    def field(self, _node: nodes.Field) -> Callable[[str], Sequence[str]]:
        """Find the field itself: a slot's conditions are tested on it."""
        return lambda text: (text,)

    def text(self, node: nodes.Text) -> Callable[[str], bool]:
        """Compare the whole text, with what its open ends admit."""
        wanted = node.text
        if node.open_start and node.open_end:
            return lambda text: wanted in text
        if node.open_start:
            return lambda text: text.endswith(wanted)
        if node.open_end:
            return lambda text: text.startswith(wanted)
        return lambda text: text == wanted

    def number(self, node: nodes.Number) -> Callable[[Scalar], bool]:
        """Be equal as a number, or as text, since identifiers made of digits often are strings."""
        spellings = equal_spellings(node.spelled)
        return lambda scalar: scalar.number in spellings or scalar.text == node.spelled

    def _all(self, parts: Iterable[nodes.Condition]) -> list[Test]:
        return [self.visit(part) for part in parts]

    def _texts(self, subject: nodes.Subject) -> Callable[[Any], Iterable[str | None]]:
        find: Callable[[Any], Sequence[Any]] = self.visit(subject)
        return find if isinstance(subject, nodes.Field) else lambda document: map(text_of, find(document))

    def _scalars(self, subject: nodes.Subject) -> Callable[[Any], Iterable[Scalar | None]]:
        find = self.visit(subject)
        if isinstance(subject, nodes.Field):
            return lambda field: map(scalar_of_field, find(field))
        return lambda document: map(scalar_of, find(document))


def passes(guard: Guard, message: str) -> bool:
    """Tell whether each clause has a text that occurs in the message."""
    # Loops, because this runs for every event, and generators would take three times as long.
    for clause in guard:
        for text in clause:
            if text in message:
                break
        else:
            return False
    return True


def _repetitions(node: nodes.Json) -> Callable[[str], bool]:
    """Return the test whether a message may repeat a key that the pattern names, which the fast reader gets wrong."""
    names = member_names(node.condition)
    if names is None:
        return lambda _message: True
    keys = [f'"{name}"' for name in names]
    escapes = {escape_of(name) for name in names}

    def repeated(message: str) -> bool:
        if "\\" in message:
            for escape in escapes:
                if escape in message:
                    return True
        for key in keys:  # noqa: SIM110 - as in `passes`
            if message.count(key) > 1:
                return True
        return False

    return repeated


def _ordered(value: JsonValue) -> float | str | None:
    """Return a value that orders like the number: itself where that is exact, else its canonical text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and abs(value) < EXACT_BELOW):
        return value
    if isinstance(value, str):
        return value if LONG_INTEGER.fullmatch(value) else None
    return number_text(value)


def _order(order: nodes.Order, literal: nodes.Number) -> Callable[[float | str | None], bool]:
    """Compare integers exactly, everything else as doubles."""
    compares, value = ORDERS[order], float(literal.spelled)
    floor, ceiling = bounds(literal.spelled)
    bound = floor if order in {"<=", ">"} else ceiling

    def holds(number: float | str | None) -> bool:
        if not isinstance(number, str):
            return number is not None and compares(number, bound if isinstance(number, int) else value)
        if not INTEGER.fullmatch(number):
            return compares(float(number), value)
        if len(number) > LONGEST_LITERAL_DIGITS:
            return compares(math.copysign(math.inf, -1 if number.startswith("-") else 1), bound)
        return compares(int(number), bound)

    return holds


PREDICATES = Predicates()
