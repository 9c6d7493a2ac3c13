"""From matching events to data points: values by metric and minute, and the minutes in which nothing matched."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping

import msgspec

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.metric_filters.records import MAX_MAGNITUDE, Dimensions, MetricFilter, MetricPoint
from groundwatch.logs.metric_filters.tokens import ReadTokens, canonical_token, dimension_token, token_reader
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.numbers import NUMBER, in_range
from groundwatch.logs.patterns.sifting import Sieve
from groundwatch.logs.subscriptions.pacing import sifted
from groundwatch.logs.subscriptions.parts import StreamEvents

MINUTE_MS = 60_000
GRACE_MS = 5_000
"""How long after the end of a minute a match may still come before its default value is published."""
REMEMBERED_MINUTES = 4_096
MAX_COMBINATIONS = 1_000
"""Of values of the dimensions, in an hour: the service disables a filter that makes more (User Guide, quotas)."""
HOUR_MS = 3_600_000
MAX_DIMENSION_CHARACTERS = 1_024

Place = tuple[Dimensions, int]


class Recipe(msgspec.Struct, frozen=True):
    """What a filter makes of a message that matched: a value and dimensions, or nothing."""

    filter_: MetricFilter
    read: ReadTokens | None
    """None when value and dimensions are the same for every event."""
    constant: float | None
    token: str | None
    dimensions: tuple[tuple[str, str], ...]
    """Names and tokens, sorted by name."""
    fixed: Dimensions
    """Dimensions that are the same for every event."""

    def measure(self, message: str) -> tuple[Dimensions, float] | None:
        """Return dimensions and value; None when a field is missing or is nothing that a metric can hold."""
        if self.read is None:
            return None if self.constant is None else (self.fixed, self.constant)
        found = self.read(message)
        value = self.constant if self.token is None else _number(found.get(self.token))
        if value is None or any(token not in found for _, token in self.dimensions):
            return None
        own = [(name, found[token]) for name, token in self.dimensions]
        if abs(value) > MAX_MAGNITUDE or not all(_can_be_dimension(text) for _, text in own):
            return None
        return tuple(sorted((*own, *self.fixed))), value


def recipe_of(filter_: MetricFilter, pattern: nodes.Pattern, tenant: Tenant) -> Recipe:
    """Return the recipe of a filter whose transformation has been checked against the pattern."""
    wanted = filter_.transformation
    constant = _number(wanted.metric_value)
    token = canonical_token(pattern, wanted.metric_value) if constant is None else None
    dimensions = sorted((name, dimension_token(pattern, token) or token) for name, token in wanted.dimensions.items())
    system = {"@aws.account": tenant.account_id, "@aws.region": tenant.region}
    return Recipe(
        filter_=filter_,
        read=token_reader(pattern, [token for _, token in dimensions]) if token is not None or dimensions else None,
        constant=constant,
        token=token,
        dimensions=tuple(dimensions),
        fixed=tuple(sorted((name, system[name]) for name in filter_.system_fields)),
    )


class Tally(msgspec.Struct, frozen=True):
    """What some events came to."""

    values: Mapping[Place, Counter[float]]
    minutes: frozenset[int]
    """Minutes that had events."""
    matched_minutes: frozenset[int]
    matched: int
    unmeasured: int
    """Matching events without a number, or without a field of a dimension."""


def tally(recipe: Recipe, sift: Sieve, streams: Iterable[StreamEvents]) -> Tally:
    """Return what the streams' events come to. A matter of milliseconds of CPU; runs beside the event loop."""
    values: dict[Place, Counter[float]] = {}
    minutes: set[int] = set()
    matched_minutes: set[int] = set()
    matched = unmeasured = 0
    for part in (part for stream in streams for part in stream.parts):
        minutes.update({at - at % MINUTE_MS for at in part.timestamps})
        for index in sifted(sift, part.messages):
            matched += 1
            minute = part.timestamps[index] - part.timestamps[index] % MINUTE_MS
            matched_minutes.add(minute)
            measured = recipe.measure(part.messages[index])
            if measured is None:
                unmeasured += 1
                continue
            dimensions, value = measured
            values.setdefault((dimensions, minute), Counter())[value] += 1
    return Tally(values, frozenset(minutes), frozenset(matched_minutes), matched, unmeasured)


def points(recipe: Recipe, values: Mapping[Place, Mapping[float, int]]) -> list[MetricPoint]:
    """Return the data points of values."""
    wanted = recipe.filter_.transformation
    return [
        MetricPoint(wanted.metric_namespace, wanted.metric_name, dimensions, minute, wanted.unit, dict(counts))
        for (dimensions, minute), counts in values.items()
    ]


class QuietMinutes:
    """The minutes in which events arrived and none matched, until the default value is published for them."""

    def __init__(self) -> None:
        self._quiet: OrderedDict[int, None] = OrderedDict()
        self._settled: OrderedDict[int, None] = OrderedDict()
        """Minutes that had a match or their default value; no later event brings them another one."""

    def note(self, minutes: Iterable[int], matched: Iterable[int]) -> None:
        """Take note of minutes that had events, and of those in which one matched."""
        for minute in matched:
            self._settle(minute)
        for minute in sorted(minutes):
            if minute not in self._settled:
                self._quiet[minute] = None

    @property
    def next_due_ms(self) -> int | None:
        """When the next default value is to be published; None for never."""
        return min(self._quiet) + MINUTE_MS + GRACE_MS if self._quiet else None

    def due(self, now_ms: int) -> list[int]:
        """Return the minutes that are over and had no match."""
        return [minute for minute in sorted(self._quiet) if minute + MINUTE_MS + GRACE_MS <= now_ms]

    def settle(self, minutes: Iterable[int]) -> None:
        """Say that the default value of these minutes has been published."""
        for minute in minutes:
            self._settle(minute)

    def _settle(self, minute: int) -> None:
        self._quiet.pop(minute, None)
        self._settled[minute] = None
        self._settled.move_to_end(minute)
        while len(self._settled) > REMEMBERED_MINUTES:
            self._settled.popitem(last=False)


class Combinations:
    """How many metrics a filter makes within an hour."""

    def __init__(self) -> None:
        self._hour = 0
        self._seen: set[Dimensions] = set()

    def admitted(self, values: Mapping[Place, Counter[float]], now_ms: int) -> dict[Place, Counter[float]]:
        """Return the values without those of combinations beyond the limit of this hour."""
        if now_ms // HOUR_MS != self._hour:
            self._hour, self._seen = now_ms // HOUR_MS, set()
        kept = {}
        for place, counts in values.items():
            if place[0] in self._seen or len(self._seen) < MAX_COMBINATIONS:
                self._seen.add(place[0])
                kept[place] = counts
        return kept


def _can_be_dimension(text: str) -> bool:
    # PutMetricData takes no others, and nobody could ask for a metric that had them.
    return 0 < len(text) <= MAX_DIMENSION_CHARACTERS and text.isascii() and text.isprintable() and not text.isspace()


def _number(text: str | None) -> float | None:
    if text is None or not NUMBER.fullmatch(text) or not in_range(text):
        return None
    return float(text)
