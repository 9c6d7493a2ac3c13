"""`relevantfields`: in which fields the events that satisfy a condition differ from the others.

The guide names the columns and the scale of the score, and leaves open how it is computed. Here it is the part of the
events that would have to change for both sides to be alike: for texts the total variation distance of the frequencies,
for numbers the greatest distance of the cumulative distributions (Kolmogorov and Smirnov), or how much more often the
field is missing, if that is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.lowering import lower, resolve
from groundwatch.logs.insights.nodes import Expression, Name, Node, found_in
from groundwatch.logs.insights.pipeline import MESSAGE, Column, Pipeline
from groundwatch.logs.insights.values import Value, as_condition, as_text, json_text

MAX_FIELDS = 100
DEPTH = 3
"""Objects within one another whose members are looked at where no fields are named."""
FREQUENT = 20
"""Values of a field that count each for itself; what is rarer, or there once, counts together. Else ids would win."""
SHOWN = 5
COLUMNS = {
    "@fieldName": ("field", "text"),
    "@relevanceScore": ("score", "number"),
    "@topRelevanceContributors": ("contributors", "text"),
    "@conditionalMedian": ("median_1", "number"),
    "@baselineMedian": ("median_0", "number"),
}
# Every event has a pair without a name, whose counts are those of all events.
COUNTED = """
    SELECT pair.1 AS field, pair.2 AS value, countIf({met} = 1) AS with_1, countIf({met} = 0) AS with_0,
    toFloat64OrNull(value) AS number
    FROM (SELECT {met}, arrayJoin({pairs}) AS pair FROM ({rows})) GROUP BY field, value
"""
SHARED = """
    SELECT *, sumIf(with_1, field = '') OVER () AS all_1, sumIf(with_0, field = '') OVER () AS all_0,
    sum(with_1) OVER whole AS present_1, sum(with_0) OVER whole AS present_0,
    countIf(isNull(number) OR NOT isFinite(number)) OVER whole = 0 AS numeric,
    sum(with_1) OVER rising AS below_1, sum(with_0) OVER rising AS below_0,
    row_number() OVER (PARTITION BY field ORDER BY with_1 + with_0 DESC, value) <= {frequent} AND with_1 + with_0 > 1
    AS frequent, with_1 / all_1 AS part_1, with_0 / all_0 AS part_0
    FROM ({counted}) WINDOW whole AS (PARTITION BY field), rising AS (PARTITION BY field ORDER BY number)
"""
SCORED = """
    SELECT field, any(numeric) AS is_numeric,
    abs(any(present_1) / any(all_1) - any(present_0) / any(all_0)) AS missing,
    (sumIf(abs(part_1 - part_0), frequent) + abs(sumIf(part_1 - part_0, NOT frequent)) + missing) / 2 AS apart,
    max(abs(below_1 / nullIf(present_1, 0) - below_0 / nullIf(present_0, 0))) AS distance,
    toNullable(if(is_numeric, greatest(ifNull(distance, 0), missing), apart)) AS score,
    arraySort(one -> (-abs(one.2 - one.3), one.1),
        groupArrayIf((value, part_1, part_0), frequent AND part_1 != part_0)) AS shifts,
    if(is_numeric, NULL, toJSONString(arrayMap(one -> map('value', one.1, 'conditionalFrequency',
        toString(round(one.2, 4)), 'baselineFrequency', toString(round(one.3, 4))), arraySlice(shifts, 1, {shown})))
    ) AS contributors,
    {median_1} AS median_1, {median_0} AS median_0
    FROM ({shared}) WHERE field != '' AND all_1 > 0 AND all_0 > 0 GROUP BY field
"""
MEDIAN = "quantileExactWeighted(0.5)(ifNull(number, 0), with_{side})"
MEDIAN_OF_NUMBERS = f"if(is_numeric AND any(present_{{side}}) > 0, toNullable({MEDIAN}), NULL)"


class RelevantFields(Node, frozen=True):
    """The fields, none for all that JSON messages have, and the condition."""

    fields: tuple[Name, ...]
    condition: Expression

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by one for each field, that in which both sides differ most first."""
        pipeline.require_no_dedup(self.span)
        pipeline.require_no_order(self.span)
        if not pipeline.events:
            raise malformed("relevantfields looks at events, which stats and pattern replace", self.span)
        met = pipeline.column(as_condition(lower(self.condition, pipeline)))
        pairs = pipeline.column(f"arrayConcat([('', '')], {self._pairs(pipeline)})")
        pipeline.recompose(lambda rows: _scored(met, pairs, rows))
        for name, (column, kind) in COLUMNS.items():
            value = Value("number" if kind == "number" else "text", column)
            pipeline.project(Column(name, pipeline.define(name, value)))
        pipeline.sort(["score DESC", "field ASC"], counts=False)

    def _pairs(self, pipeline: Pipeline) -> str:
        if not self.fields:
            named = [name.text for name in found_in(self.condition, Name)]
            skipped = pipeline.bind(named or [""], "Array(String)")
            found = _members(pipeline.shared(as_text(pipeline.system(MESSAGE))), DEPTH)
            return f"arrayFilter(pair -> NOT has({skipped}, pair.1) AND pair.2 != '', {found})"
        made = [
            f"({pipeline.bind(field.text, 'String')}, ifNull({as_text(resolve(field, pipeline))}, ''))"
            for field in self.fields
        ]
        # What is missing and what is empty are alike here.
        return f"arrayFilter(pair -> pair.2 != '', [{', '.join(made)}])"


def _scored(met: str, pairs: str, rows: str) -> str:
    shared = SHARED.format(counted=COUNTED.format(met=met, pairs=pairs, rows=rows), frequent=FREQUENT)
    medians = {f"median_{side}": MEDIAN_OF_NUMBERS.format(side=side) for side in (0, 1)}
    return SCORED.format(shared=shared, shown=SHOWN, **medians)


def _members(document: str, depth: int) -> str:
    """Return the members of a JSON object that are no structures, with their names from the outermost object on."""
    every = f"JSONExtractKeysAndValuesRaw({document})"
    one = f"member_{depth}"
    plain = f"arrayMap({one} -> ({one}.1, ifNull({json_text(f'{one}.2')}, '')), {every})"
    if depth == 1:
        return plain
    inner = f"inner_{depth}"
    below = (
        f"arrayFlatten(arrayMap({one} -> arrayMap({inner} -> (concat({one}.1, '.', {inner}.1), {inner}.2), "
        f"{_members(f'{one}.2', depth - 1)}), arrayFilter({one} -> startsWith({one}.2, '{{'), {every})))"
    )
    return f"arrayConcat({plain}, {below})"


def _build(parts: Sequence[Any], span: Span) -> RelevantFields:
    condition = parts[-1]
    fields = tuple(part for part in parts[:-1] if isinstance(part, Name))
    if len(fields) > MAX_FIELDS:
        raise malformed(f"relevantfields looks at up to {MAX_FIELDS} fields", span)
    return RelevantFields(span, fields, condition)


COMMAND = Command(
    name="relevantfields",
    words=("relevantfields",),
    grammar='[field ("," field)*] K_WHERE expr',
    build=_build,
    syntax="relevantfields [FIELD, …] where CONDITION",
    help="Tells in which fields the events that satisfy the condition differ from the others, from 0 to 1.",
)
