"""What must stand in a message for a condition to have a chance: a search for text costs a fraction of reading JSON.

A guard is a conjunction of clauses, each a tuple of texts of which one occurs in every message that matches. JSON may
spell a text with escapes, so each text in it stands beside the beginning of the escapes that could hide it. Texts of
four bytes and more also let the engine's index leave out whole blocks of messages.
"""

from __future__ import annotations

import re

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.target import Target

Clause = tuple[str, ...]
Guard = tuple[Clause, ...]
PLAIN = re.compile(r"[ !#-.0-\[\]-~]*")
"""Characters that JSON escapes, if at all, by their code: no quote, slash, backslash or control character."""
NUMERALS = frozenset("0123456789.e-")
MAX_CLAUSE = 8
"""Beyond so many alternatives, searching for all of them stops being cheaper."""


def guard_of(node: nodes.Node) -> Guard:
    """Return the guard of a condition; an empty one admits every message."""
    guard: Guard = GUARDS.visit(node)
    return tuple(dict.fromkeys(guard))


class Guards(Target):
    """A method a condition, each returning its guard."""

    def every(self, node: nodes.Every) -> Guard:
        """Demand what each part demands."""
        return tuple(clause for part in node.parts for clause in self.visit(part))

    def some(self, node: nodes.Some) -> Guard:
        """Demand one clause of each part, since one of the parts holds."""
        guards = [self.visit(part) for part in node.parts]
        # One part without a guard holds for messages of any text, so the whole does.
        if not all(guards):
            return ()
        clause = tuple(dict.fromkeys(text for guard in guards for text in guard[0]))
        return (clause,) if len(clause) <= MAX_CLAUSE else ()

    def compare(self, node: nodes.Compare) -> Guard:
        """Demand the text itself, unless a number that is spelled in another way may equal it."""
        clause = text_clause(node)
        return (clause,) if clause else self._key(node.subject)

    def ordered(self, node: nodes.Ordered) -> Guard:
        """Demand the property's name."""
        return self._key(node.subject)

    def is_(self, node: nodes.Is) -> Guard:
        """Demand the property's name."""
        return self._key(node.subject)

    def missing(self, _node: nodes.Missing) -> Guard:
        """Demand nothing: anything may be absent."""
        return ()

    def _key(self, subject: nodes.Subject) -> Guard:
        if isinstance(subject, nodes.Field):
            return ()
        # The longest name is the rarest, and one is enough to leave a message out.
        names = [step.name for step in subject.steps if isinstance(step, nodes.Member)]
        longest = max(names, key=len, default=None)
        return () if longest is None else ((f'"{longest}"', escape_of(longest)),)


def text_clause(node: nodes.Compare) -> Clause:
    """Return the texts of which one occurs where an equality with a text holds; empty where there are no such."""
    if not isinstance(node.value, nodes.Text) or node.negated or not node.value.text:
        return ()
    text = node.value.text
    if isinstance(node.subject, nodes.Field):
        return (text,)
    # 404 may be spelled 4.04e2, but only characters of numbers can be spelled otherwise.
    return () if NUMERALS.issuperset(text) else (text, escape_of(text))


def escape_of(text: str) -> str:
    """Return what a JSON message that spells the text in another way contains."""
    return "\\u00" if PLAIN.fullmatch(text) else "\\"


def member_names(condition: nodes.Condition) -> frozenset[str] | None:
    """Return the names of all properties that the selectors pass, None where a wildcard passes any."""
    if isinstance(condition, nodes.Every | nodes.Some):
        found = [member_names(part) for part in condition.parts]
        return None if None in found else frozenset().union(*(names for names in found if names))
    if isinstance(condition.subject, nodes.Field):
        return frozenset()
    if any(isinstance(step, nodes.AnyMember) for step in condition.subject.steps):
        return None
    return frozenset(step.name for step in condition.subject.steps if isinstance(step, nodes.Member))


GUARDS = Guards()
