"""`dedup`: the first row of each combination of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import as_text


class Dedup(Node, frozen=True):
    """The fields whose values may not repeat."""

    fields: tuple[Name, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Keep the first row in the order so far; a row that lacks one of the fields is always kept."""
        pipeline.require_no_dedup(self.span)
        pipeline.first_of_each([as_text(resolve(name, pipeline)) for name in self.fields])


def _build(parts: Sequence[Any], span: Span) -> Dedup:
    return Dedup(span, tuple(parts))


COMMAND = Command(
    name="dedup",
    words=("dedup",),
    grammar='field ("," field)*',
    build=_build,
    syntax="dedup FIELD, …",
    help="Keeps the first row of each combination of values; only `limit` may follow.",
)
