"""`outlier`: values far from the middle half of all, taken out or brought back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.complaints import unsupported
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_number

ACTIONS = ("transform", "remove")
OPTIONS = ("action", "param", "uselower", "mark")
DEFAULT_REACH = 2.5


class Outlier(Node, frozen=True):
    """The fields, what happens to outliers, and how many ranges between the quartiles a value may lie beyond them."""

    fields: tuple[Name, ...]
    remove: bool
    reach: float
    both_sides: bool

    def lower(self, pipeline: Pipeline) -> None:
        """Drop the rows with an outlier, or put the bound in its place."""
        pipeline.require_no_dedup(self.span)
        for field in self.fields:
            self._treat(field, pipeline)

    def _treat(self, field: Name, pipeline: Pipeline) -> None:
        number = pipeline.column(as_number(resolve(field, pipeline)))
        low, high = (
            pipeline.windowed(f"quantileExactInclusiveOrNull({pipeline.bind(level, 'Float64')})({number})", whole=True)
            for level in (0.25, 0.75)
        )
        reach = f"{pipeline.bind(self.reach, 'Float64')} * ({high} - {low})"
        least, most = f"({low} - {reach})", f"({high} + {reach})"
        clamped = f"least({number}, {most})"
        if self.both_sides:
            clamped = f"greatest({clamped}, {least})"
        if self.remove:
            pipeline.keep(f"ifNull({number} = {clamped}, 1)")
        else:
            pipeline.replace(field.text, Value("number", f"if(isNull({number}), NULL, {clamped})"))


def _build(parts: Sequence[Any], span: Span) -> Outlier:
    fields = tuple(part for part in parts if isinstance(part, Name))
    found: dict[str, str] = {}
    for word, value in (part for part in parts if isinstance(part, tuple)):
        place = (word.start_pos, word.end_pos)
        if word.lower() not in OPTIONS:
            raise malformed(f"outlier has no option {word}{suggestion(word, OPTIONS)}", place)
        if word.lower() == "mark" and value.lower() != "false":
            raise unsupported("mark=true of outlier", place)
        found[word.lower()] = value.lower()
    action = found.get("action", "transform")
    if action not in ACTIONS:
        raise malformed(f"unknown action {action} of outlier{suggestion(action, ACTIONS)}", span)
    try:
        reach = float(found.get("param", DEFAULT_REACH))
    except ValueError as error:
        raise malformed("param of outlier is a number", span) from error
    return Outlier(span, fields, action == "remove", reach, found.get("uselower", "false") == "true")


COMMAND = Command(
    name="outlier",
    words=("outlier",),
    grammar='setting* field (","? field)*',
    build=_build,
    syntax="outlier [action=transform|remove] [param=2.5] [uselower=false] FIELD …",
    help="Clamps values more than `param` interquartile ranges beyond the quartiles, or removes their rows.",
)
