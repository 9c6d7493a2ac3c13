"""The one table of commands: the parser, its complaints and the documentation are made from it."""

from __future__ import annotations

from groundwatch.logs.insights.commands import dedup, display, fields, filtering, limit, parsing, sort, stats
from groundwatch.logs.insights.commands.command import Command

COMMANDS: tuple[Command, ...] = (
    fields.COMMAND,
    display.COMMAND,
    filtering.COMMAND,
    stats.COMMAND,
    sort.COMMAND,
    limit.COMMAND,
    dedup.COMMAND,
    parsing.COMMAND,
)

NOT_YET = frozenset(
    {
        *("source", "unnest", "expand", "pattern", "anomaly", "diff", "logcompare", "unmask", "filterindex", "lookup"),
        *("cidrlookup", "join", "json", "accum", "addtotals", "appendcols", "autoregress", "countfrequent"),
        *("count_frequent", "estimate", "filldown", "fillmissing", "outlier", "relevantfields", "sessionize"),
        *("search", "order", "head", "tail"),
    }
)
"""Commands that the service has and this server refuses by name."""
