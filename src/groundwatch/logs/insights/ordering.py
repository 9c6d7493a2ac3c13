"""The natural order of values (User Guide, sort): text before numbers, runs of digits within text by their value."""

from __future__ import annotations

from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text

NEVER_NULL = frozenset({"timestamp", "ingested"})
"""Times of the events themselves."""
RUNS = "'[0-9]+|[^0-9]+'"


def sort_keys(value: Value, pipeline: Pipeline, descending: bool) -> list[str]:  # noqa: FBT001 - a direction
    """Return the ORDER BY terms. Rows that lack the value come first, descending last (undocumented)."""
    direction = "DESC" if descending else "ASC"
    return [f"{key} {direction}" for key in natural_key(value, pipeline)]


def natural_key(value: Value, pipeline: Pipeline) -> list[str]:
    """Return expressions, none null, whose order one after the other is the order of the values."""
    if value.sql in NEVER_NULL:
        return [value.sql]
    if value.kind in {"number", "time", "boolean"}:
        sql = pipeline.shared(value.sql)
        return [f"isNotNull({sql})", f"ifNull({sql}, 0)"]
    if value.double:
        # -0.0 is before 0.0, as in the order of their texts.
        sign = f"reinterpretAsInt64(ifNull({value.double}, 0)) >= 0"
        return [f"isNotNull({value.double})", f"ifNull({value.double}, 0)", sign]
    text = pipeline.shared(f"ifNull({as_text(value)}, '')")
    number = pipeline.shared(as_number(value))
    # A run of digits is compared by its length first, against other runs by its first character.
    run = "if(match(run, '^[0-9]'), concat('0', char(least(length(run), 255)), run), run)"
    runs = f"if(isNull({number}), arrayMap(run -> {run}, extractAll({text}, {RUNS})), [])"
    present = f"isNotNull({pipeline.shared(as_text(value))})"
    return [present, f"isNotNull({number})", f"ifNull({number}, 0)", runs, text]
