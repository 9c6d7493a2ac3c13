"""The one table of commands: the parser, its complaints and the documentation are made from it."""

from __future__ import annotations

from groundwatch.logs.insights.commands import (
    addtotals,
    count_frequent,
    dedup,
    display,
    expand,
    fields,
    filtering,
    limit,
    parsing,
    sort,
    source,
    stats,
    unnest,
)
from groundwatch.logs.insights.commands.command import Command

COMMANDS: tuple[Command, ...] = (
    source.COMMAND,
    fields.COMMAND,
    display.COMMAND,
    filtering.COMMAND,
    stats.COMMAND,
    sort.COMMAND,
    limit.COMMAND,
    dedup.COMMAND,
    parsing.COMMAND,
    unnest.COMMAND,
    expand.COMMAND,
    count_frequent.COMMAND,
    addtotals.COMMAND,
)

NOT_YET = frozenset(
    {
        *("pattern", "anomaly", "diff", "logcompare", "unmask", "filterindex", "lookup"),
        *("cidrlookup", "join", "json", "accum", "appendcols", "autoregress"),
        *("estimate", "filldown", "fillmissing", "outlier", "relevantfields", "sessionize"),
        *("search", "order", "head", "tail"),
    }
)
"""Commands that the service has and this server refuses by name."""
