"""Why a message matches a pattern or does not: the verdict of each condition, and what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import re2

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.document import JsonValue, read_object
from groundwatch.logs.patterns.predicate import PREDICATES, compile_predicate, number_text
from groundwatch.logs.patterns.selection import select
from groundwatch.logs.patterns.splitting import fields, split
from groundwatch.logs.patterns.target import Target
from groundwatch.logs.patterns.text import pattern_text

SHOWN_VALUES = 5
SHOWN_CHARACTERS = 80


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict of a pattern or of a part of it."""

    condition: str
    matches: bool | None
    """None for a term that has no say."""
    found: str = ""
    """What the verdict rests on, in words; empty where the parts say it."""
    parts: tuple[Explanation, ...] = ()


def explain(pattern: nodes.Pattern, message: str) -> Explanation:
    """Return the verdict on a message with the reasons for it; it is the verdict of `compile_predicate`."""
    explanation: Explanation = EXPLANATIONS.visit(pattern, message)
    return explanation


class Explanations(Target):
    """A method a pattern and a condition; conditions are given their subject, a JSON document or a field."""

    def match_all(self, _node: nodes.MatchAll, _message: str) -> Explanation:
        """Explain the empty pattern."""
        return Explanation("", matches=True, found="the empty pattern matches every event")

    def terms(self, node: nodes.Terms, message: str) -> Explanation:
        """Explain each term."""
        ignored = bool(node.required or node.excluded)
        parts = [_term("", term, message) for term in node.required]
        parts += [_term("-", term, message) for term in node.excluded]
        parts += [_term("?", term, message, ignored=ignored) for term in node.optional]
        return self._verdict(node, message, tuple(parts))

    def regex(self, node: nodes.Regex, message: str) -> Explanation:
        """Tell where the expression matches first."""
        found = re2.search(node.expression, message)
        said = f"matches {_shown(json.dumps(found.group(), ensure_ascii=False))}" if found else "matches nowhere"
        if found:
            said += f" at character {found.start() + 1}"
        return Explanation(pattern_text(node), matches=found is not None, found=said)

    def json(self, node: nodes.Json, message: str) -> Explanation:
        """Explain the condition on the message's object, if it is one."""
        document = read_object(message)
        if document is None:
            return Explanation(pattern_text(node), matches=False, found="the message is not a JSON object")
        return self._verdict(node, message, (self.visit(node.condition, document),))

    def fields(self, node: nodes.Fields, message: str) -> Explanation:
        """Explain each slot that has conditions."""
        before, after = len(node.before), len(node.after)
        values = fields(message, before, after, ellipsis=node.ellipsis)
        if values is None:
            said = f"the message has {_count(len(split(message)), 'field')}, the pattern needs {before + after}"
            return Explanation(pattern_text(node), matches=False, found=said)
        slots = zip(node.before + node.after, values, strict=True)
        parts = tuple(self.visit(slot, value) for slot, value in slots if slot.condition is not None)
        return self._verdict(node, message, parts)

    def slot(self, node: nodes.Slot, value: str) -> Explanation:
        """Explain the conditions on a field."""
        if node.condition is None:
            return Explanation(pattern_text(node), matches=True, found=_value(value))
        explanation: Explanation = self.visit(node.condition, value)
        return explanation

    def every(self, node: nodes.Every, subject: JsonValue) -> Explanation:
        """Explain each part."""
        return self._joined(node, subject)

    def some(self, node: nodes.Some, subject: JsonValue) -> Explanation:
        """Explain each part."""
        return self._joined(node, subject)

    def compare(self, node: nodes.Compare, subject: JsonValue) -> Explanation:
        """Tell the values that were compared."""
        return self._leaf(node, subject)

    def ordered(self, node: nodes.Ordered, subject: JsonValue) -> Explanation:
        """Tell the values that were compared."""
        return self._leaf(node, subject)

    def is_(self, node: nodes.Is, subject: JsonValue) -> Explanation:
        """Tell the values that were looked at."""
        return self._leaf(node, subject)

    def missing(self, node: nodes.Missing, subject: JsonValue) -> Explanation:
        """Tell the values that are there."""
        return self._leaf(node, subject)

    def _verdict(self, node: nodes.Pattern, message: str, parts: tuple[Explanation, ...]) -> Explanation:
        said = "" if parts else "no slot has a condition"
        # The verdict is the predicate's own, never worked out a second time: the two could not be told apart if wrong.
        return Explanation(pattern_text(node), matches=compile_predicate(node)(message), found=said, parts=parts)

    def _joined(self, node: nodes.Every | nodes.Some, subject: JsonValue) -> Explanation:
        parts = tuple(self.visit(part, subject) for part in node.parts)
        return Explanation(pattern_text(node), matches=PREDICATES.visit(node)(subject), parts=parts)

    def _leaf(self, node: nodes.Compare | nodes.Ordered | nodes.Is | nodes.Missing, subject: JsonValue) -> Explanation:
        found = select(node.subject.steps, subject) if isinstance(node.subject, nodes.Selector) else [subject]
        return Explanation(pattern_text(node), matches=PREDICATES.visit(node)(subject), found=_values(found))


def _term(mark: str, term: str, message: str, *, ignored: bool = False) -> Explanation:
    at = message.find(term)
    said = "does not occur" if at < 0 else f"occurs at character {at + 1}"
    condition = mark + pattern_text(nodes.Terms(required=(term,)))
    if ignored:
        return Explanation(condition, matches=None, found=f"{said}; ? terms are ignored beside others")
    return Explanation(condition, matches=(at < 0) if mark == "-" else at >= 0, found=said)


def _values(values: Sequence[JsonValue]) -> str:
    if not values:
        return "nothing there"
    shown = ", ".join(_value(value) for value in values[:SHOWN_VALUES])
    more = len(values) - SHOWN_VALUES
    return f"found {shown}{f' and {more} more' if more > 0 else ''}"


def _value(value: JsonValue) -> str:
    number = number_text(value)
    if number is not None:
        return _shown(number)
    if isinstance(value, dict):
        return f"an object of {_count(len(value), 'property', 'properties')}"
    if isinstance(value, list):
        return f"an array of {_count(len(value), 'element')}"
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


EXPLANATIONS = Explanations()
