"""SEARCH expressions: all metrics whose names have some words, as "CloudWatch search expression syntax" describes them.

    SEARCH(' {Namespace, Dimension, …} term term … ', 'Statistic', period)

A schema in braces limits the search to a namespace and to metrics with exactly those dimensions. A term is a word, a
text in double quotes, or a property: `MetricName="x"`, `Namespace="x"`, `:dimension-name="x"`… Terms combine with AND
(also when nothing stands between), OR, NOT and parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from groundwatch.monitoring.metrics.directory import LISTED_MS, MetricDirectory, MetricFilter
from groundwatch.monitoring.metrics.math.errors import MathError
from groundwatch.monitoring.metrics.math.nodes import Call, Number, Text
from groundwatch.monitoring.metrics.model import MetricKey, MetricStat
from groundwatch.monitoring.metrics.statistics import UnknownStatisticError, parse_statistic

MAX_FOUND = 100
"""How many series a search returns, as documented."""
MAX_LOOKED_AT = 20_000
MAX_NESTING = 20
DEFAULT_PERIOD_S = 300
_TOKEN = re.compile(r'\s*(?:([()])|(AND|OR|NOT)(?![^\s()])|(?:([A-Za-z:][\w:./-]*)=)?(?:"([^"]*)"|([^\s()"]+)))')
_WORDS = re.compile(r"[A-Za-z]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

Test = Callable[[MetricKey], bool]


class Found(msgspec.Struct, frozen=True):
    """A metric that a search has found, and how its series is called."""

    stat: MetricStat
    label: str


class Search(msgspec.Struct, frozen=True):
    """A search that was understood."""

    namespace: str
    dimension_names: frozenset[str] | None
    """The exact names that a metric must have; None without a schema."""
    test: Test


class Searcher:
    """Finds metrics for expressions."""

    def __init__(self, directory: MetricDirectory, clock_ms: Callable[[], int]) -> None:
        self._directory = directory
        self._clock_ms = clock_ms

    async def search(self, call: Call, account_id: str, region: str) -> Sequence[Found]:
        """Return up to 100 metrics with the statistic and period of the call; raises MathError."""
        text, stat, period_s = _arguments(call)
        search = parse_search(text)
        wanted = MetricFilter(account_id, region, self._clock_ms() - LISTED_MS, search.namespace)
        listed = await self._directory.find(wanted, MAX_LOOKED_AT)
        if len(listed) == MAX_LOOKED_AT:
            # An answer from some of them would look like one from all.
            raise MathError(f"SEARCH is over {MAX_LOOKED_AT} metrics and more; name a namespace in braces first")
        matching = [one.metric for one in listed if _matches(search, one.metric)][:MAX_FOUND]
        return [Found(MetricStat(metric, stat, period_s), _label(metric)) for metric in matching]


def _arguments(call: Call) -> tuple[str, str, int]:
    given = [argument.value if isinstance(argument, (Text, Number)) else None for argument in call.arguments]
    if len(given) not in {2, 3} or not isinstance(given[0], str) or not isinstance(given[1], str):
        raise MathError("SEARCH takes what to look for, a statistic and a period in seconds")
    period = given[2] if len(given) == 3 else float(DEFAULT_PERIOD_S)
    if not isinstance(period, float) or not period.is_integer() or period < 1:
        raise MathError("The period of SEARCH is a whole number of seconds")
    try:
        parse_statistic(given[1])
    except UnknownStatisticError as error:
        raise MathError(f"'{given[1]}' is not a valid statistic") from error
    return given[0], given[1], int(period)


def _label(metric: MetricKey) -> str:
    return " ".join([metric.name, *(value for _, value in metric.dimensions)])


def _matches(search: Search, metric: MetricKey) -> bool:
    if search.dimension_names is not None and search.dimension_names != {name for name, _ in metric.dimensions}:
        return False
    return search.test(metric)


def parse_search(text: str) -> Search:
    """Return the search of a text; raises MathError."""
    namespace, names, rest = "", None, text.strip()
    if rest.startswith("{"):
        schema, closed, rest = rest[1:].partition("}")
        if not closed:
            raise MathError("The schema of SEARCH lacks its closing brace")
        parts = [part.strip().strip('"') for part in schema.split(",")]
        namespace, names = parts[0], frozenset(parts[1:])
    return Search(namespace, names, _Terms(rest).parse())


class _Terms:
    """Reads the terms behind the schema: OR binds weakest, then AND, then NOT."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def parse(self) -> Test:
        if not self._tokens:
            return lambda _: True
        test = self._any(0)
        if self._at < len(self._tokens):
            raise MathError("Unexpected ')' in SEARCH")
        return test

    def _peek(self) -> str | Test | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _any(self, depth: int) -> Test:
        if depth > MAX_NESTING:
            raise MathError("SEARCH is nested too deeply")
        tests = [self._every(depth)]
        while self._peek() == "OR":
            self._at += 1
            tests.append(self._every(depth))
        return lambda metric: any(test(metric) for test in tests)

    def _every(self, depth: int) -> Test:
        tests = [self._single(depth)]
        while self._peek() not in {None, "OR", ")"}:
            self._at += self._peek() == "AND"
            tests.append(self._single(depth))
        return lambda metric: all(test(metric) for test in tests)

    def _single(self, depth: int) -> Test:
        found = self._peek()
        self._at += 1
        if found == "NOT":
            if depth > MAX_NESTING:
                raise MathError("SEARCH is nested too deeply")
            inner = self._single(depth + 1)
            return lambda metric: not inner(metric)
        if found == "(":
            inner = self._any(depth + 1)
            if self._peek() != ")":
                raise MathError("SEARCH lacks a closing parenthesis")
            self._at += 1
            return inner
        if found is None or isinstance(found, str):
            raise MathError(f"A search term is expected in SEARCH, not {found or 'its end'}")
        return found


def _tokens(text: str) -> list[str | Test]:
    tokens: list[str | Test] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise MathError(f"SEARCH cannot be understood at char {position} of its terms")
        bracket, operator, field, quoted, bare = match.groups()
        tokens.append(bracket or operator or _term(field, quoted, bare))
        position = match.end()
    return tokens


def _term(field: str | None, quoted: str | None, bare: str | None) -> Test:
    texts = _FIELDS.get((field or "").lower())
    if texts is None:
        texts = _dimension(str(field))
    if quoted is not None:
        return lambda metric: any(_same(quoted, text) for text in texts(metric))
    words = _words(bare or "")
    return lambda metric: any(words <= _words(text) or _same(bare or "", text) for text in texts(metric))


def _same(wanted: str, text: str) -> bool:
    return wanted.lower() == text.lower()


def _words(text: str) -> set[str]:
    """Return the words that a name is looked for by: runs of letters and digits, whole and by their capitals."""
    return {word.lower() for pattern in (_WORDS, _CAMEL) for word in pattern.findall(text)}


Texts = Callable[[MetricKey], Sequence[str]]


def _dimension(name: str) -> Texts:
    wanted = name.removeprefix(":")
    return lambda metric: [value for key, value in metric.dimensions if key == wanted]


def _names(metric: MetricKey) -> Sequence[str]:
    return [metric.namespace, metric.name, *(part for pair in metric.dimensions for part in pair)]


_FIELDS: dict[str, Texts] = {
    "": _names,
    "metricname": lambda metric: [metric.name],
    "namespace": lambda metric: [metric.namespace],
    ":aws.accountid": lambda metric: [metric.account_id],
}
