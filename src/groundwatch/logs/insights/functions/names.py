"""What SQL and PPL call functions and aggregates, and which of the tables' they mean."""

from __future__ import annotations

from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.functions.open_search import OPEN_SEARCH, PREFIX

AGGREGATE_NAMES = {
    **{name: name for name in ("count", "sum", "avg", "min", "max", "median", "earliest", "latest")},
    "mean": "avg",
    "stddev": PREFIX + "stddev_samp",
    "stddev_samp": PREFIX + "stddev_samp",
    "stddev_pop": "stddev",
    "variance": PREFIX + "var_samp",
    "var_samp": PREFIX + "var_samp",
    "var_pop": "variance",
    "percentile": "pct",
    "percentile_approx": "pct",
    "distinct_count": "count_distinct",
    "dc": "count_distinct",
    "distinct_count_approx": "count_distinct",
    "approx_count_distinct": "count_distinct",
    "collect_set": "values",
    "values": "values",
    "count_distinct": "count_distinct",
}
"""By what the languages call them, what Insights' own language calls them."""
CASTS = {
    **dict.fromkeys(("string", "varchar", "text", "char", "nvarchar"), "to_text"),
    **dict.fromkeys(("int", "integer", "bigint", "long", "smallint", "tinyint", "short", "byte"), "to_whole"),
    **dict.fromkeys(("double", "float", "decimal", "real", "numeric"), "to_double"),
    **dict.fromkeys(("boolean", "bool"), "to_boolean"),
    "timestamp": "to_timestamp",
    "datetime": "to_timestamp",
    "date": "to_date",
}
"""Functions that convert to a type."""


def function_named(name: str, span: Span) -> str:
    """Return the name in the table of the function that a query calls; `MalformedQueryException` for unknown ones."""
    known = PREFIX + name.lower()
    if known in OPEN_SEARCH:
        return known
    if name.lower() in AGGREGATE_NAMES:
        return AGGREGATE_NAMES[name.lower()]
    names = [*(one.removeprefix(PREFIX) for one in OPEN_SEARCH), *AGGREGATE_NAMES]
    raise malformed(f"unknown function {name}{suggestion(name, names)}", span)


def cast_to(type_name: str, span: Span) -> str:
    """Return the name of the function that converts to a type."""
    word = type_name.lower().partition("(")[0].strip()
    if word not in CASTS:
        raise malformed(f"unknown type {type_name}{suggestion(word, CASTS)}", span)
    return PREFIX + CASTS[word]
