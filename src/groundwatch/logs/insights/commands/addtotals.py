"""`addtotals`: the sum of some fields of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_number

TOTAL = "Total"


class AddTotals(Node, frozen=True):
    """The fields to add up, and the name of the sum."""

    fields: tuple[Name, ...]
    total: str

    def lower(self, pipeline: Pipeline) -> None:
        """Add the column with the sum; fields that are no number add nothing."""
        pipeline.require_no_dedup(self.span)
        numbers = [f"ifNull({as_number(resolve(field, pipeline))}, 0)" for field in self.fields]
        value = pipeline.define(self.total, Value("number", f"({' + '.join(numbers)})"))
        pipeline.project(Column(self.total, value))


def _build(parts: Sequence[Any], span: Span) -> AddTotals:
    option, _, value, *fields = parts
    if option is not None and option.text.lower() != "fieldname":
        raise malformed(f"the option {option.text} of addtotals is not supported by Groundwatch", option.span)
    return AddTotals(span, tuple(fields), TOTAL if value is None else value.text)


COMMAND = Command(
    name="addtotals",
    words=("addtotals",),
    grammar='[field COMPARISON field] field ("," field)*',
    build=_build,
    syntax="addtotals [fieldname=NAME] FIELD, …",
    help=f"Adds the sum of the fields as a column, `{TOTAL}` unless named.",
)
