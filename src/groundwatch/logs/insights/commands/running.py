"""`accum`, `autoregress` and `filldown`: values that depend on the rows before."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

from lark import Token

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node, is_count
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text

MAX_ROWS_BACK = 100


class Accum(Node, frozen=True):
    """The field to add up, and the name of the sum; the field's own without one."""

    field: Name
    name: str

    def lower(self, pipeline: Pipeline) -> None:
        """Define the sum of the field over the rows up to each; a value that is no number adds nothing."""
        pipeline.require_no_dedup(self.span)
        number = pipeline.column(as_number(resolve(self.field, pipeline)))
        total = Value("number", pipeline.windowed(f"sumOrNull({number})"))
        pipeline.project(Column(self.name, pipeline.define(self.name, total)))


class AutoRegress(Node, frozen=True):
    """The field, and the names for its values so many rows before."""

    field: Name
    names: tuple[tuple[int, str], ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the earlier values; the first rows have none."""
        pipeline.require_no_dedup(self.span)
        kind, sql = plain(resolve(self.field, pipeline))
        column = pipeline.column(f"toNullable({sql})")
        for count, name in self.names:
            value = Value(kind, pipeline.windowed(f"lagInFrame({column}, {pipeline.bind(count, 'UInt32')})"))
            pipeline.project(Column(name, pipeline.define(name, value)))


class FillDown(Node, frozen=True):
    """The fields, some with wildcards; none for all columns."""

    fields: tuple[Name, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Put the last value that there was in place of missing ones."""
        pipeline.require_no_dedup(self.span)
        columns = {column.name: column.value for column in pipeline.columns()}
        for field in self.fields:
            if not any(fnmatch.fnmatchcase(name, field.text) for name in columns) and "*" not in field.text:
                columns[field.text] = resolve(field, pipeline)
        patterns = [field.text for field in self.fields] or ["*"]
        for name, value in columns.items():
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                kind, sql = plain(value)
                # The aggregate passes nulls over.
                found = pipeline.windowed(f"anyLast({pipeline.column(f'toNullable({sql})')})")
                pipeline.replace(name, Value(kind, found))


def plain(value: Value) -> tuple[Any, str]:
    """Return a value as one column, with its kind: a number or a time as such, everything else as text."""
    match value.kind:
        case "number" | "time":
            return value.kind, value.sql
        case "boolean":
            return "number", f"toFloat64({value.sql})"
        case _:
            return "text", as_text(value)


def _build_accum(parts: Sequence[Any], span: Span) -> Accum:
    field, name = parts
    return Accum(span, field, field.text if name is None else name.text)


def _build_autoregress(parts: Sequence[Any], span: Span) -> AutoRegress:
    field, alias, option, _, first, _, last = parts
    if option is not None and option.text.lower() != "p":
        raise malformed(f"autoregress has no option {option.text}; it has p", option.span)
    start = _count(first) if first is not None else 1
    end = _count(last) if last is not None else start
    if end < start:
        raise malformed("the range of p begins with the smaller number", (first.start_pos, last.end_pos))
    base = field.text if alias is None else alias.text
    single = alias is not None and last is None
    return AutoRegress(span, field, tuple((n, base if single else f"{base}_p{n}") for n in range(start, end + 1)))


def _count(token: Token) -> int:
    if not is_count(token, MAX_ROWS_BACK):
        raise malformed(f"p is between 1 and {MAX_ROWS_BACK}", (token.start_pos or 0, token.end_pos or 0))
    return int(token)


def _build_filldown(parts: Sequence[Any], span: Span) -> FillDown:
    names = [Name((p.start_pos or 0, p.end_pos or 0), (str(p),)) if isinstance(p, Token) else p for p in parts]
    return FillDown(span, tuple(names))


ACCUM = Command(
    name="accum",
    words=("accum",),
    grammar="field [_AS field]",
    build=_build_accum,
    syntax="accum FIELD [as NAME]",
    help="Adds the field up over the rows, in their order.",
)
AUTOREGRESS = Command(
    name="autoregress",
    words=("autoregress",),
    grammar="field [_AS field] [field COMPARISON NUMBER [MINUS NUMBER]]",
    build=_build_autoregress,
    syntax="autoregress FIELD [as NAME] [p=N | p=N-M]",
    help="Adds the field's value of N rows before, as `FIELD_pN` unless named.",
)
FILLDOWN = Command(
    name="filldown",
    words=("filldown",),
    grammar="(field | WILDCARD)*",
    build=_build_filldown,
    syntax="filldown [FIELD FIELD* …]",
    help="Puts the last value that there was in place of missing ones; of all columns unless some are named.",
)
