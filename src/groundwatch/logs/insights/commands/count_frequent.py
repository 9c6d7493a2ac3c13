"""`countFrequent`: how often each combination of values occurs, the most frequent first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_text

COUNT = "_approxcount"


class CountFrequent(Node, frozen=True):
    """The fields whose values are counted together."""

    fields: tuple[Name, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Group by the fields and order by the count, which is exact here."""
        pipeline.require_no_dedup(self.span)
        pipeline.require_no_order(self.span)
        names = [pipeline.new_name() for _ in self.fields]
        count = pipeline.new_name()
        texts = [as_text(resolve(field, pipeline)) for field in self.fields]
        pipeline.group(dict(zip(names, texts, strict=True)), {count: "toFloat64(count())"})
        for field, name in zip(self.fields, names, strict=True):
            pipeline.project(Column(field.text, pipeline.define(field.text, Value("text", name))))
        pipeline.project(Column(COUNT, pipeline.define(COUNT, Value("number", count))))
        pipeline.sort([f"{count} DESC"])


def _build(parts: Sequence[Any], span: Span) -> CountFrequent:
    return CountFrequent(span, tuple(parts))


COMMAND = Command(
    name="countfrequent",
    words=("countfrequent", "count_frequent"),
    grammar='field ("," field)*',
    build=_build,
    syntax="countFrequent FIELD, …",
    help=f"Counts each combination of values into `{COUNT}`, exactly, the most frequent first.",
)
