"""The one table of commands: the parser, its complaints and the documentation are made from it."""

from __future__ import annotations

from groundwatch.logs.insights.commands import (
    addtotals,
    append_columns,
    count_frequent,
    dedup,
    display,
    estimate,
    expand,
    fields,
    fill_missing,
    filter_index,
    filtering,
    join,
    json_member,
    limit,
    lookup,
    outlier,
    parsing,
    pattern,
    running,
    sessionize,
    sort,
    source,
    stats,
    tail,
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
    filter_index.COMMAND,
    json_member.COMMAND,
    join.COMMAND,
    lookup.LOOKUP,
    lookup.CIDRLOOKUP,
    append_columns.COMMAND,
    running.ACCUM,
    running.AUTOREGRESS,
    running.FILLDOWN,
    sessionize.COMMAND,
    fill_missing.COMMAND,
    outlier.COMMAND,
    tail.COMMAND,
    estimate.COMMAND,
    pattern.PATTERN,
    pattern.DIFF,
    pattern.LOGCOMPARE,
)

NOT_YET = frozenset({"anomaly", "unmask", "relevantfields", "search"})
"""Commands that the service has and this server refuses by name."""
