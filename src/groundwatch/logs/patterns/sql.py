"""A filter pattern as a ClickHouse condition over the column `message`, with every value bound, never pasted.

JSON conditions work on the raw text of the value that a selector finds: one parse of the message says whether there is
a value, of which type, and what it is. The engine prints raw text in one canonical form, so equality is equality of
that text. The same expression in several conditions is computed once, and `AND` stops at the first part that fails.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence

import msgspec

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.guards import Guard, guard_of
from groundwatch.logs.patterns.numbers import LONG_INTEGER, NUMBER, bounds, equal_spellings
from groundwatch.logs.patterns.splitting import GROUPED, SPACES, TOKEN
from groundwatch.logs.patterns.target import Target

FALSE = "0"
TRUE = "1"
ONE_LINE = "(?-s)"
"""In the engine a dot matches a line end unless told otherwise."""
LONG_QUOTED = f'^"{LONG_INTEGER.pattern}"$'
INTEGER_TEXT = "^(?:0|-?[1-9][0-9]*)$"
NUMBER_TEXT = "^-?[0-9]"
SAFE = re.compile(r"[ !#-\[\]-~]*")
"""Text that the engine prints in JSON as it is."""
SLACK_RATIO = 1e-9
"""How far the engine's reading of a long integer as a double may be off, with a margin."""
LIKE_SPECIAL = re.compile(r"[\\%_]")
BACKSLASHED = r"\\\g<0>"
FAR = 10**30
"""Farther from zero than any integer of 64 bits."""
# The parts of a regular expression for fields that put a number into JSON's form: no plus sign, no leading zeros.
FIELD_NUMBER = f"^{NUMBER.pattern}$"
LEADING = r"^\+?(-?)0*([0-9])"
BOTH_GROUPS = r"\1\2"


class Condition(msgspec.Struct, frozen=True):
    """An SQL expression and the values of its `{name:Type}` parameters, whose names begin with `pattern_`."""

    sql: str
    parameters: dict[str, object] = {}


def compile_condition(pattern: nodes.Pattern) -> Condition:
    """Return the condition that holds for the rows whose message matches `pattern`."""
    statement = SqlConditions()
    return Condition(statement.visit(pattern), statement.parameters)


class Scalar(msgspec.Struct, frozen=True):
    """How to test one value: SQL expressions over it."""

    text: str
    raw: str
    """The value in the form in which the engine prints it as JSON; for a field its number in that form, or nothing."""
    present: str = TRUE
    """Whether there is a value that comparisons apply to. Asked last: it may read the message a second time."""
    exists: str = TRUE
    """Whether there is a value, null and objects included."""
    double: str | None = None
    """About the value as a double, also of long integers; 0 without one."""

    @property
    def is_json(self) -> bool:
        """Whether this is a JSON value, not a field."""
        return self.double is not None


class SqlConditions(Target):
    """A method a node: patterns and conditions become expressions; one object serves one pattern."""

    def __init__(self) -> None:
        self.parameters: dict[str, object] = {}
        self._names: dict[tuple[str, str], str] = {}

    def match_all(self, _node: nodes.MatchAll) -> str:
        """Accept every row."""
        return TRUE

    def terms(self, node: nodes.Terms) -> str:
        """Look for the terms anywhere in the message."""
        if node.required or node.excluded:
            found = [self._contains(term) for term in node.required]
            return _all([*found, *(f"NOT {self._contains(term)}" for term in node.excluded)])
        return _any([self._contains(term) for term in node.optional])

    def regex(self, node: nodes.Regex, scalar: Scalar | None = None) -> str:
        """Search the message or a value."""
        subject = "message" if scalar is None else scalar.text
        return f"match({subject}, {self._text(ONE_LINE + node.expression)})"

    def json(self, node: nodes.Json) -> str:
        """Read the messages that have a chance."""
        guards = self._guards(guard_of(node.condition))
        return _all([*guards, self.visit(node.condition)])

    def fields(self, node: nodes.Fields) -> str:
        """Split the messages that have a chance, and test the fields that slots have conditions on."""
        count = len(node.before) + len(node.after)
        if not count:
            return TRUE
        tests = [f"length(tokens) >= {self._bound(count, 'UInt32')}"]
        guards: list[str] = []
        for index, slot in enumerate(node.before + node.after):
            if slot.condition is not None:
                rest_from = index if index + 1 == count and not node.ellipsis else None
                place = index + 1 if index < len(node.before) else index - count
                tests.append(self.visit(slot, self._field_value(place, rest_from)))
                guards += self._guards(guard_of(slot.condition))
        return _all([*guards, f"arrayExists(tokens -> {_all(tests)}, [{self._tokens()}])"])

    def slot(self, node: nodes.Slot, value: str) -> str:
        """Test a field. Lambdas name it and its number, since the engine has no other way to use a value twice."""
        if node.condition is None:
            return TRUE
        spelled = f"replaceRegexpOne(field, {self._text(LEADING)}, {self._text(BOTH_GROUPS)})"
        number = f"if(match(field, {self._text(FIELD_NUMBER)}), JSONExtractRaw({spelled}), '')"
        # Aliases would be plainer, but the engine expands each use of them, in a long pattern beyond its limits.
        test = self.visit(node.condition)
        return f"arrayExists(field -> arrayExists(number -> {test}, [{number}]), [{value}])"

    def every(self, node: nodes.Every) -> str:
        """Join with AND."""
        return _all([self.visit(part) for part in node.parts])

    def some(self, node: nodes.Some) -> str:
        """Join with OR."""
        return _any([self.visit(part) for part in node.parts])

    def compare(self, node: nodes.Compare) -> str:
        """Compare what the subject finds with a value."""

        def test(scalar: Scalar) -> str:
            equal = self.visit(node.value, scalar)
            return _all([f"NOT {equal}" if node.negated else equal, scalar.present])

        return str(self.visit(node.subject, test))

    def ordered(self, node: nodes.Ordered) -> str:
        """Compare numbers: integers exactly, everything else as doubles."""
        floor, ceiling = bounds(node.number.spelled)
        bound = floor if node.order in {"<=", ">"} else ceiling

        def test(scalar: Scalar) -> str:
            # Beyond 18 digits toInt64OrNull may wrap instead of failing.
            small = f"toInt64OrNull({scalar.raw})"
            near = self._bound(max(-FAR, min(FAR, bound)), "Int128")
            exact = (
                f"if(length({scalar.raw}) < 19 AND isNotNull({small}), assumeNotNull({small}) {node.order} {near}, "
                f"{self._ordered_text(scalar.raw, node, bound)})"
            )
            return _all([self._nearly(scalar, node), exact])

        return str(self.visit(node.subject, test))

    def is_(self, node: nodes.Is) -> str:
        """Compare the raw text, in which strings have quotes."""
        return str(self.visit(node.subject, lambda scalar: f"{scalar.raw} = '{node.literal}'"))

    def missing(self, node: nodes.Missing) -> str:
        """Find nothing in a JSON object."""
        found = self.visit(node.subject, lambda scalar: scalar.exists)
        return f"(NOT {found} AND JSONType(message) = 'Object')"

    def selector(self, node: nodes.Selector, test: Callable[[Scalar], str]) -> str:
        """Test the value at the path, or with a wildcard each of the values until one passes."""
        # More than one wildcard would need nested lambdas; the language has none.
        wildcards = [n for n, step in enumerate(node.steps) if isinstance(step, nodes.AnyElement | nodes.AnyMember)]
        if not wildcards:
            return self._at("message", node.steps, test)
        head, tail = node.steps[: wildcards[0]], node.steps[wildcards[0] + 1 :]
        path = self._path("message", head)
        if isinstance(node.steps[wildcards[0]], nodes.AnyMember):
            values = f"arrayMap(pair -> pair.2, JSONExtractKeysAndValuesRaw({path}))"
        elif head:
            values = f"JSONExtractArrayRaw({path})"
        else:
            return FALSE  # the top of a usable message is no array
        return _all([f"arrayExists(item -> {self._at('item', tail, test)}, {values})", *self._arrays("message", head)])

    def field(self, _node: nodes.Field, test: Callable[[Scalar], str]) -> str:
        """Test the slot's field."""
        return test(Scalar("field", "number"))

    def text(self, node: nodes.Text, scalar: Scalar) -> str:
        """Compare the whole text, with what its open ends admit."""
        if not node.text and (node.open_start or node.open_end):
            return TRUE
        if node.open_start and node.open_end:
            return f"position({scalar.text}, {self._text(node.text)}) > 0"
        if node.open_start:
            return f"endsWith({scalar.text}, {self._text(node.text)})"
        if node.open_end:
            return f"startsWith({scalar.text}, {self._text(node.text)})"
        # The raw text needs no second reading of the message, and prints plain characters as they are.
        if scalar.is_json and SAFE.fullmatch(node.text):
            return f"has({self._texts(_raw_forms(node.text))}, {scalar.raw})"
        return f"{scalar.text} = {self._text(node.text)}"

    def number(self, node: nodes.Number, scalar: Scalar) -> str:
        """Be equal as a number, or as text."""
        numbers = equal_spellings(node.spelled)
        forms = {*numbers, *(f'"{number}"' for number in numbers if LONG_INTEGER.fullmatch(number))}
        if scalar.is_json:
            return f"has({self._texts(forms | {f'{chr(34)}{node.spelled}{chr(34)}'})}, {scalar.raw})"
        return f"({scalar.text} = {self._text(node.spelled)} OR has({self._texts(forms)}, {scalar.raw}))"

    def member(self, node: nodes.Member) -> str:
        """Bind a name."""
        return self._text(node.name)

    def element(self, node: nodes.Element) -> str:
        """Bind an index; the engine counts from one."""
        return self._bound(node.index + 1, "Int64")

    def any_member(self, _node: nodes.AnyMember) -> str:
        """Refuse: a wildcard divides a path and is no part of one."""
        raise AssertionError("a wildcard in a path")

    any_element = any_member

    def _at(self, document: str, steps: Sequence[nodes.Step], test: Callable[[Scalar], str]) -> str:
        """Test the value at a path without wildcards; afterwards, that what has an index is an array."""
        if steps and document == "message" and isinstance(steps[0], nodes.Element):
            return FALSE
        path = self._path(document, steps)
        raw = f"JSONExtractRaw({path})" if steps else document
        text = (
            f"JSONExtractString({path})" if steps else f"if(startsWith({raw}, '\"'), JSONExtractString({raw}), {raw})"
        )
        present = f"({raw} NOT IN ('', 'null') AND substring({raw}, 1, 1) NOT IN ('{{', '['))"
        exists = f"JSONHas({path})" if steps else TRUE
        scalar = Scalar(text, raw, present, exists, double=f"JSONExtractFloat({path})")
        return _all([test(scalar), *self._arrays(document, steps)])

    def _path(self, document: str, steps: Sequence[nodes.Step]) -> str:
        return ", ".join([document, *(self.visit(step) for step in steps)])

    def _arrays(self, document: str, steps: Sequence[nodes.Step]) -> list[str]:
        """The engine takes an index into an object for the place of a property."""
        indexed = [number for number, step in enumerate(steps) if isinstance(step, nodes.Element)]
        return [f"JSONType({self._path(document, steps[:number])}) = 'Array'" for number in indexed]

    def _nearly(self, scalar: Scalar, node: nodes.Ordered) -> str:
        """Compare roughly: most values fail, after one cheap reading of the message, and need no exact comparison."""
        if scalar.double is None:
            return TRUE
        value = float(node.number.spelled)
        slack = max(abs(value) * SLACK_RATIO, sys.float_info.min)
        order, limit = ("<=", value + slack) if node.order in {"<", "<="} else (">=", value - slack)
        return f"{scalar.double} {order} {self._bound(limit, 'Float64')}" if math.isfinite(limit) else TRUE

    def _ordered_text(self, raw: str, node: nodes.Ordered, bound: int) -> str:
        """Compare numbers that a 64-bit integer does not hold; the engine prints long integers in quotes."""
        double = f"JSONExtractFloat({raw}) {node.order} {self._bound(float(node.number.spelled), 'Float64')}"
        integer = self._ordered_integer(raw, node.order, bound, quote="")
        quoted = self._ordered_integer(raw, node.order, bound, quote='"')
        return (
            f"multiIf(match({raw}, '{INTEGER_TEXT}'), {integer}, match({raw}, '{LONG_QUOTED}'), {quoted}, "
            f"match({raw}, '{NUMBER_TEXT}'), {double}, 0)"
        )

    def _ordered_integer(self, raw: str, order: nodes.Order, bound: int, quote: str) -> str:
        """Compare integers of any length as text: by sign, then by length, then by digits."""
        text = f"{quote}{bound}{quote}"
        negative = f"startsWith({raw}, '{quote}-')"
        size, digits = self._bound(len(text), "UInt64"), self._text(text)
        below = order in {"<", "<="}
        # Of two negative numbers the longer one is less.
        sign = order if bound >= 0 else order.translate(str.maketrans("<>", "><"))
        compared = f"(length({raw}), {raw}) {sign} ({size}, {digits})"
        if bound >= 0:
            return f"({negative} OR {compared})" if below else f"(NOT {negative} AND {compared})"
        return f"({negative} AND {compared})" if below else f"(NOT {negative} OR {compared})"

    def _tokens(self) -> str:
        """Split at white space alone where nothing groups, which is some ten times faster."""
        return (
            f"if(position(message, '\"') > 0 OR position(message, '[') > 0, "
            f"extractAll(message, {self._text(TOKEN)}), splitByWhitespace(message))"
        )

    def _field_value(self, place: int, rest_from: int | None) -> str:
        """Return the value of the token at a place, or for the last slot of all the rest of a longer message."""
        token = f"tokens[{self._bound(place, 'Int32')}]"
        value = f"replaceRegexpOne({token}, {self._text(GROUPED)}, {self._text(BOTH_GROUPS)})"
        if rest_from is None:
            return value
        space = f"[{SPACES}]"
        rest = rf"(?s)^{space}*(?:(?:{TOKEN}){space}*){{{rest_from}}}([^{SPACES}].*?){space}*$"
        more = f"length(tokens) > {self._bound(rest_from + 1, 'UInt32')}"
        return f"if({more}, extract(message, {self._text(rest)}), {value})"

    def _guards(self, guard: Guard) -> list[str]:
        return [_any([self._contains(text) for text in clause]) for clause in guard]

    def _contains(self, text: str) -> str:
        """Look for the text with LIKE, which the index on messages answers (docs/decisions/0008-substring-index.md)."""
        return f"message LIKE {self._text(f'%{LIKE_SPECIAL.sub(BACKSLASHED, text)}%')}"

    def _text(self, value: str) -> str:
        return self._bound(value, "String")

    def _texts(self, values: set[str]) -> str:
        return self._bound(sorted(values), "Array(String)")

    def _bound(self, value: object, kind: str) -> str:
        """Return the placeholder of a value; equal values share one, so that equal expressions are equal text."""
        key = (kind, repr(value))
        name = self._names.setdefault(key, f"pattern_{len(self._names)}")
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"


def _raw_forms(text: str) -> set[str]:
    """Return how a value with this text looks in JSON: a string, or a number or boolean that is spelled so."""
    bare = {text} if text in {"true", "false"} or NUMBER.fullmatch(text) else set()
    return {f'"{text}"', *bare}


def _all(parts: list[str]) -> str:
    demanding = [part for part in parts if part != TRUE] or [TRUE]
    return demanding[0] if len(demanding) == 1 else f"({' AND '.join(demanding)})"


def _any(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
