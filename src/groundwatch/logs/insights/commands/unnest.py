"""`unnest`: a row for each element of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_text


class Unnest(Node, frozen=True):
    """The list, and the name for its elements."""

    path: Name
    element: Name

    def lower(self, pipeline: Pipeline) -> None:
        """Make the rows; what is no list counts as one of one element, nothing as an empty one."""
        pipeline.require_no_dedup(self.span)
        element = pipeline.explode(elements(resolve(self.path, pipeline), pipeline))
        pipeline.define(self.element.text, Value("json", f"toNullable({element})"))


def elements(value: Value, pipeline: Pipeline) -> str:
    """Return the array of the raw JSON elements of a value that holds a list, also one written out as text."""
    text = pipeline.shared(as_text(value))
    raw = pipeline.shared(f"ifNull({value.sql if value.kind == 'json' else f'toJSONString({text})'}, '')")
    document = pipeline.shared(f"if(JSONType({raw}) = 'Array', {raw}, ifNull({text}, ''))")
    is_list = f"JSONType({document}) = 'Array'"
    return f"multiIf({is_list}, JSONExtractArrayRaw({document}), {raw} IN ('', 'null'), [], [{raw}])"


def _build(parts: Sequence[Any], span: Span) -> Unnest:
    path, element = parts
    return Unnest(span, path, element)


COMMAND = Command(
    name="unnest",
    words=("unnest",),
    grammar="field _INTO field",
    build=_build,
    syntax="unnest LIST into NAME",
    help="Makes a row for each element of a list from `jsonParse`; without elements there is no row.",
)
