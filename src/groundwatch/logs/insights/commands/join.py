"""`join`: the rows of another query beside those that have the same value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node, Subquery
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text

KINDS = {"inner": "INNER", "left": "LEFT"}
KEY = "join_key"


class Join(Node, frozen=True):
    """The names of both sides, the field of each that must be equal, and the query on the right side."""

    kind: str
    left: str
    right: str
    left_key: Name
    right_key: Name
    query: Subquery

    def lower(self, pipeline: Pipeline) -> None:
        """Put the fields of the right side beside the rows; where several rows of it match, there are several."""
        pipeline.require_no_dedup(self.span)
        if pipeline.fork is None:
            raise malformed("a subquery cannot have a join", self.span)
        if pipeline.attached:
            raise malformed("a query has at most one join", self.span)
        left = pipeline.column(as_text(resolve(self.left_key, pipeline)))
        beside = Beside(pipeline.fork(self.query))
        beside.columns[KEY] = f"toNullable({as_text(resolve(self.right_key, beside.pipeline))})"
        pipeline.join(KINDS[self.kind], pipeline.statement.table(beside.render), f"{left} = beside.{KEY}")
        pipeline.attached |= {self.left: Own(pipeline), self.right: beside}


class Beside:
    """The right side: its fields become columns of its table when they are named."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.columns: dict[str, str] = {}
        self._known: dict[str, Value] = {}

    def value(self, name: Name) -> Value:
        """Return a field of the right side, null in rows without a partner."""
        if name.text not in self._known:
            self._known[name.text] = self._made(resolve(name, self.pipeline))
        return self._known[name.text]

    def render(self) -> str:
        """Return the SELECT of the right side, with the columns that were asked for."""
        return self.pipeline.subselect(self.columns)

    def _made(self, value: Value) -> Value:
        match value.kind:
            case "number" | "time":
                return Value(value.kind, self._column(value.sql))
            case "boolean":
                return Value("number", self._column(f"toFloat64({value.sql})"))
            case _:
                number, text = self._column(as_number(value)), self._column(as_text(value))
                return Value(value.kind, self._column(value.sql), number=number, text=text)

    def _column(self, sql: str) -> str:
        name = self.pipeline.new_name()
        self.columns[name] = f"toNullable({sql})"
        return name


class Own:
    """The left side: the rows of the query itself."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def value(self, name: Name) -> Value:
        """Return a field of the left side."""
        return resolve(name, self._pipeline)


def _build(parts: Sequence[Any], span: Span) -> Join:
    *settings, left, equals, right, query = [part for part in parts if getattr(part, "type", "") != "K_WHERE"]
    found = {"type": "inner"}
    for word, value in settings:
        if word not in {"type", "left", "right"}:
            said = f"join has no option {word}{suggestion(word, ('type', 'left', 'right'))}"
            raise malformed(said, (word.start_pos, word.end_pos))
        found[str(word)] = value
    if "left" not in found or "right" not in found or found["left"] == found["right"]:
        raise malformed("join names both its sides: left=NAME right=NAME", span)
    if found["type"].lower() not in KINDS:
        raise malformed(f"unknown type of join {found['type']}; the types are inner and left", span)
    if equals != "=":
        raise malformed("join compares with = alone", (equals.start_pos, equals.end_pos))
    keys = {key.segments[0]: key for key in (left, right) if len(key.segments) > 1}
    if set(keys) != {found["left"], found["right"]}:
        raise malformed(f"join compares a field {found['left']}.… with a field {found['right']}.…", left.span)
    own, other = (Name(key.span, key.segments[1:]) for key in (keys[found["left"]], keys[found["right"]]))
    return Join(span, found["type"].lower(), found["left"], found["right"], own, other, query)


COMMAND = Command(
    name="join",
    words=("join",),
    grammar='setting* K_WHERE field COMPARISON field "(" subquery ")"',
    build=_build,
    syntax='join [type=inner|left] left=L right=R where L.FIELD = R.FIELD (SOURCE "GROUP" | …)',
    help="Puts the rows of a subquery beside those with an equal value; fields are then called `L.x` and `R.y`.",
)
