"""`filter`, also called `where`: keeps the rows for which a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import lower
from groundwatch.logs.insights.nodes import Expression, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import as_condition


class Filter(Node, frozen=True):
    """The condition."""

    condition: Expression

    def lower(self, pipeline: Pipeline) -> None:
        """Keep what satisfies the condition; after `stats` that is what SQL calls HAVING."""
        pipeline.require_no_dedup(self.span)
        pipeline.keep(as_condition(lower(self.condition, pipeline)))


def _build(parts: Sequence[Any], span: Span) -> Filter:
    return Filter(span, parts[0])


COMMAND = Command(
    name="filter",
    words=("filter", "where"),
    grammar="expr",
    build=_build,
    syntax="filter CONDITION",
    help="Keeps the rows that satisfy the condition: `= != < <= > >=`, `like`, `=~`, `in`, `and`, `or`, `not`.",
)
