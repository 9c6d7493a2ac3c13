"""`flatten` of PPL: the members of an object as fields of their own."""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.display import Display
from groundwatch.logs.insights.commands.stats import Stats
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node, steps_of
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.ppl.field_summary import FieldSummary
from groundwatch.logs.insights.stages import Frequent
from groundwatch.logs.insights.values import Value, as_text

MAX_NAMES = 100
NAMING = (Display, Stats, Frequent, FieldSummary)
"""Commands that say which fields are shown."""


class Flatten(Node, frozen=True):
    """The object, and the names of its members in the order of their own names; none keeps those."""

    field: Name
    names: tuple[Name, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names given, or let the members be found by their own names."""
        value = pipeline.shared_value(resolve(self.field, pipeline))
        if not self.names:
            pipeline.flattened = (*pipeline.flattened, lambda name: _member(value, name, pipeline))
            return
        document = pipeline.shared(f"ifNull({value.sql if value.kind == 'json' else as_text(value)}, '')")
        pairs = f"arraySort(pair -> pair.1, JSONExtractKeysAndValuesRaw({document}))"
        members = pipeline.column(f"if(JSONType({document}) = 'Object', {pairs}, [])")
        for column in pipeline.columns():
            pipeline.project(column)
        for place, name in enumerate(self.names, start=1):
            number = pipeline.bind(place, "UInt32")
            raw = f"if(length({members}) < {number}, NULL, toNullable({members}[{number}].2))"
            pipeline.show(Column(name.text, pipeline.define(name.text, Value("json", raw))))


def _member(value: Value, name: Name, pipeline: Pipeline) -> Value:
    known = Value("json", value.sql if value.kind == "json" else as_text(value))
    return pipeline.inside(known, steps_of(name.segments))


def check_named(stages: Sequence[Stage]) -> None:
    """Refuse a `flatten` without names that no later command names fields after: nothing of it would be shown."""
    for place, stage in enumerate(stages):
        if isinstance(stage, Flatten) and not stage.names and not any(isinstance(s, NAMING) for s in stages[place:]):
            said = "which members an object has differs from event to event: name those to show with fields, or as (…)"
            raise malformed(said, stage.span)
