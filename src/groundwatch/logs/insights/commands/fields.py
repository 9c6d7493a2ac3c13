"""`fields`: adds columns to the result, and defines new names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import lower
from groundwatch.logs.insights.nodes import Item, Name, Node
from groundwatch.logs.insights.pipeline import POINTER, Column, Pipeline


class Fields(Node, frozen=True):
    """The columns to add."""

    items: tuple[Item, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Project every item; one with an alias or a computation becomes a name for later commands."""
        pipeline.require_no_dedup(self.span)
        for column in columns(pipeline, self.items):
            pipeline.project(column)


def columns(pipeline: Pipeline, items: Sequence[Item]) -> list[Column]:
    """Return the columns of the items in their order; `@ptr`, which every row has anyway, is none."""
    found = []
    for item in items:
        if isinstance(item.expression, Name) and item.expression.text == POINTER:
            continue
        value = lower(item.expression, pipeline)
        if item.aliased or not isinstance(item.expression, Name):
            value = pipeline.define(item.name, value)
        found.append(Column(item.name, value))
    return found


def _build(parts: Sequence[Any], span: Span) -> Fields:
    return Fields(span, parts[0])


COMMAND = Command(
    name="fields",
    words=("fields",),
    grammar="items",
    build=_build,
    syntax="fields EXPRESSION [as NAME], …",
    help="Adds columns, and defines names that later commands can use.",
)
