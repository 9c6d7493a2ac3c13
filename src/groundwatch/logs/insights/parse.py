"""From the text of a query to its commands: the grammar put together from the commands, and lark's tree made nodes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

import msgspec
from lark import Lark, Token, Tree

from groundwatch.logs.insights.commands.command import Command, Stage
from groundwatch.logs.insights.commands.stats import MAX_STATS, Stats
from groundwatch.logs.insights.commands.table import COMMANDS, NOT_YET
from groundwatch.logs.insights.complaints import Vocabulary, parsed, too_deep
from groundwatch.logs.insights.errors import malformed, placing
from groundwatch.logs.insights.tree import TreeBuilder

WORDS = ("any", "by", "asc", "desc", "multi", "logfmt", "csv")
"""Words inside commands that may also be names."""


class Query(msgspec.Struct, frozen=True):
    """A query, and its commands in their order."""

    text: str
    stages: tuple[Stage, ...]


def parse_query(text: str) -> Query:
    """Return the commands of a query; raises `MalformedQueryException` with the place of the first fault."""
    with placing(text):
        return _parse(text)


def _parse(text: str) -> Query:
    tree = parsed(_parser(), text, Vocabulary([word for command in COMMANDS for word in command.words], NOT_YET))
    try:
        stages = _Builder(text).build(tree)
    except RecursionError as error:
        raise too_deep() from error
    surplus = [stage for stage in stages if isinstance(stage, Stats)][MAX_STATS:]
    if surplus:
        raise malformed(f"a query has at most {MAX_STATS} stats commands", surplus[0].span)
    return Query(text, tuple(stages))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(grammar_text(), parser="lalr", start="query", maybe_placeholders=True, propagate_positions=True)


def grammar_text() -> str:
    """Return the whole grammar: the rules of expressions and one of each command in the table."""
    base = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    rules = [f"?command: {' | '.join(f'command_{command.name}' for command in COMMANDS)}"]
    rules += [f"command_{command.name}: _WORD_{command.name.upper()} {command.grammar}" for command in COMMANDS]
    rules += ["field: NAME", "text: STRING", 'parsed_names: NAME ("," NAME)*']
    rules += [f"_WORD_{command.name.upper()}.9: /(?:{'|'.join(command.words)})(?![\\w@.])/i" for command in COMMANDS]
    rules += [f"K_{word.upper()}.9: /{word}(?![\\w@.(])/i" for word in WORDS]
    return "\n".join([base, *rules])


class _Builder(TreeBuilder):
    """Adds the commands of the table."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._commands = {f"command_{command.name}": command for command in COMMANDS}

    def build(self, tree: Tree[Token]) -> list[Stage]:
        """Return the commands."""
        return [self._command(self._commands[child.data], child) for child in cast("list[Tree[Token]]", tree.children)]

    def _command(self, command: Command, tree: Tree[Token]) -> Stage:
        return command.build(self.parts(tree), self.span(tree))
