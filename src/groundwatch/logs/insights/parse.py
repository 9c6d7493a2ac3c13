"""From the text of a query to its commands: the grammar put together from the commands, and lark's tree made nodes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
from lark import Lark, Token, Tree

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.lookup import Pair
from groundwatch.logs.insights.commands.pattern import joined
from groundwatch.logs.insights.commands.source import Source, combined, moment
from groundwatch.logs.insights.commands.stats import MAX_STATS, Stats
from groundwatch.logs.insights.commands.table import COMMANDS, NOT_YET
from groundwatch.logs.insights.complaints import Vocabulary, parsed, too_deep, unsupported
from groundwatch.logs.insights.errors import malformed, placing
from groundwatch.logs.insights.selection import Moment, Selection
from groundwatch.logs.insights.tree import TreeBuilder, text_of

WORDS = (
    *("any", "by", "asc", "desc", "multi", "logfmt", "csv", "start", "end", "now", "where", "offset", "maxspan"),
    *("with", "for", "timeshift", "output", "outputnew"),
)
"""Words inside commands that may also be names."""


class Query(msgspec.Struct, frozen=True):
    """A query, and its commands in their order."""

    text: str
    stages: tuple[Stage, ...]
    selection: Selection | None = None
    """The groups that it chooses itself."""
    inner: tuple[Selection, ...] = ()
    """Those that its subqueries choose."""
    strict: bool = True
    """Whether the language has rules about which command may follow which."""


def parse_query(text: str) -> Query:
    """Return the commands of a query; raises `MalformedQueryException` with the place of the first fault."""
    with placing(text):
        return _parse(text)


def _parse(text: str) -> Query:
    words = [word for command in COMMANDS for word in command.words]
    tree = parsed(_parser(), text, Vocabulary(words, NOT_YET))
    builder = _Builder(text)
    try:
        selection, stages = builder.build(tree)
    except RecursionError as error:
        raise too_deep() from error
    return Query(text, stages, selection, tuple(builder.inner))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(grammar_text(), parser="lalr", start="query", maybe_placeholders=True, propagate_positions=True)


def grammar_text() -> str:
    """Return the whole grammar: the rules of expressions and one of each command in the table."""
    here = Path(__file__).parent
    base = "\n".join((here / name).read_text(encoding="utf-8") for name in ("expressions.lark", "grammar.lark"))
    ordinary = [f"command_{command.name}" for command in COMMANDS if not command.leads]
    rules = [f"?command: {' | '.join(ordinary)}"]
    rules += [f"command_{command.name}: _WORD_{command.name.upper()} {command.grammar}" for command in COMMANDS]
    rules += ["field: NAME", 'parsed_names: NAME ("," NAME)*']
    rules += [f"_WORD_{command.name.upper()}.9: /(?:{'|'.join(command.words)})(?![\\w@.])/i" for command in COMMANDS]
    rules += [f"K_{word.upper()}.9: /{word}(?![\\w@.(])/i" for word in WORDS]
    return "\n".join([base, *rules])


class _Builder(TreeBuilder):
    """Adds the commands of the table."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inner: list[Selection] = []
        self._within = False
        self._commands = {f"command_{command.name}": command for command in COMMANDS}

    def build(self, tree: Tree[Token]) -> tuple[Selection | None, tuple[Stage, ...]]:
        """Return the groups that the query chooses, and its commands."""
        steps = [self._command(child) for child in cast("list[Tree[Token]]", tree.children)]
        sources = [step for step in steps if isinstance(step, Source)]
        stages = tuple(step for step in steps if not isinstance(step, Source))
        surplus = [stage for stage in stages if isinstance(stage, Stats)][MAX_STATS:]
        if surplus:
            raise malformed(f"a query has at most {MAX_STATS} stats commands", surplus[0].span)
        return combined(sources), joined(stages)

    def _command(self, tree: Tree[Token]) -> Stage:
        return self._commands[tree.data].build(self.parts(tree), self.span(tree))

    def _subquery(self, tree: Tree[Token]) -> nodes.Subquery:
        if self._within:
            raise malformed("a subquery cannot have a subquery itself", self.span(tree))
        self._within = True
        selection, stages = self.build(tree)
        self._within = False
        if selection is not None:
            self.inner.append(selection)
        return nodes.Subquery(self.span(tree), selection, stages)

    def _in_query(self, tree: Tree[Token]) -> nodes.InQuery:
        subject, word, query = self.parts(tree)
        return nodes.InQuery(self.span(tree), subject, query, negated=word.type == "NOT_IN")

    def _options(self, tree: Tree[Token]) -> list[Any]:
        return [option for option in self.parts(tree) if option is not None]

    def _option(self, tree: Tree[Token]) -> tuple[Token, list[str]]:
        word, *values = tree.children
        return cast("Token", word), [text_of(cast("Token", value)) for value in values]

    def _setting(self, tree: Tree[Token]) -> tuple[Token, str]:
        word, sign, value = cast("list[Token]", tree.children)
        if sign != "=":
            raise malformed(f"the option {word} has its value behind =", self.span(tree))
        return word, str(value)

    def _pairs(self, tree: Tree[Token]) -> tuple[Pair, ...]:
        return tuple(self.parts(tree))

    def _pair(self, tree: Tree[Token]) -> Pair:
        column, field = self.parts(tree)
        return Pair(column, field or column)

    def _moment(self, tree: Tree[Token]) -> Moment:
        return moment(self.parts(tree), self.span(tree))

    def _data_source(self, tree: Tree[Token]) -> NoReturn:
        raise unsupported("SOURCE dataSource(…)", self.span(tree))
