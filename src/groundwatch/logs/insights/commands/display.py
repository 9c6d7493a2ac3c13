"""`display`: the columns of the result, in place of all that were named before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.fields import columns
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.nodes import Item, Node
from groundwatch.logs.insights.pipeline import Pipeline


class Display(Node, frozen=True):
    """The columns to show."""

    items: tuple[Item, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Show these columns alone; of several commands the last one counts (User Guide, display)."""
        pipeline.require_no_dedup(self.span)
        pipeline.display(columns(pipeline, self.items))


def _build(parts: Sequence[Any], span: Span) -> Display:
    return Display(span, parts[0])


COMMAND = Command(
    name="display",
    words=("display",),
    grammar="items",
    build=_build,
    syntax="display EXPRESSION [as NAME], …",
    help="Shows these columns alone; the last `display` of a query counts.",
)
