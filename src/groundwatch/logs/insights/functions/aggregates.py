"""The functions of `stats`: one value from the rows of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard, cast

import msgspec

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.times import fixed_length_ms
from groundwatch.logs.insights.ordering import natural_key
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_distinct, as_number, as_text, is_present, number_text

MAX_TOP = 10_000
MAX_BUCKETS = 1_000
# An integer of 64, 64, 64 and 16 bits: half the time of a tuple, which the engine compares member by member.
PLACE = (
    "bitOr(bitShiftLeft(toUInt256(bitOr(bitShiftLeft(toUInt128(timestamp), 64), toUInt128(ingested))), 80), "
    "toUInt256(bitOr(bitShiftLeft(toUInt128(batch), 16), toUInt128(seq))))"
)
"""When an event came, before and behind others of its time."""
EXTREMES = {"argMin": "min", "argMax": "max"}


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
    period_at: int | None = None
    """Which argument is a period of time."""
    grows: bool = False
    """Whether it holds values of a group until the end, and not a few numbers."""

    def apply(self, call: AggregateCall) -> Value:
        """Return the value; `MalformedQueryException` for arguments that do not fit."""
        least, most = self.arguments
        if not least <= len(call.values) <= most or (call.node.star and self.name != "count"):
            raise malformed(f"{self.signature} does not take these arguments", call.node.span)
        for place, argument in enumerate(call.node.arguments):
            if isinstance(argument, nodes.Period) != (place == self.period_at):
                wanted = "a period of time, such as 5m," if place == self.period_at else "a value"
                raise malformed(f"{self.signature}: {wanted} is expected", argument.span)
        return self.build(call)


def _whole(sql: str) -> Value:
    return Value("number", f"toFloat64({sql})", text=f"toString({sql})")


def _count(call: AggregateCall) -> Value:
    return _whole(f"countIf({is_present(call.values[0])})" if call.values else "count()")


def _count_distinct(call: AggregateCall) -> Value:
    return _whole(f"uniqExact({as_distinct(call.values[0])})")


# Of values that may be null the engine's aggregates are null where all are, and no group is without any row: `-OrNull`
# would say the same, at half as much again for a sum.
def _of_numbers(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        return Value("number", f"{function}({as_number(call.values[0])})")

    return build


def _extreme(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        value = call.values[0]
        if value.kind in {"number", "time", "boolean"}:
            return Value("time" if value.kind == "time" else "number", f"{function}({_plain(value)})")
        if value.numeric:
            return Value("number", f"{function}({as_number(value)})")
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
    return Value("number", f"quantileExactInclusive({bound})({as_number(call.values[0])})")


def _by_time(function: str) -> Callable[[AggregateCall], Value]:
    def build(call: AggregateCall) -> Value:
        _require_events(call)
        value = call.values[0]
        if value.sql == "timestamp":
            return Value("time", f"{EXTREMES[function]}(timestamp)")
        text = call.pipeline.shared(as_text(value))
        if value.kind in {"number", "time"}:
            return Value(value.kind, f"{function}OrNull({value.sql}, {PLACE})")
        return Value("text", f"{function}OrNull({text}, {PLACE})")

    return build


def _require_events(call: AggregateCall) -> None:
    if not call.pipeline.events:
        raise malformed(f"{call.node.function} needs the time of events, which stats drops", call.node.span)


def _values(call: AggregateCall) -> Value:
    return _list(f"arraySort(groupUniqArray({as_text(call.values[0])}))")


def _is_count(node: nodes.Expression, most: int) -> TypeGuard[nodes.Number]:
    return isinstance(node, nodes.Number) and nodes.is_count(node.spelled, most)


def _topk(call: AggregateCall) -> Value:
    count = call.node.arguments[0]
    if not _is_count(count, MAX_TOP):
        raise malformed(f"topk takes between 1 and {MAX_TOP} values", count.span)
    text = call.pipeline.shared(as_text(call.values[1]))
    counts = f"sumMapIf(map(ifNull({text}, ''), 1), isNotNull({text}))"
    pairs = f"arraySort(pair -> (-pair.2, pair.1), CAST({counts}, 'Array(Tuple(String, UInt64))'))"
    bound = call.pipeline.bind(int(count.spelled), "UInt32")
    return _list(f"arrayMap(pair -> pair.1, arraySlice({pairs}, 1, {bound}))")


def _rate(call: AggregateCall) -> Value:
    """Return how much the field changes in a period: from its first value to its last, by the time between them."""
    _require_events(call)
    period = cast("nodes.Period", call.node.arguments[1])
    length = fixed_length_ms(period)
    if length is None:
        raise malformed("the interval of rate is a period of fixed length: use days", period.span)
    number = call.pipeline.shared(as_number(call.values[0]))
    change = f"argMaxOrNull({number}, {PLACE}) - argMinOrNull({number}, {PLACE})"
    present = f"isNotNull({number})"
    time = f"maxIf(timestamp, {present}) - minIf(timestamp, {present})"
    return Value("number", f"({change}) * {call.pipeline.bind(float(length), 'Float64')} / nullIf({time}, 0)")


def _histogram(call: AggregateCall) -> Value:
    """Return the number of values in each of several ranges of one width, by the least that a range may hold."""
    count = call.node.arguments[1]
    if not _is_count(count, MAX_BUCKETS):
        raise malformed(f"histogram has between 1 and {MAX_BUCKETS} buckets", count.span)
    number = call.pipeline.shared(as_number(call.values[0]))
    buckets = call.pipeline.bind(int(count.spelled), "UInt16")
    found = f"groupArrayIf({number}, ifNull(isFinite({number}), 0))"
    least = f"arrayMin({found})"
    width = f"((arrayMax({found}) - {least}) / {buckets})"
    # The greatest value belongs to the last range, and values that are all alike to one range.
    place = f"toUInt16(least(greatest(ifNotFinite((value - {least}) / {width}, 0), 0), {buckets} - 1))"
    ranges = f"if({width} > 0, range({buckets}), [toUInt16(0)])"
    filled = f"arrayReduce('sumMap', arrayMap(value -> map({place}, toUInt64(1)), {found}))"
    start = f"({least} + place * {width})"
    # Four decimals tell narrow ranges apart no longer.
    label = f"if({width} > 0 AND {width} < 0.001, toString({start}), {number_text(start)})"
    shown = f"arrayMap(place -> concat(toJSONString({label}), ':', toString({filled}[place])), {ranges})"
    raw = f"if(empty({found}), NULL, concat('{{', arrayStringConcat({shown}, ','), '}}'))"
    return Value("json", raw, text=raw)


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
        grows=True,
        aliases=("countDistinct",),
    ),
    Aggregate("sum", "sum(n)", (1, 1), _of_numbers("sum"), "Sum; a condition counts 1."),
    Aggregate("avg", "avg(n)", (1, 1), _of_numbers("avg"), "Mean."),
    Aggregate("min", "min(value)", (1, 1), _extreme("min"), "Least number, or text if any value is no number."),
    Aggregate("max", "max(value)", (1, 1), _extreme("max"), "Greatest number, or text."),
    Aggregate("stddev", "stddev(n)", (1, 1), _of_numbers("stddevPop"), "Standard deviation of a population."),
    Aggregate("variance", "variance(n)", (1, 1), _of_numbers("varPop"), "Variance of a population."),
    Aggregate(
        "pct",
        "pct(n, percent)",
        (2, 2),
        _percentile,
        "Percentile, exactly, interpolated linearly.",
        grows=True,
        aliases=("percentile",),
    ),
    Aggregate("median", "median(n)", (1, 1), _median, "The same as `pct(n, 50)`.", grows=True),
    Aggregate("earliest", "earliest(field)", (1, 1), _by_time("argMin"), "Value of the first event that has one."),
    Aggregate("latest", "latest(field)", (1, 1), _by_time("argMax"), "Value of the last event that has one."),
    Aggregate("sortsFirst", "sortsFirst(field)", (1, 1), _by_order("argMin"), "First value in the order of `sort`."),
    Aggregate("sortsLast", "sortsLast(field)", (1, 1), _by_order("argMax"), "Last value in the order of `sort`."),
    Aggregate(
        "values",
        "values(field)",
        (1, 1),
        _values,
        "The distinct values, as a list.",
        aliases=("collect_values",),
        grows=True,
    ),
    Aggregate(
        "topk",
        "topk(k, field)",
        (2, 2),
        _topk,
        "The k most frequent values, exactly, as a list; stands alone.",
        grows=True,
    ),
    Aggregate("os.stddev_samp", "stddev_samp(n)", (1, 1), _of_numbers("stddevSamp"), "In SQL and PPL alone."),
    Aggregate("os.var_samp", "var_samp(n)", (1, 1), _of_numbers("varSamp"), "In SQL and PPL alone."),
    Aggregate(
        "countOverTime",
        "countOverTime(field)",
        (0, 1),
        _count,
        "`count`, for each bin.",
        aliases=("count_over_time",),
    ),
    Aggregate(
        "sumOverTime",
        "sumOverTime(n)",
        (1, 1),
        _of_numbers("sum"),
        "`sum`, for each bin.",
        aliases=("sum_over_time",),
    ),
    Aggregate(
        "rate",
        "rate(n, period)",
        (2, 2),
        _rate,
        "How much a number changes in a period: from its first value to its last, by the time between them.",
        period_at=1,
    ),
    Aggregate(
        "histogram",
        "histogram(n, buckets)",
        (2, 2),
        _histogram,
        "How many values lie in each of so many ranges of one width, by where the ranges begin.",
        grows=True,
    ),
)
AGGREGATES: Mapping[str, Aggregate] = {
    name.lower(): aggregate for aggregate in _ALL for name in (aggregate.name, *aggregate.aliases)
}
"""By name in lower case."""
