"""`appendcols`: the columns of a subquery beside the rows, the first beside the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.running import plain
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.nodes import Node, Subquery, is_count
from groundwatch.logs.insights.pipeline import MAX_ROWS, Column, Pipeline
from groundwatch.logs.insights.rows import DEFAULT_ROWS
from groundwatch.logs.insights.values import Value

OPTIONS = ("override", "max")


class AppendColumns(Node, frozen=True):
    """The subquery, how many of its rows count, and whether its columns take the place of columns of that name."""

    query: Subquery
    most: int
    override: bool

    def lower(self, pipeline: Pipeline) -> None:
        """Add the columns; rows beyond those of the subquery lack them, and surplus rows of it are left out."""
        pipeline.require_no_dedup(self.span)
        if pipeline.fork is None:
            raise malformed("a subquery cannot have a subquery itself", self.query.span)
        shown = {column.name for column in pipeline.columns()}
        inner = pipeline.fork(self.query)
        found = {column.name: plain(column.value) for column in inner.columns()}
        names = {name: pipeline.new_name() for name in found}
        columns = {names[name]: f"toNullable({sql})" for name, (_, sql) in found.items()}
        # Its number is the row's place in the subquery's order. Of one name for all, the engine would not know which is
        # meant when another subquery stands beside these rows already.
        place = pipeline.new_name()
        columns[place] = inner.windowed("row_number()")
        inner.limit(self.most)
        number = pipeline.windowed("row_number()")
        table = pipeline.statement.table(lambda: inner.subselect(columns))
        for column in pipeline.columns():
            pipeline.project(column)
        pipeline.join("LEFT", table, f"{number} = beside.{place}")
        for name, (kind, _) in found.items():
            if self.override or name not in shown:
                pipeline.project(Column(name, pipeline.define(name, Value(kind, names[name]))))


def _build(parts: Sequence[Any], span: Span) -> AppendColumns:
    *settings, query = parts
    found: dict[str, str] = {}
    for word, value in settings:
        if word.lower() not in OPTIONS:
            said = f"appendcols has no option {word}{suggestion(word, OPTIONS)}"
            raise malformed(said, (word.start_pos, word.end_pos))
        found[word.lower()] = value.lower()
    most = found.get("max", str(DEFAULT_ROWS))
    if not is_count(most, MAX_ROWS):
        raise malformed(f"max of appendcols is between 1 and {MAX_ROWS}", span)
    return AppendColumns(span, query, int(most), found.get("override", "false") == "true")


COMMAND = Command(
    name="appendcols",
    words=("appendcols",),
    grammar='setting* "(" subquery ")"',
    build=_build,
    syntax="appendcols [override=false] [max=10000] (SUBQUERY)",
    help="Puts the columns of a subquery beside the rows, by their places.",
)
