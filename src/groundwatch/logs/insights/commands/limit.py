"""`limit`: how many rows the result has at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.nodes import Node
from groundwatch.logs.insights.pipeline import MAX_ROWS, Pipeline


class Limit(Node, frozen=True):
    """The number of rows."""

    count: int
    place: Span

    def lower(self, pipeline: Pipeline) -> None:
        """Keep the first rows in the order so far; `any` may choose others and need not."""
        if self.count > pipeline.most_rows:
            raise _wrong(pipeline.most_rows, self.place)
        self.keep(pipeline)

    def keep(self, pipeline: Pipeline) -> None:
        """Keep the rows."""
        pipeline.limit(self.count)


def build(parts: Sequence[Any], span: Span) -> Limit:
    """Return the node, from a number that is its last part."""
    token = parts[-1]
    place = (token.start_pos, token.end_pos)
    if not token.isdigit() or len(token) > 9 or int(token) == 0:
        raise _wrong(MAX_ROWS, place)
    return Limit(span, int(token), place)


def _wrong(most: int, place: Span) -> Exception:
    return malformed(f"the limit must be an integer between 1 and {most}", place)


COMMAND = Command(
    name="limit",
    words=("limit", "head"),
    grammar="[K_ANY] NUMBER",
    build=build,
    syntax="limit [any] NUMBER",
    help=f"Keeps the first rows; at most {MAX_ROWS:,}, and 10,000 without the command.",
)
