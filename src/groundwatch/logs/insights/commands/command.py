"""What a command of the query language consists of: a row of the table of commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.pipeline import Pipeline


class Stage(Protocol):
    """A command in a query: its node."""

    @property
    def span(self) -> Span:
        """Where it stands."""

    def lower(self, pipeline: Pipeline) -> None:
        """Do to the pipeline what the command means; raises `MalformedQueryException` where it means nothing."""


class Command(msgspec.Struct, frozen=True):
    """A command: its words, its grammar, and how a parsed one becomes a node."""

    name: str
    words: tuple[str, ...]
    """What it is called by, in lower case; letters of either case are accepted."""
    grammar: str
    """The right side of its lark rule, after the word; named tokens are kept, quoted words are not."""
    build: Callable[[Sequence[Any], Span], Stage]
    """From what the grammar's children were built to."""
    syntax: str
    help: str
    leads: bool = False
    """Whether it stands before all commands, and chooses what they work on."""
