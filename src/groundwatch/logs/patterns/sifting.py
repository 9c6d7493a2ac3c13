"""Which of many messages match: one search through all of them for what a match must hold, then the few that hold it.

Calling anything for every message costs more than looking through its text. So messages are joined, and each *probe*,
a regular expression, is searched in the whole; a message in which no probe is found cannot match. JSON may spell a text
with escapes, so a probe for a text in it stands beside one for the beginning of the escapes that could hide it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

import msgspec

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.guards import escape_of, text_clause
from groundwatch.logs.patterns.numbers import equal_spellings
from groundwatch.logs.patterns.predicate import Predicate, compile_predicate
from groundwatch.logs.patterns.target import Target

Sieve = Callable[[Sequence[str]], list[int]]
"""Returns the positions of the messages that match, in order."""
MAX_PROBES = 4
"""Beyond so many searches, asking the predicate of each message is no slower."""
# Only what is an integer beyond doubt: longer ones, fractions and exponents are left to the predicate.
OTHER_INTEGER = r"(?![ \t\n\r]*+:[ \t\n\r]*+(?!(?:{wanted})[,}} \t\n\r])(?:0|[1-9][0-9]{{0,14}})[,}} \t\n\r])"


class Probe(msgspec.Struct, frozen=True):
    """An expression that begins with a certain character; where that is missing there is no need to search."""

    first: str
    expression: re.Pattern[str]


Probes = tuple[Probe, ...]


def compile_sieve(pattern: nodes.Pattern) -> Sieve:
    """Return the function that picks the messages that `pattern` matches. It may be called from several threads."""
    predicate, probes = compile_predicate(pattern), probes_of(pattern)
    if not probes:
        return one_by_one(predicate)
    return lambda messages: [at for at in suspects(probes, messages) if predicate(messages[at])]


def one_by_one(predicate: Predicate) -> Sieve:
    """Return the sieve that asks the predicate of each message."""
    return lambda messages: [at for at, message in enumerate(messages) if predicate(message)]


def probes_of(pattern: nodes.Pattern) -> Probes:
    """Return probes of which one is found in every message that matches; none where there are no such."""
    probes: Probes = PROBES.visit(pattern)
    return probes if len(probes) <= MAX_PROBES else ()


def suspects(probes: Probes, messages: Sequence[str]) -> list[int]:
    """Return the positions of the messages in which a probe is found, in order.

    A match may also run over the end of a message, which makes a suspect more but hides none: the search goes on at the
    beginning of the next message.
    """
    joined = "\n".join(messages)
    starts = list(accumulate((len(message) + 1 for message in messages), initial=0))
    found: set[int] = set()
    for probe in probes:
        if probe.first not in joined:
            continue
        search = probe.expression.search
        place = search(joined)
        while place is not None:
            after = bisect_right(starts, place.start())
            found.add(after - 1)
            place = search(joined, starts[after])
    return sorted(found)


class ProbesTarget(Target):
    """A method a node, each returning its probes."""

    def match_all(self, _node: nodes.MatchAll) -> Probes:
        """Find nothing: every message matches."""
        return ()

    def terms(self, node: nodes.Terms) -> Probes:
        """Look for the longest of the terms that must occur, or for all of those of which one must."""
        if node.required:
            return (_literal(max(node.required, key=len)),)
        return () if node.excluded else tuple(map(_literal, node.optional))

    def regex(self, _node: nodes.Regex) -> Probes:
        """Find nothing: RE2 searches as fast, and its language is not this one's."""
        return ()

    def json(self, node: nodes.Json) -> Probes:
        """Look for what the condition demands."""
        probes: Probes = self.visit(node.condition)
        return probes

    def fields(self, node: nodes.Fields) -> Probes:
        """Look for what one of the slots demands."""
        return self._best(slot.condition for slot in node.before + node.after if slot.condition is not None)

    def every(self, node: nodes.Every) -> Probes:
        """Look for what one of the parts demands."""
        return self._best(node.parts)

    def some(self, node: nodes.Some) -> Probes:
        """Look for what each part demands, since one of the parts holds."""
        found: list[Probes] = [self.visit(part) for part in node.parts]
        return tuple(dict.fromkeys(probe for probes in found for probe in probes)) if all(found) else ()

    def compare(self, node: nodes.Compare) -> Probes:
        """Look for the text, or for the property with anything but another integer behind it."""
        if isinstance(node.value, nodes.Number):
            return () if node.negated else _number_probes(node.subject, node.value)
        return tuple(map(_literal, text_clause(node)))

    def ordered(self, _node: nodes.Ordered) -> Probes:
        """Find nothing: the property's name stands in most messages."""
        return ()

    def is_(self, _node: nodes.Is) -> Probes:
        """Find nothing, as above."""
        return ()

    def missing(self, _node: nodes.Missing) -> Probes:
        """Find nothing: anything may be absent."""
        return ()

    def _best(self, parts: Iterable[nodes.Condition]) -> Probes:
        found: list[Probes] = [probes for probes in map(self.visit, parts) if probes]
        return min(found, key=len, default=())


def _literal(text: str) -> Probe:
    return Probe(text[0], re.compile(re.escape(text)))


def _number_probes(subject: nodes.Subject, number: nodes.Number) -> Probes:
    """Whatever is equal stands right behind the property's name, if that is not spelled with escapes."""
    last = subject.steps[-1] if isinstance(subject, nodes.Selector) and subject.steps else None
    if not isinstance(last, nodes.Member):
        return ()
    wanted = "|".join(map(re.escape, sorted({*equal_spellings(number.spelled), number.spelled})))
    key = re.escape(f'"{last.name}"')
    return Probe('"', re.compile(key + OTHER_INTEGER.format(wanted=wanted))), _literal(escape_of(last.name))


PROBES = ProbesTarget()
