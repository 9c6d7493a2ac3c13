"""What a query may do with log groups of the cheaper classes (User Guide, log classes and the commands' own pages).

The service documents which commands they lack, but not the words of its refusal: these are our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwatch.logs.catalog import STANDARD, LogGroup
from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.filter_index import FilterIndex
from groundwatch.logs.insights.commands.pattern import Diff, Pattern
from groundwatch.logs.insights.commands.stats import Stats
from groundwatch.logs.insights.errors import malformed, placing
from groundwatch.logs.insights.nodes import Call, Subquery, found_in
from groundwatch.logs.insights.parse import Query
from groundwatch.logs.insights.reach import UNMASK
from groundwatch.logs.insights.selection import Selection

REFUSED: Mapping[type, str] = {Pattern: "pattern", Diff: "diff", FilterIndex: "filterIndex"}
MAX_STATS = 2


def check_classes(
    language: str, query: Query, groups: Sequence[LogGroup], chosen: Mapping[Selection, Sequence[LogGroup]]
) -> None:
    """Refuse a query that reads a group of a class for which it is not; `MalformedQueryException` with the place."""
    with placing(query.text):
        _check(language, query.stages, groups)
        for inner in found_in(query.stages, Subquery):
            _check(language, inner.stages, groups if inner.selection is None else chosen.get(inner.selection, ()))


def _check(language: str, stages: Sequence[Stage], groups: Sequence[LogGroup]) -> None:
    cheap = next((group for group in groups if group.log_group_class != STANDARD), None)
    if cheap is None:
        return
    where = f"for log groups of the class {cheap.log_group_class}, such as {cheap.name}"
    if language != "CWLI":
        raise malformed(f"queries in {language} are not supported {where}", stages[0].span if stages else None)
    for stage in stages:
        if type(stage) in REFUSED:
            raise malformed(f"{REFUSED[type(stage)]} is not supported {where}", stage.span)
        call = next((call for call in found_in(stage, Call) if call.function.lower() == UNMASK), None)
        if call is not None:
            raise malformed(f"unmask is not supported {where}", call.span)
    surplus = [stage for stage in stages if isinstance(stage, Stats)][MAX_STATS:]
    if surplus:
        raise malformed(f"more than {MAX_STATS} stats commands are not supported {where}", surplus[0].span)
