"""`json`: a member of a JSON document in a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node, steps_of
from groundwatch.logs.insights.pipeline import MESSAGE, Column, Pipeline
from groundwatch.logs.insights.values import Value, as_text


class JsonMember(Node, frozen=True):
    """The field, the path in its document, and the name for what is there."""

    field: Name
    path: str
    name: str

    def lower(self, pipeline: Pipeline) -> None:
        """Define the name; it stays unset where the field holds no document, or the path leads nowhere."""
        pipeline.require_no_dedup(self.span)
        value = resolve(self.field, pipeline)
        # A field that holds a structure is a document itself; text may hold one.
        document = f"ifNull({as_text(value)}, {value.sql})" if value.kind == "json" else as_text(value)
        found = pipeline.inside(Value("json", document), steps_of(self.path.split(".")))
        pipeline.project(Column(self.name, pipeline.define(self.name, found)))


def _build(parts: Sequence[Any], span: Span) -> JsonMember:
    setting, path, name = parts
    if setting is not None and setting[0].lower() != "field":
        raise malformed(f"json has no option {setting[0]}; it has field", (setting[0].start_pos, setting[0].end_pos))
    source = MESSAGE if setting is None else setting[1]
    if not path.value:
        raise malformed("the path of json is empty", path.span)
    return JsonMember(span, Name(span, tuple(source.split("."))), path.value, name.text)


COMMAND = Command(
    name="json",
    words=("json",),
    grammar="[setting] text _AS field",
    build=_build,
    syntax='json [field=FIELD] "PATH.TO.MEMBER" as NAME',
    help="Extracts a member of the JSON document in `@message` or another field.",
)
