"""`addtotals`: sums of fields: of each row, of all rows, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.running import plain
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text

TOTAL = "Total"
OPTIONS = ("fieldname", "row", "col")


class AddTotals(Node, frozen=True):
    """The fields to add up (none for all numbers shown), the name of the sum, and which sums are wanted."""

    fields: tuple[Name, ...]
    total: str = TOTAL
    row: bool = True
    col: bool = False

    def lower(self, pipeline: Pipeline) -> None:
        """Add the column with the sums of the rows, and a row with the sums of the columns."""
        pipeline.require_no_dedup(self.span)
        if self.row:
            numbers = [f"ifNull({as_number(value)}, 0)" for value in self._values(pipeline).values()] or ["0"]
            value = pipeline.define(self.total, Value("number", f"({' + '.join(numbers)})"))
            pipeline.project(Column(self.total, value))
        if self.col:
            self._add_row(pipeline)

    def _values(self, pipeline: Pipeline) -> dict[str, Value]:
        if self.fields:
            return {field.text: resolve(field, pipeline) for field in self.fields}
        # Times are numbers to the engine, but their sum is none to anybody.
        return {column.name: column.value for column in pipeline.columns() if column.value.kind != "time"}

    def _add_row(self, pipeline: Pipeline) -> None:
        added = self._values(pipeline)
        if self.row:
            added[self.total] = pipeline.names[self.total]
        sums = {}
        for name, value in added.items():
            number = pipeline.column(as_number(value))
            sums[name] = pipeline.windowed(f"sumOrNull({number})", whole=True)
        kinds = {column.name: plain(column.value) for column in pipeline.columns()}
        kept = {name: pipeline.column(f"toNullable({sql})") for name, (_, sql) in kinds.items()}
        extra = pipeline.summary_row()
        for name, (kind, _) in kinds.items():
            total = sums.get(name)
            if total is None or kind == "time":
                pipeline.replace(name, Value(kind, f"if({extra} = 1, NULL, {kept[name]})"))
            else:
                text, sum_text = as_text(Value(kind, kept[name])), as_text(Value("number", total))
                shown = f"if({extra} = 1, {sum_text}, {text})"
                pipeline.replace(name, Value("text", shown))


def _build(parts: Sequence[Any], span: Span) -> AddTotals:
    settings = [part for part in parts if isinstance(part, tuple)]
    fields = tuple(part for part in parts if isinstance(part, Name))
    found: dict[str, Any] = {}
    for word, value in settings:
        place = (word.start_pos, word.end_pos)
        option = word.lower()
        if option not in OPTIONS:
            raise malformed(f"addtotals has no option {word}{suggestion(option, OPTIONS)}", place)
        if option != "fieldname" and value.lower() not in {"true", "false"}:
            raise malformed(f"the option {word} is true or false", place)
        found[option] = value if option == "fieldname" else value.lower() == "true"
    return AddTotals(span, fields, found.get("fieldname", TOTAL), found.get("row", True), found.get("col", False))


COMMAND = Command(
    name="addtotals",
    words=("addtotals",),
    grammar='setting* [field ("," field)*]',
    build=_build,
    syntax="addtotals [fieldname=NAME] [row=true] [col=false] [FIELD, …]",
    help=f"Adds the sum of the fields as a column, `{TOTAL}` unless named, and with `col=true` a row of sums.",
)
