"""`tail`: the last rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.limit import Limit, build
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.pipeline import Pipeline


class Tail(Limit, frozen=True):
    """The number of rows."""

    def keep(self, pipeline: Pipeline) -> None:
        """Keep the last rows of the order so far, in that order."""
        pipeline.last(self.count)


def _build(parts: Sequence[Any], span: Span) -> Tail:
    limit = build(parts, span)
    return Tail(limit.span, limit.count, limit.place)


COMMAND = Command(
    name="tail",
    words=("tail",),
    grammar="NUMBER",
    build=_build,
    syntax="tail NUMBER",
    help="Keeps the last rows.",
)
