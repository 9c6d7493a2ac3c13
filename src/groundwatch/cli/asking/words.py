"""Completion of queries in shells, from the tables of the language."""

from __future__ import annotations

import re

import click
from click.shell_completion import CompletionItem

from groundwatch.logs.insights.commands.table import COMMANDS
from groundwatch.logs.insights.functions.aggregates import AGGREGATES
from groundwatch.logs.insights.functions.table import FUNCTIONS

LAST_WORD = re.compile(r"[A-Za-z_]*\Z")


def complete_query(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """Return how the last word of a query may go on: as a command behind a pipe, as a function elsewhere."""
    found_word = LAST_WORD.search(incomplete)
    word = found_word[0] if found_word else ""
    before = incomplete.removesuffix(word)
    start = before.rstrip()
    commands = {command.name.split("/")[0]: command.help for command in COMMANDS}
    functions = {each.name: each.help for each in FUNCTIONS.values()}
    functions |= {each.name: each.help for each in AGGREGATES.values()}
    known = commands if not start or start.endswith("|") else functions
    found = {name: text for name, text in known.items() if name.lower().startswith(word.lower())}
    return [CompletionItem(before + name, help=text) for name, text in sorted(found.items())]
