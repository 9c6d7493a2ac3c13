"""UNION of SQL: the rows of several SELECTs, one after the other."""

from __future__ import annotations

from groundwatch.logs.insights.commands.running import plain
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.nodes import Node, Subquery
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Kind, Value, as_text

MAX_SELECTS = 10


class Union(Node, frozen=True):
    """A further SELECT, and whether rows that are alike stay."""

    query: Subquery
    keeps_all: bool

    def lower(self, pipeline: Pipeline) -> None:
        """Put its rows behind those that there are; columns belong together by their places."""
        if pipeline.fork is None:
            raise malformed("a subquery cannot have a UNION", self.span)
        inner = pipeline.fork(self.query, beside=True)
        own, others = pipeline.columns(), inner.columns()
        if len(own) != len(others):
            said = f"both sides of UNION have as many columns: the first has {len(own)}, this one {len(others)}"
            raise malformed(said, self.span)
        kinds = [_common(left.value, right.value) for left, right in zip(own, others, strict=True)]
        names = [pipeline.new_name() for _ in kinds]
        first, second = (
            {name: _as(kind, column.value) for name, kind, column in zip(names, kinds, columns, strict=True)}
            for columns in (own, others)
        )
        pipeline.append(first, pipeline.statement.table(lambda: inner.subselect(second)), distinct=not self.keeps_all)
        shown = zip(own, kinds, names, strict=True)
        pipeline.display([Column(one.name, pipeline.define(one.name, Value(kind, name))) for one, kind, name in shown])


def _common(left: Value, right: Value) -> Kind:
    """Return the kind that values of both have: their own if they are alike, else text."""
    own, other = plain(left)[0], plain(right)[0]
    return own if own == other else "text"


def _as(kind: Kind, value: Value) -> str:
    return f"toNullable({as_text(value) if kind == 'text' else plain(value)[1]})"
