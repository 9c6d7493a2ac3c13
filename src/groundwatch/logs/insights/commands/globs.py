"""Globs of `parse`: fields out of text by what stands between them."""

from __future__ import annotations

import re2

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.lowering import text_of
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import NULL, Value

MOST_WILDCARDS = 10
"""Each makes a layer of the statement; more are sought by an expression."""


class ParseGlob(nodes.Node, frozen=True):
    """The texts around wildcards, none empty between two of them, names for what is between, and the field to search.

    A wildcard is the shortest text up to what follows; the last one, at the end of the glob, is the rest. What follows
    a text is sought behind its first place: if it is not there, no later place helps. So no expression is needed, which
    would take six times as long.
    """

    source: nodes.Name | None
    pieces: tuple[str, ...]
    names: tuple[str, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names; a text without the pieces leaves them unset."""
        pipeline.require_no_dedup(self.span)
        source = text_of(self.source, pipeline)
        text = pipeline.shared(f"ifNull({source}, '')")
        begins, places = self._places(text, pipeline)
        found = pipeline.column(" AND ".join([f"isNotNull({source})", *(f"{place} > 0" for place in places if place)]))
        for name, begin, end in zip(self.names, begins, places[1:], strict=True):
            length = f", {end} - ({begin})" if end else ""
            # The place is missing and not the text: for an `if` around it the engine would copy the texts first.
            value = Value("text", f"substring({text}, if({found}, {begin}, {NULL}){length})")
            pipeline.project(Column(name, pipeline.define(name, value)))

    def _places(self, text: str, pipeline: Pipeline) -> tuple[list[str], list[str]]:
        """Return where each wildcard begins, in bytes from 1 on, and the column with the place of each piece.

        A place is 0 where the piece is not found. An empty piece, at an end of the glob, has no column.
        """
        begins, places = ["1"], []
        for piece in self.pieces:
            sought = f"position({text}, {pipeline.bind(piece, 'String')}, {begins[-1]})"
            places.append(pipeline.column(sought) if piece else "")
            begins.append(f"{places[-1]} + {len(piece.encode())}" if piece else "1")
        return begins[1:-1], places


def glob_expression(glob: str) -> str:
    """Return the regular expression of a glob: each `*` the shortest text up to what follows, the last one the rest."""
    pieces = glob.split("*")
    expression = "(.*?)".join(re2.escape(piece) for piece in pieces)
    if pieces[-1] == "" and len(pieces) > 1:
        expression = f"{expression[: -len('(.*?)')]}(.*)"
    start = "^" if pieces[0] == "" else ""
    # In the engine a dot matches a line end, too.
    return f"{start}{expression}"
