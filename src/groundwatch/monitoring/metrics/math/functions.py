"""The functions of metric math: one table, which says of each how many arguments it takes and what it does.

Sources: "Using metric math" of the CloudWatch user guide, with its worked examples as test rows.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import msgspec

from groundwatch.monitoring.metrics.math.errors import MathError
from groundwatch.monitoring.metrics.math.values import Array, Budget, Line, Value


class Surroundings(msgspec.Struct, frozen=True):
    """What functions know beside their arguments."""

    budget: Budget
    metrics: Mapping[str, Line]
    """The metrics of the request by the ids of their queries, without expressions."""
    start_ms: int
    end_ms: int
    period_s: int
    """The period of series that come of no metric."""
    offset_ms: int = 0

    def times(self, period_s: int) -> range:
        """Return the starts of all periods of the request; raises MathError when they are too many to make."""
        period_ms = period_s * 1000
        first = self.start_ms + (self.offset_ms - self.start_ms) % period_ms
        return self.budget.checked(range(first, self.end_ms, period_ms))


Body = Callable[[Surroundings, Sequence[Value]], Value]


class Function(msgspec.Struct, frozen=True):
    """A function and how many arguments it takes."""

    body: Body
    fewest: int = 1
    most: int = 1


def series(value: Value) -> Line:
    """Return an argument that must be a series; an array of one will do."""
    if isinstance(value, tuple) and len(value) == 1:
        return value[0]
    if not isinstance(value, Line):
        raise MathError("A time series is expected as the argument")
    return value


def array(value: Value) -> Array:
    """Return an argument that must be an array; a series is an array of one."""
    if isinstance(value, Line):
        return (value,)
    if not isinstance(value, tuple):
        raise MathError("An array of time series is expected as the argument")
    return value


def number(value: Value) -> float:
    """Return an argument that must be a number."""
    if not isinstance(value, float):
        raise MathError("A number is expected as the argument")
    return value


def _pointwise(function: Callable[[float], float]) -> Function:
    def safe(value: float) -> float:
        try:
            return float(function(value))
        except (ValueError, OverflowError):
            # The logarithm of what is not positive.
            return math.nan

    return Function(lambda around, given: around.budget.mapped(safe, given[0]))


def _each(change: Callable[[Line], Mapping[int, float]]) -> Function:
    """Return a function of a series, which goes through the members of an array."""

    def body(around: Surroundings, given: Sequence[Value]) -> Value:
        lines = tuple(around.budget.line(change(line), line) for line in array(given[0]))
        return lines if isinstance(given[0], tuple) else lines[0]

    return Function(body)


def _steps(line: Line) -> list[tuple[int, float, float]]:
    """Return time, change of value and seconds since the point before, for all points but the first."""
    points = list(line.points.items())
    pairs = pairwise(points)
    return [(at, value - before, (at - since) / 1000) for (since, before), (at, value) in pairs]


def _running_sum(line: Line) -> Mapping[int, float]:
    total, points = 0.0, {}
    for at, value in line.points.items():
        total += value
        points[at] = total
    return points


def _aggregate(over: Callable[[Sequence[float]], float], *, missing_is_zero: bool) -> Function:
    """Return a function that makes a number of a series, and a series of an array, point by point."""

    def body(around: Surroundings, given: Sequence[Value]) -> Value:
        if isinstance(given[0], Line):
            values = list(given[0].points.values())
            return float(over(values)) if values else math.nan
        lines = array(given[0])
        if not lines:
            return ()
        points = {}
        for at in sorted({at for line in lines for at in line.points}):
            values = [line.points[at] for line in lines if at in line.points]
            points[at] = float(over(values + [0.0] * (len(lines) - len(values) if missing_is_zero else 0)))
        return around.budget.line(points, max(lines, key=lambda line: line.period_s))

    return Function(body)


def _calendar(part: Callable[[datetime], float]) -> Function:
    """Return a function of the times of a series: it has no gaps."""

    def body(around: Surroundings, given: Sequence[Value]) -> Value:
        lines = []
        for line in array(given[0]):
            times = around.times(line.period_s)
            points = {at: float(part(datetime.fromtimestamp(at / 1000, UTC))) for at in times}
            lines.append(around.budget.line(points, line))
        return tuple(lines) if isinstance(given[0], tuple) else lines[0]

    return Function(body)


def _fill(around: Surroundings, given: Sequence[Value]) -> Value:
    lines = array(given[0])
    filled = []
    for position, line in enumerate(lines):
        filler = given[1][position] if isinstance(given[1], tuple) and len(given[1]) == len(lines) else given[1]
        filled.append(around.budget.line(_filled(line, filler, around.times(line.period_s)), line))
    return tuple(filled) if isinstance(given[0], tuple) else filled[0]


def _filled(line: Line, filler: Value, times: Sequence[int]) -> Mapping[int, float]:
    if isinstance(filler, Line):
        return {at: line.points.get(at, filler.points.get(at, math.nan)) for at in times}
    if filler == "REPEAT":
        return _repeated(line, times)
    if filler == "LINEAR":
        return _interpolated(line, times)
    value = number(filler)
    return {at: line.points.get(at, value) for at in times}


def _repeated(line: Line, times: Sequence[int]) -> Mapping[int, float]:
    last, points = math.nan, {}
    for at in times:
        last = points[at] = line.points.get(at, last)
    return points


def _interpolated(line: Line, times: Sequence[int]) -> Mapping[int, float]:
    points = dict(line.points)
    known = list(line.points.items())
    for (since, before), (until, after) in pairwise(known):
        for at in range(since + line.period_s * 1000, until, line.period_s * 1000):
            points[at] = before + (after - before) * (at - since) / (until - since)
    return {at: points[at] for at in times if at in points}


def _if(around: Surroundings, given: Sequence[Value]) -> Value:
    condition, then, otherwise = given[0], given[1], given[2] if len(given) > 2 else None
    if isinstance(condition, float):
        if condition:
            return then
        if otherwise is None:
            raise MathError("IF with a number as its condition needs a third argument")
        return otherwise
    arrays = [value for value in given if isinstance(value, tuple)]
    if not arrays:
        return _if_line(around, series(condition), then, otherwise)
    if len({len(value) for value in arrays}) > 1:
        raise MathError("Arrays of different lengths cannot be combined")
    lines = []
    for position in range(len(arrays[0])):
        picked = [value[position] if isinstance(value, tuple) else value for value in (condition, then, otherwise)]
        lines.append(_if_line(around, series(_given(picked[0])), _given(picked[1]), picked[2]))
    return tuple(lines)


def _given(value: Value | None) -> Value:
    if value is None:
        raise MathError("An argument is missing")
    return value


def _if_line(around: Surroundings, condition: Line, then: Value, otherwise: Value | None) -> Line:
    points = {}
    for at, value in condition.points.items():
        # A gap counts as 0 where the condition holds, and drops the point where it does not (documented examples).
        points[at] = _at(then, at, 0.0) if value else _at(otherwise, at, math.nan)
    like = next((value for value in (then, otherwise) if isinstance(value, Line)), condition)
    return around.budget.line(points, like)


def _at(value: Value | None, at: int, missing: float) -> float:
    if isinstance(value, Line):
        return value.points.get(at, missing)
    return missing if value is None else number(value)


def _slice(_around: Surroundings, given: Sequence[Value]) -> Value:
    bounds = [_index(value) for value in given[1:]]
    return array(given[0])[bounds[0] : bounds[1] if len(bounds) > 1 else None]


def _index(value: Value) -> int:
    position = number(value)
    if not position.is_integer() or abs(position) > 10_000:
        raise MathError("A whole number is expected as the argument")
    return int(position)


def _end(position: int) -> Function:
    def body(_around: Surroundings, given: Sequence[Value]) -> Value:
        lines = array(given[0])
        if not lines:
            raise MathError("The array is empty")
        return lines[position]

    return Function(body)


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        # Infinite, and so no point of a series.
        return sum(values)


def _mean(values: Sequence[float]) -> float:
    return _sum(values) / len(values)


REDUCTIONS: dict[str, Callable[[Sequence[float]], float]] = {"AVG": _mean, "MIN": min, "MAX": max, "SUM": _sum}


def _sort(_around: Surroundings, given: Sequence[Value]) -> Value:
    reduce = REDUCTIONS.get(given[1]) if isinstance(given[1], str) else None
    if reduce is None or given[2] not in {"ASC", "DESC"}:
        raise MathError("SORT takes an array, one of AVG, MIN, MAX and SUM, then ASC or DESC, and a number of series")
    lines = array(given[0])
    full = [line for line in lines if line.points]
    ordered = sorted(full, key=lambda line: reduce(list(line.points.values())), reverse=given[2] == "DESC")
    ordered += [line for line in lines if not line.points]
    return tuple(ordered[: _index(given[3])] if len(given) > 3 else ordered)


def _metrics(around: Surroundings, given: Sequence[Value]) -> Value:
    part = given[0] if given else ""
    if not isinstance(part, str):
        raise MathError("METRICS takes a text in quotes")
    return tuple(line for name, line in around.metrics.items() if part in name)


def _period(_around: Surroundings, given: Sequence[Value]) -> Value:
    line = series(given[0])
    if not line.is_metric:
        raise MathError("PERIOD takes a metric, no expression")
    return float(line.period_s)


def _time_series(around: Surroundings, given: Sequence[Value]) -> Value:
    value = number(given[0])
    times = around.times(around.period_s)
    return around.budget.line(dict.fromkeys(times, value), Line({}, around.period_s))


def _remove_empty(_around: Surroundings, given: Sequence[Value]) -> Value:
    return tuple(line for line in array(given[0]) if line.points)


FUNCTIONS: dict[str, Function] = {
    "ABS": _pointwise(abs),
    "CEIL": _pointwise(math.ceil),
    "FLOOR": _pointwise(math.floor),
    "LOG": _pointwise(math.log),
    "LOG10": _pointwise(math.log10),
    "DIFF": _each(lambda line: {at: change for at, change, _ in _steps(line)}),
    "DIFF_TIME": _each(lambda line: {at: seconds for at, _, seconds in _steps(line)}),
    "RATE": _each(lambda line: {at: change / seconds for at, change, seconds in _steps(line)}),
    "RUNNING_SUM": _each(_running_sum),
    "FILL": Function(_fill, 2, 2),
    "IF": Function(_if, 2, 3),
    "AVG": _aggregate(_mean, missing_is_zero=True),
    "SUM": _aggregate(_sum, missing_is_zero=True),
    "MIN": _aggregate(min, missing_is_zero=False),
    "MAX": _aggregate(max, missing_is_zero=False),
    "STDDEV": _aggregate(statistics.pstdev, missing_is_zero=False),
    "DATAPOINT_COUNT": _aggregate(len, missing_is_zero=False),
    "METRIC_COUNT": Function(lambda _, given: float(len(array(given[0])))),
    "FIRST": _end(0),
    "LAST": _end(-1),
    "SLICE": Function(_slice, 2, 3),
    "REMOVE_EMPTY": Function(_remove_empty),
    "SORT": Function(_sort, 3, 4),
    "METRICS": Function(_metrics, 0, 1),
    "PERIOD": Function(_period),
    "TIME_SERIES": Function(_time_series),
    "MINUTE": _calendar(lambda at: at.minute),
    "HOUR": _calendar(lambda at: at.hour),
    "DAY": _calendar(lambda at: at.isoweekday()),
    "DATE": _calendar(lambda at: at.day),
    "MONTH": _calendar(lambda at: at.month),
    "YEAR": _calendar(lambda at: at.year),
    "EPOCH": _calendar(lambda at: at.timestamp()),
}
NOT_HERE = frozenset({"ANOMALY_DETECTION_BAND", "INSIGHT_RULE_METRIC", "SERVICE_QUOTA", "LAMBDA", "DB_PERF_INSIGHTS"})
"""Functions of the real service that rest on models or accounts that this server does not have."""
