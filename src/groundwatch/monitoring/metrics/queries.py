"""The queries of GetMetricData and of metric-math alarms: metrics are read together, then expressions evaluated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.labels import Labelled, default_labels, rendered
from groundwatch.monitoring.metrics.math.errors import MathError
from groundwatch.monitoring.metrics.math.evaluate import ExpressionError, Problem, Solver
from groundwatch.monitoring.metrics.math.functions import Surroundings
from groundwatch.monitoring.metrics.math.nodes import Call, Node, walk
from groundwatch.monitoring.metrics.math.parse import parse_expression
from groundwatch.monitoring.metrics.math.values import Array, Budget, Line
from groundwatch.monitoring.metrics.model import Datapoint, MetricDataQuery, MetricStat, Series, StatisticRequest
from groundwatch.monitoring.metrics.reader import StatisticReader, chosen_unit
from groundwatch.monitoring.metrics.searching import Found, Searcher

DEFAULT_PERIOD_S = 300
THREAD_POINTS = 5_000
"""Expressions that touch more datapoints are evaluated in a thread: they would hold up everyone else."""
THREAD_CHARACTERS = 4_000
"""Likewise longer ones, all of a request together, are read in a thread: 5 µs a character, of up to a million."""
Units = Mapping[str, list[Datapoint]]


class Reach(msgspec.Struct, frozen=True):
    """Whose metrics are asked for, and from when to when."""

    account_id: str
    region: str
    start_ms: int
    end_ms: int
    offset_ms: int = 0

    def request(self, stat: MetricStat) -> StatisticRequest:
        """Return the request for a statistic, from the period on that the reach begins in."""
        start_ms = self.start_ms - (self.start_ms - self.offset_ms) % (stat.period_s * 1000)
        return StatisticRequest(stat.metric, stat.stat, stat.period_s, start_ms, self.end_ms, stat.unit, self.offset_ms)


class _Expressions(msgspec.Struct, frozen=True):
    """The expressions of a request by the ids of their queries, and what a walk through them has found."""

    trees: Mapping[str, Node]
    nodes: int
    calls_functions: bool
    searches: tuple[tuple[str, Call], ...]


class _Material(msgspec.Struct, frozen=True):
    """What has been read for a request."""

    expressions: _Expressions
    metrics: Mapping[str, Line]
    messages: Mapping[str, tuple[tuple[str, str], ...]]
    searches: Mapping[Call, Array]


class QueryReader:
    """Reads statistics and answers queries: the `MetricReader` that others are handed."""

    def __init__(self, statistics: StatisticReader, searcher: Searcher, threads: Executor) -> None:
        self._statistics = statistics
        self._searcher = searcher
        self._threads = threads

    async def read(self, requests: Sequence[StatisticRequest]) -> list[list[Datapoint]]:
        """Return the datapoints of each request; see `MetricReader`."""
        return await self._statistics.read(requests)

    async def evaluate(
        self,
        account_id: str,
        region: str,
        queries: Sequence[MetricDataQuery],
        start_ms: int,
        end_ms: int,
        *,
        offset_ms: int = 0,
    ) -> list[Series]:
        """Return the series of all queries that return data; see `MetricReader`."""
        reach = Reach(account_id, region, start_ms, end_ms, offset_ms)
        material = await self._read(queries, reach)
        if _effort(material, reach) > THREAD_POINTS:
            # Threads of their own: all those of the process, filled with expressions, would leave none to anyone else.
            return await asyncio.get_running_loop().run_in_executor(self._threads, _answer, queries, material, reach)
        return _answer(queries, material, reach)

    async def _read(self, queries: Sequence[MetricDataQuery], reach: Reach) -> _Material:
        expressions = await self._parsed(queries)
        stats = {query.id: query.stat for query in queries if query.stat is not None}
        found = await self._search(expressions.searches, reach)
        several = [one.stat for ones in found.values() for one in ones]
        answers = iter(await self._statistics.read_units([reach.request(stat) for stat in (*stats.values(), *several)]))
        units = {name: next(answers) for name in stats}
        return _Material(
            expressions,
            {name: _line(units[name], stat) for name, stat in stats.items()},
            {name: _messages(units[name]) for name in stats},
            {call: tuple(_line(next(answers), one.stat, one.label) for one in ones) for call, ones in found.items()},
        )

    async def _parsed(self, queries: Sequence[MetricDataQuery]) -> _Expressions:
        if sum(len(query.expression or "") for query in queries) > THREAD_CHARACTERS:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _parsed, queries)
        return _parsed(queries)

    async def _search(self, calls: Sequence[tuple[str, Call]], reach: Reach) -> dict[Call, Sequence[Found]]:
        found = {}
        for name, call in calls:
            try:
                found[call] = await self._searcher.search(call, reach.account_id, reach.region)
            except MathError as error:
                raise _validation_error(ExpressionError(name, str(error))) from error
        return found


def _effort(material: _Material, reach: Reach) -> int:
    """Return about how many datapoints expressions will touch, those included that functions such as FILL make."""
    lines = [*material.metrics.values(), *(line for lines in material.searches.values() for line in lines)]
    read = sum(len(line.points) for line in lines)
    nodes = material.expressions.nodes
    if not material.expressions.calls_functions:
        return read * max(nodes, 1)
    slots = (reach.end_ms - reach.start_ms) // (min((line.period_s for line in lines), default=1) * 1000)
    return max(read, slots) * nodes


def _parsed(queries: Sequence[MetricDataQuery]) -> _Expressions:
    trees: dict[str, Node] = {}
    for query in queries:
        if query.expression is not None:
            try:
                trees[query.id] = parse_expression(query.expression)
            except MathError as error:
                raise _validation_error(ExpressionError(query.id, str(error))) from error
    nodes = [(name, node) for name, tree in trees.items() for node in walk(tree)]
    calls = [(name, node) for name, node in nodes if isinstance(node, Call)]
    searches = tuple((name, call) for name, call in calls if call.name == "SEARCH")
    return _Expressions(trees, len(nodes), bool(calls), searches)


def _validation_error(error: ExpressionError) -> ServiceError:
    return ServiceError("ValidationError", str(error))


def _line(units: Units, stat: MetricStat, label: str = "") -> Line:
    _, points = chosen_unit(units, stat.unit)
    return Line({point.timestamp_ms: point.value for point in points}, stat.period_s, label, is_metric=True)


def _messages(units: Units) -> tuple[tuple[str, str], ...]:
    several = sorted(name for name, points in units.items() if points)
    if len(several) < 2:
        return ()
    return (("MultipleUnits", f"Multiple units returned: '[{', '.join(several)}]'"),)


def _answer(queries: Sequence[MetricDataQuery], material: _Material, reach: Reach) -> list[Series]:
    returned = [query for query in queries if query.return_data]
    labels = default_labels(returned)
    solver = Solver(
        Problem(material.expressions.trees, _surroundings(material, reach, DEFAULT_PERIOD_S), material.searches)
    )
    answer = []
    for query in returned:
        lines = _lines(query, solver, material, reach)
        for line in lines:
            # Members of arrays that come of a search are told apart by their own labels.
            own = line.label if line.label and not query.label else labels[query.id]
            points = tuple(line.points.items())
            label = rendered(query.label or own, Labelled(own, query.stat, points))
            answer.append(Series(query.id, label, line.period_s, points, material.messages.get(query.id, ())))
    return answer


def _lines(query: MetricDataQuery, solver: Solver, material: _Material, reach: Reach) -> Array:
    if query.stat is not None:
        return (material.metrics[query.id],)
    if query.period_s is not None and not material.metrics:
        # Nothing but the query itself says how long the periods of its series are.
        around = _surroundings(material, reach, query.period_s)
        solver = Solver(Problem(material.expressions.trees, around, material.searches))
    try:
        return solver.solve(query.id)
    except ExpressionError as error:
        raise _validation_error(error) from error


def _surroundings(material: _Material, reach: Reach, period_s: int) -> Surroundings:
    periods = {line.period_s for line in material.metrics.values()}
    return Surroundings(
        Budget(),
        material.metrics,
        reach.start_ms,
        reach.end_ms,
        min(periods, default=period_s),
        reach.offset_ms,
    )
