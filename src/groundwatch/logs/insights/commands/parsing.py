"""`parse`: fields out of text, by a glob or by a regular expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.globs import MOST_WILDCARDS, ParseGlob, glob_expression
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.lowering import text_of
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.regexes import compiled, for_engine, groups_alone, match_prefix
from groundwatch.logs.insights.values import Value, as_number

MAX_NAMES = 200
CSV_VALUE = r',(?:"((?:[^"]|"")*)"|([^,]*))'


class Parse(nodes.Node, frozen=True):
    """A regular expression, the names for its groups (empty for a group without one), and the field to search."""

    source: nodes.Name | None
    expression: str
    names: tuple[str, ...]
    multi: bool = False

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names from the first match, or with `multi` a row from each match."""
        pipeline.require_no_dedup(self.span)
        text = pipeline.shared(self._searched(text_of(self.source, pipeline), pipeline))
        alone = [] if self.multi else groups_alone(self.expression, len(self.names))
        if alone:
            for name, expression in zip(self.names, alone, strict=True):
                if name:
                    self._lower_one(name, text, pipeline.bind(expression, "String"), pipeline)
            return
        found = self._matches(text, pipeline.bind(self.expression, "String"), pipeline)
        for index, name in enumerate(self.names, start=1):
            if name:
                place = pipeline.bind(index, "UInt32")
                value = Value("text", f"if(empty({found}), NULL, {found}[{place}])")
                pipeline.project(Column(name, pipeline.define(name, value)))

    def _searched(self, text: str, pipeline: Pipeline) -> str:
        """Return the part of a text in which the first match is, if there is one."""
        prefix = match_prefix(self.expression)
        if not prefix:
            return text
        # Looking for a text is many times faster than for an expression; from place 0 on there is nothing.
        text = pipeline.shared(text)
        return f"substring({text}, position({text}, {pipeline.bind(prefix, 'String')}))"

    def _lower_one(self, name: str, text: str, pattern: str, pipeline: Pipeline) -> None:
        # Without an array for each row this takes half the time. Only what is empty may be no match at all.
        found = pipeline.column(f"extract(ifNull({text}, ''), {pattern})")
        empty = f"if(ifNull(match({text}, {pattern}), 0), '', NULL)"
        # As a number nothing and no match are the same.
        number = as_number(Value("text", found))
        value = Value("text", f"if(notEmpty({found}), {found}, {empty})", number=number)
        pipeline.project(Column(name, pipeline.define(name, value)))

    def _matches(self, text: str, pattern: str, pipeline: Pipeline) -> str:
        """Return the column with the array of the groups."""
        # Arrays cannot be null, so missing text is searched as an empty one and then told apart.
        if self.multi:
            every = f"extractAllGroupsVertical(ifNull({text}, ''), {pattern})"
            return pipeline.explode(f"if(isNull({text}), [], {every})")
        return pipeline.column(f"if(isNull({text}), [], extractGroups(ifNull({text}, ''), {pattern}))")


class ParseLogfmt(nodes.Node, frozen=True):
    """`key=value` pairs: the field to read, and the name of the map that they become."""

    source: nodes.Name | None
    name: str

    def lower(self, pipeline: Pipeline) -> None:
        """Define the map, whose members are read as `name.key`; quotes around values are dropped."""
        pipeline.require_no_dedup(self.span)
        text = text_of(self.source, pipeline)
        pairs = f"extractKeyValuePairs(ifNull({text}, ''), '=', ' ', '\"')"
        value = Value("json", f"toNullable(toJSONString({pairs}))")
        pipeline.project(Column(self.name, pipeline.define(self.name, value)))


class ParseCsv(nodes.Node, frozen=True):
    """Values between commas: the field to read, and their names by position."""

    source: nodes.Name | None
    names: tuple[str, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names; quotes are those of RFC 4180, and a name without a value stays unset."""
        pipeline.require_no_dedup(self.span)
        text = text_of(self.source, pipeline)
        # A comma before the first value makes all values alike.
        every = f"extractAllGroupsVertical(concat(',', ifNull({text}, '')), {pipeline.bind(CSV_VALUE, 'String')})"
        found = pipeline.column(f"if(isNull({text}), [], {every})")
        for index, name in enumerate(self.names, start=1):
            groups = f"{found}[{pipeline.bind(index, 'UInt32')}]"
            value = f"""if({groups}[1] != '', replaceAll({groups}[1], '""', '"'), {groups}[2])"""
            sql = f"if(length({found}) < {pipeline.bind(index, 'UInt32')}, NULL, {value})"
            pipeline.project(Column(name, pipeline.define(name, Value("text", sql))))


def _build(parts: Sequence[Any], span: Span) -> Parse | ParseGlob | ParseLogfmt | ParseCsv:
    source, pattern, names, *multi = parts
    aliases = tuple(name.text for name in names or ())
    if len(aliases) > MAX_NAMES:
        raise malformed(f"parse extracts at most {MAX_NAMES} fields", span)
    if isinstance(pattern, nodes.Text | nodes.Regex):
        return _from_pattern(span, source, pattern, aliases, multi[0])
    if pattern.type == "K_CSV":
        return ParseCsv(span, source, aliases)
    if len(aliases) != 1:
        raise malformed("parse logfmt has one name, that of the map", span)
    return ParseLogfmt(span, source, aliases[0])


def _from_pattern(
    span: Span,
    source: nodes.Name | None,
    pattern: nodes.Text | nodes.Regex,
    aliases: tuple[str, ...],
    multi: Token | None,
) -> Parse | ParseGlob:
    if isinstance(pattern, nodes.Regex):
        return from_regex(span, source, pattern, aliases, multi=multi is not None)
    stars = pattern.value.count("*")
    if multi is not None:
        raise malformed("multi needs a regular expression", span)
    if stars != len(aliases) or not stars:
        raise malformed(f"the pattern has {stars} wildcards (*) for {len(aliases)} names", pattern.span)
    if stars > MOST_WILDCARDS or "**" in pattern.value:
        return Parse(span, source, glob_expression(pattern.value), aliases)
    return ParseGlob(span, source, tuple(pattern.value.split("*")), aliases)


def from_regex(
    span: Span, source: nodes.Name | None, pattern: nodes.Regex, aliases: tuple[str, ...], *, multi: bool = False
) -> Parse:
    """Return the node of a regular expression; `MalformedQueryException` where its groups and the names do not fit."""
    expression = compiled(pattern)
    named = {index: name for name, index in expression.groupindex.items()}
    names = aliases or tuple(named.get(index, "") for index in range(1, expression.groups + 1))
    if not any(names):
        raise malformed("name the groups of the regular expression: (?<name>…), or (…) as name", pattern.span)
    if aliases and len(aliases) != expression.groups:
        raise malformed(f"the regular expression has {expression.groups} groups for {len(aliases)} names", pattern.span)
    return Parse(span, source, for_engine(pattern.expression), names, multi)


COMMAND = Command(
    name="parse",
    words=("parse",),
    grammar=("([field] (text | regex) [_AS parsed_names] [K_MULTI] | [field] (K_LOGFMT | K_CSV) _AS parsed_names)"),
    build=_build,
    syntax='parse [FIELD] "GLOB" as NAME, … | /REGEX/ [as NAME, …] [multi] | logfmt as NAME | csv as NAME, …',
    help="Extracts fields from `@message` or another field; a row without a match stays, without them.",
)
