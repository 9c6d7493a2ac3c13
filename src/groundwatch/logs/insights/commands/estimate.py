"""`estimate`: how much the query would read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.nodes import Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value

BYTES = "estimatedBytesScanned"


class Estimate(Node, frozen=True):
    """Has no arguments."""

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by one with the bytes of the messages in the range."""
        name = pipeline.new_name()
        pipeline.replace_events({name: "toFloat64(sum(length(message)))"})
        pipeline.project(Column(BYTES, pipeline.define(BYTES, Value("number", name))))


def _build(parts: Sequence[Any], span: Span) -> Estimate:  # noqa: ARG001 - a builder's form
    return Estimate(span)


COMMAND = Command(
    name="estimate",
    words=("estimate",),
    grammar="",
    build=_build,
    syntax="estimate",
    help=f"Gives the bytes that the query would read, as `{BYTES}`, instead of its rows; stands last.",
)
