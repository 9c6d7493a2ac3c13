"""The functions of `stats`: one value from the rows of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.ordering import natural_key
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text, is_present, number_text

MAX_TOP = 10_000
PLACE = "(timestamp, ingested, batch, seq)"


class AggregateCall(msgspec.Struct, frozen=True):
    """A call with its arguments over the rows of a group."""

    pipeline: Pipeline
    node: nodes.Call
    values: Sequence[Value]


class Aggregate(msgspec.Struct, frozen=True):
    """An aggregate: how many arguments it takes, and the expressions of its value."""

    name: str
    signature: str
    arguments: tuple[int, int]
    """How many it takes at least and at most."""
    build: Callable[[AggregateCall], Value]
    help: str
    aliases: tuple[str, ...] = ()

    def apply(self, call: AggregateCall) -> Value:
        """Return the value; `MalformedQueryException` for arguments that do not fit."""
        least, most = self.arguments
        if not least <= len(call.values) <= most or (call.node.star and self.name != "count"):
            raise malformed(f"{self.signature} does not take these arguments", call.node.span)
        return self.build(call)


def _number(sql: str) -> Value:
    return Value("number", f"toFloat64({sql})")


def _count(call: AggregateCall) -> Value:
    return _number(f"countIf({is_present(call.values[0])})" if call.values else "count()")


def _count_distinct(call: AggregateCall) -> Value:
    value = call.values[0]
    return _number(f"uniqExact({value.key or as_text(value)})")


def _of_numbers(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        return Value("number", f"{function}({as_number(call.values[0])})")

    return build


def _extreme(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        value = call.values[0]
        if value.kind in {"number", "time", "boolean"}:
            return Value("time" if value.kind == "time" else "number", f"{function}({_plain(value)})")
        # Numeric if all values are, else the order of text (an assumption: the documentation says "any type").
        number, text = call.pipeline.shared(as_number(value)), call.pipeline.shared(as_text(value))
        numeric = f"count({number}) = count({text})"
        least = f"if({numeric}, {function}({number}), NULL)"
        return Value("text", f"if({numeric}, {number_text(f'{function}({number})')}, {function}({text}))", number=least)

    return build


def _plain(value: Value) -> str:
    return f"toFloat64({value.sql})" if value.kind == "boolean" else value.sql


def _percentile(call: AggregateCall) -> Value:
    level = call.node.arguments[1]
    if not isinstance(level, nodes.Number) or not 0 < float(level.spelled) < 100:
        raise malformed("the percentile must be a number between 0 and 100", level.span)
    return _quantile(call, float(level.spelled) / 100)


def _median(call: AggregateCall) -> Value:
    return _quantile(call, 0.5)


def _quantile(call: AggregateCall, level: float) -> Value:
    bound = call.pipeline.bind(level, "Float64")
    return Value("number", f"quantileExactInclusiveOrNull({bound})({as_number(call.values[0])})")


def _by_time(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        if not call.pipeline.events:
            raise malformed(f"{call.node.function} needs the time of events, which stats drops", call.node.span)
        value = call.values[0]
        text = call.pipeline.shared(as_text(value))
        if value.kind in {"number", "time"}:
            return Value(value.kind, f"{function}OrNull({value.sql}, {PLACE})")
        return Value("text", f"{function}OrNull({text}, {PLACE})")

    return build


def _values(call: AggregateCall) -> Value:
    return _list(f"arraySort(groupUniqArray({as_text(call.values[0])}))")


def _topk(call: AggregateCall) -> Value:
    count = call.node.arguments[0]
    if not isinstance(count, nodes.Number) or not count.spelled.isdigit() or not 1 <= int(count.spelled[:9]) <= MAX_TOP:
        raise malformed(f"topk takes between 1 and {MAX_TOP} values", count.span)
    text = call.pipeline.shared(as_text(call.values[1]))
    counts = f"sumMapIf(map(ifNull({text}, ''), 1), isNotNull({text}))"
    pairs = f"arraySort(pair -> (-pair.2, pair.1), CAST({counts}, 'Array(Tuple(String, UInt64))'))"
    bound = call.pipeline.bind(int(count.spelled), "UInt32")
    return _list(f"arrayMap(pair -> pair.1, arraySlice({pairs}, 1, {bound}))")


def _list(array: str) -> Value:
    """Return a list, which is shown as JSON."""
    raw = f"toNullable(toJSONString({array}))"
    return Value("json", raw, text=raw)


def _by_order(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        text = call.pipeline.shared(as_text(call.values[0]))
        key = call.pipeline.column(f"tuple({', '.join(natural_key(call.values[0], call.pipeline))})")
        return Value("text", f"{function}OrNull({text}, {key})")

    return build


_ALL = (
    Aggregate("count", "count(*)", (0, 1), _count, "Rows, or rows that have the field."),
    Aggregate(
        "count_distinct",
        "count_distinct(field)",
        (1, 1),
        _count_distinct,
        "Distinct values, exactly.",
        aliases=("countDistinct",),
    ),
    Aggregate("sum", "sum(n)", (1, 1), _of_numbers("sumOrNull"), "Sum; a condition counts 1."),
    Aggregate("avg", "avg(n)", (1, 1), _of_numbers("avgOrNull"), "Mean."),
    Aggregate("min", "min(value)", (1, 1), _extreme("minOrNull"), "Least number, or text if any value is no number."),
    Aggregate("max", "max(value)", (1, 1), _extreme("maxOrNull"), "Greatest number, or text."),
    Aggregate("stddev", "stddev(n)", (1, 1), _of_numbers("stddevPopOrNull"), "Standard deviation of a population."),
    Aggregate("variance", "variance(n)", (1, 1), _of_numbers("varPopOrNull"), "Variance of a population."),
    Aggregate(
        "pct",
        "pct(n, percent)",
        (2, 2),
        _percentile,
        "Percentile, exactly, interpolated linearly.",
        aliases=("percentile",),
    ),
    Aggregate("median", "median(n)", (1, 1), _median, "The same as `pct(n, 50)`."),
    Aggregate("earliest", "earliest(field)", (1, 1), _by_time("argMin"), "Value of the first event that has one."),
    Aggregate("latest", "latest(field)", (1, 1), _by_time("argMax"), "Value of the last event that has one."),
    Aggregate("sortsFirst", "sortsFirst(field)", (1, 1), _by_order("argMin"), "First value in the order of `sort`."),
    Aggregate("sortsLast", "sortsLast(field)", (1, 1), _by_order("argMax"), "Last value in the order of `sort`."),
    Aggregate(
        "values", "values(field)", (1, 1), _values, "The distinct values, as a list.", aliases=("collect_values",)
    ),
    Aggregate("topk", "topk(k, field)", (2, 2), _topk, "The k most frequent values, exactly, as a list; stands alone."),
    Aggregate("os.stddev_samp", "stddev_samp(n)", (1, 1), _of_numbers("stddevSampOrNull"), "In SQL and PPL alone."),
    Aggregate("os.var_samp", "var_samp(n)", (1, 1), _of_numbers("varSampOrNull"), "In SQL and PPL alone."),
    Aggregate("countOverTime", "countOverTime(field)", (0, 1), _count, "`count`, for each bin."),
    Aggregate("sumOverTime", "sumOverTime(n)", (1, 1), _of_numbers("sumOrNull"), "`sum`, for each bin."),
)
AGGREGATES: Mapping[str, Aggregate] = {
    name.lower(): aggregate for aggregate in _ALL for name in (aggregate.name, *aggregate.aliases)
}
"""By name in lower case."""

AGGREGATES_NOT_YET = frozenset({"rate", "histogram"})
"""Aggregates that the service has and this server refuses by name."""
