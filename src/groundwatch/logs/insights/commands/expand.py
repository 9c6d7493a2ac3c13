"""`expand`: a row for each element of a field that holds a JSON array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.unnest import elements
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value


class Expand(Node, frozen=True):
    """The field."""

    field: Name

    def lower(self, pipeline: Pipeline) -> None:
        """Make the rows, in which the element takes the place of the array."""
        pipeline.require_no_dedup(self.span)
        element = pipeline.explode(elements(resolve(self.field, pipeline), pipeline))
        pipeline.replace(self.field.text, Value("json", f"toNullable({element})"))


def _build(parts: Sequence[Any], span: Span) -> Expand:
    return Expand(span, parts[0])


COMMAND = Command(
    name="expand",
    words=("expand",),
    grammar="field",
    build=_build,
    syntax="expand FIELD",
    help="Makes a row for each element of a JSON array; the element takes the array's place.",
)
