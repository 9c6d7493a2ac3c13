"""`fieldsummary` of PPL: how often a field occurs, with its least, greatest and mean value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lark import Token

from groundwatch.logs.insights.commands.stats import Parts
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.functions.aggregates import AGGREGATES, AggregateCall
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Call, Name, Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text

AGGREGATED = {"COUNT": "count", "DISTINCT": "count_distinct", "MIN": "min", "MAX": "max"}
AVERAGED = {"AVG": "avg", "MEAN": "avg", "STDDEV": PREFIX + "stddev_samp"}
"""The columns that are aggregates of the field, by the names that OpenSearch's engine for Spark gives them."""
INTEGER = "'^-?[0-9]+$'"


class FieldSummary(Node, frozen=True):
    """The field, and whether rows that lack it count as 0 in the averages."""

    field: Name
    nulls: bool

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by one about the field."""
        value = pipeline.shared_value(resolve(self.field, pipeline))
        number = pipeline.shared(as_number(value))
        averaged = Value("number", f"ifNull({number}, 0)") if self.nulls else value
        parts = Parts(pipeline)
        made = {name: self._aggregate(function, value, parts, pipeline) for name, function in AGGREGATED.items()}
        made |= {name: self._aggregate(function, averaged, parts, pipeline) for name, function in AVERAGED.items()}
        rows = parts.aggregate(Value("number", "toFloat64(count())"))
        kind = parts.aggregate(Value("text", _kind(value, number, pipeline)))
        field = Value("text", f"toNullable({pipeline.bind(self.field.text, 'String')})")
        pipeline.group({}, parts.aggregates)
        nulls = Value("number", f"({rows.sql} - {made['COUNT'].sql})")
        for name, shown in {"Field": field, **made, "Nulls": nulls, "TYPEOF": kind}.items():
            pipeline.project(Column(name, pipeline.define(name, shown)))

    def _aggregate(self, function: str, value: Value, parts: Parts, pipeline: Pipeline) -> Value:
        call = AggregateCall(pipeline, Call(self.span, function, (self.field,)), [value])
        return parts.aggregate(AGGREGATES[function].apply(call))


def _kind(value: Value, number: str, pipeline: Pipeline) -> str:
    """Return what the values are in Spark's words, which must be read from them: events have no schema."""
    text = pipeline.shared(as_text(value))
    if value.kind == "time":
        return f"if(count({text}) = 0, 'void', 'timestamp')"
    integers = f"countIf(ifNull(match({text}, {INTEGER}), 0))"
    numeric = f"multiIf({integers} = count({text}), 'bigint', count({number}) = count({text}), 'double', 'string')"
    return f"if(count({text}) = 0, 'void', {numeric})"


def build(settings: Mapping[Token, Sequence[Name]], span: Span) -> FieldSummary:
    """Return the command of its options: `includefields=FIELD`, and `nulls=true` or `false`."""
    found: dict[str, Sequence[Name]] = {}
    for word, names in settings.items():
        place = (word.start_pos or 0, word.end_pos or 0)
        if word.lower() not in OPTIONS:
            raise malformed(f"fieldsummary has no option {word}{suggestion(word, OPTIONS)}", place)
        found[word.lower()] = names
    fields = found.get("includefields", ())
    if len(fields) != 1:
        raise malformed("fieldsummary is about one field: includefields=FIELD", fields[1].span if fields else span)
    nulls = found.get("nulls", ())
    if nulls and (len(nulls) > 1 or nulls[0].text.lower() not in {"true", "false"}):
        raise malformed("the option nulls is true or false", nulls[0].span)
    return FieldSummary(span, fields[0], bool(nulls) and nulls[0].text.lower() == "true")


OPTIONS = ("includefields", "nulls")
