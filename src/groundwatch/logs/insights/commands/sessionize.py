"""`sessionize`: which events of an identity belong together, as no long pause lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.functions.times import fixed_length_ms
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node, Period
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_text

SESSION = "session_id"
DEFAULT_PAUSE = 30
OLDEST_FIRST = ("timestamp ASC", "ingested ASC", "batch ASC", "seq ASC")


class Sessionize(Node, frozen=True):
    """The fields that tell whose an event is, the pause that ends a session, and the name of the session's id."""

    fields: tuple[Name, ...]
    pause: Period
    name: str

    def lower(self, pipeline: Pipeline) -> None:
        """Define the id: the identity and the number of the session, counted from 1; none without an identity."""
        pipeline.require_no_dedup(self.span)
        if not pipeline.events:
            raise malformed("sessionize needs the time of events, which stats drops", self.span)
        pause_ms = fixed_length_ms(self.pause)
        if pause_ms is None:
            raise malformed("maxspan is a period of fixed length: use days", self.pause.span)
        keys = [pipeline.column(as_text(resolve(field, pipeline))) for field in self.fields]
        earlier = pipeline.windowed("lagInFrame(toNullable(timestamp))", partition=keys, order=OLDEST_FIRST)
        begins = pipeline.column(f"ifNull(timestamp - {earlier} > {pipeline.bind(pause_ms, 'Int64')}, 1)")
        number = pipeline.windowed(f"sum({begins})", partition=keys, order=OLDEST_FIRST)
        # Null in one of the parts makes the whole null.
        identity = f"concat({', '.join([*(f'{key}, {chr(39)}-{chr(39)}' for key in keys), f'toString({number})'])})"
        pipeline.project(Column(self.name, pipeline.define(self.name, Value("text", identity))))


def _build(parts: Sequence[Any], span: Span) -> Sessionize:
    *fields, _, pause, name = parts
    return Sessionize(
        span, tuple(fields), pause or Period(span, DEFAULT_PAUSE, "m"), SESSION if name is None else name.text
    )


COMMAND = Command(
    name="sessionize",
    words=("sessionize",),
    grammar='field ("," field)* [K_MAXSPAN period] [_AS field]',
    build=_build,
    syntax="sessionize FIELD, … [maxspan PERIOD] [as NAME]",
    help=f"Adds an id of the session of each event, `{SESSION}` unless named; 30 minutes without an event end one.",
)
