"""`fillmissing`: rows for the bins that have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.lowering import lower
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text


class FillMissing(Node, frozen=True):
    """Constants, each with the field in which it stands for a missing value."""

    constants: tuple[tuple[nodes.Expression, Name], ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Make the missing rows between the first and the last bin, for each combination of the other keys."""
        pipeline.require_no_dedup(self.span)
        if len(pipeline.bins) != 1:
            raise malformed("fillmissing follows stats … by bin(…), with one bin of fixed length", self.span)
        (column, key), *_ = pipeline.bins.items()
        keys = [value.sql for name, value in pipeline.names.items() if value.sql in pipeline.keys and name != key.name]
        made = {name: value for name, value in pipeline.names.items() if value.sql not in pipeline.keys}
        for name, value in made.items():
            # Only what may be null is null in the rows that are made.
            parts = {part: pipeline.column(f"toNullable({sql})") for part in PARTS if (sql := getattr(value, part))}
            kind = value.kind if value.kind != "boolean" else "number"
            pipeline.replace(name, Value(kind, parts["sql"], number=parts.get("number"), text=parts.get("text")))
        pipeline.fill(pipeline.bind(key.length_ms, "Int64"), column, keys)
        for expression, field in self.constants:
            self._put(expression, field, pipeline)

    def _put(self, expression: nodes.Expression, field: Name, pipeline: Pipeline) -> None:
        known = pipeline.names.get(field.text)
        if known is None:
            near = suggestion(field.text, pipeline.names)
            raise malformed(f"Unknown symbols found in or after stats: {field.text}{near}", field.span)
        constant = lower(expression, pipeline)
        if known.kind == "number":
            pipeline.replace(field.text, Value("number", f"ifNull({known.sql}, {as_number(constant)})"))
        else:
            pipeline.replace(field.text, Value("text", f"ifNull({as_text(known)}, {as_text(constant)})"))


PARTS = ("sql", "number", "text")


def _build(parts: Sequence[Any], span: Span) -> FillMissing:
    kept = [part for part in parts if part is not None and not hasattr(part, "type")]
    return FillMissing(span, tuple(zip(kept[::2], kept[1::2], strict=True)))


COMMAND = Command(
    name="fillmissing",
    words=("fillmissing",),
    grammar='[K_WITH atom K_FOR field ("," [K_WITH] atom K_FOR field)*]',
    build=_build,
    syntax="fillmissing [with CONSTANT for FIELD, …]",
    help="Adds rows for the empty bins between the first and the last, for each combination of the other keys.",
)
