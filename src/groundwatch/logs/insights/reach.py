"""Which log groups a query names in its own text, for whoever must know before it is run."""

from __future__ import annotations

import msgspec

from groundwatch.logs.insights.commands.lookup import Lookup
from groundwatch.logs.insights.languages import parse_in
from groundwatch.logs.insights.nodes import Call, found_in

UNMASK = "unmask"


class Reach(msgspec.Struct, frozen=True):
    """Names or ARNs of log groups, and the beginnings of names by which more are chosen; an empty one chooses all."""

    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    """Lookup tables."""
    unmasks: bool = False


def reach_of(language: str, text: str) -> Reach:
    """Return what a query and its subqueries name; raises as `parse_in` does for one that this server cannot read."""
    query = parse_in(language, text)
    selections = [*([] if query.selection is None else [query.selection]), *query.inner]
    names = [name for one in selections for name in one.names]
    prefixes = [prefix for one in selections if one.filter is not None for prefix in one.filter.prefixes or ("",)]
    tables = [lookup.table.text for lookup in found_in(query.stages, Lookup)]
    unmasks = any(call.function.lower() == UNMASK for call in found_in(query.stages, Call))
    names, prefixes, tables = (list(dict.fromkeys(found)) for found in (names, prefixes, tables))
    return Reach(tuple(names), tuple(prefixes), tuple(tables), unmasks)
