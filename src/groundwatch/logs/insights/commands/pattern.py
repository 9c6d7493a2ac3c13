"""`pattern`, `diff` and `logcompare`: which texts are alike, and how often each kind occurs now and earlier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command, Stage
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.functions.times import UNIT_MS
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import MESSAGE, Column, Pipeline
from groundwatch.logs.insights.values import Value, as_text

DAY_MS = UNIT_MS["d"]
DIFFS = {"previousday": DAY_MS, "previousweek": 7 * DAY_MS, "previousmonth": 30 * DAY_MS}
COLUMNS = {
    "@PatternId": ("id", "text"),
    "@pattern": ("pattern", "text"),
    "@ratio": ("ratio", "text"),
    "@sampleCount": ("count", "number"),
    "@severityLabel": ("severity", "text"),
    "@regexString": ("regex", "text"),
    "@tokens": ("tokens", "text"),
    "@logSamples": ("samples", "text"),
}
"""What a pattern is shown by, with the member of it and its kind."""
DIFF_COLUMNS = {
    "@PatternId": ("id", "text"),
    "@pattern": ("pattern", "text"),
    "@sampleCount": ("count", "number"),
    "@differenceCount": ("difference", "number"),
    "@differenceDescription": ("change", "text"),
    "@severityLabel": ("severity", "text"),
    "@logSamples": ("samples", "text"),
}


class Pattern(Node, frozen=True):
    """The field with the texts."""

    field: Name

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by the patterns, the most frequent first."""
        _replace(pipeline, self.field, self.span)
        _project(pipeline, COLUMNS)
        pipeline.sort([f"{pipeline.names['@sampleCount'].sql} DESC"], counts=False)


class Diff(Node, frozen=True):
    """The field, and how much earlier the period is that is compared with; None for the one just before."""

    field: Name
    shift_ms: int | None

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by the patterns of both periods, those first that changed most."""
        window = pipeline.window
        length = window.end_ms - window.start_ms + 1
        if self.shift_ms is not None and self.shift_ms < length:
            raise malformed("the range of the query and the period that it is compared with overlap", self.span)
        pipeline.compared_ms = self.shift_ms or length
        _replace(pipeline, self.field, self.span)
        _project(pipeline, DIFF_COLUMNS)
        pipeline.sort([f"abs({pipeline.names['@differenceCount'].sql}) DESC"], counts=False)


def joined(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the commands with each `pattern FIELD | diff` as one: it compares the patterns of that field."""
    found: list[Stage] = []
    for stage in stages:
        last = found[-1] if found else None
        if isinstance(stage, Diff) and isinstance(last, Pattern):
            found[-1] = Diff(stage.span, last.field, stage.shift_ms)
        else:
            found.append(stage)
    return tuple(found)


def _replace(pipeline: Pipeline, field: Name, span: Span) -> None:
    pipeline.require_no_dedup(span)
    pipeline.require_no_order(span)
    if pipeline.fork is None:
        raise malformed("a subquery cannot look for patterns", span)
    if not pipeline.events or pipeline.mined_text:
        raise malformed("patterns are looked for in events, which stats and pattern replace", span)
    pipeline.mine(as_text(resolve(field, pipeline)))


def _project(pipeline: Pipeline, columns: dict[str, tuple[str, str]]) -> None:
    for name, (member, kind) in columns.items():
        raw = pipeline.bind(member, "String")
        if kind == "number":
            value = Value("number", f"toNullable(JSONExtractFloat(mined, {raw}))")
        else:
            value = Value("text", f"toNullable(JSONExtractString(mined, {raw}))")
        pipeline.project(Column(name, pipeline.define(name, value)))


def _build_pattern(parts: Sequence[Any], span: Span) -> Pattern:
    return Pattern(span, parts[0])


def _build_diff(parts: Sequence[Any], span: Span) -> Diff:
    chosen = parts[0]
    if chosen is not None and chosen.text.lower() not in DIFFS:
        raise malformed(
            "diff compares with the period before, or previousDay, previousWeek, previousMonth", chosen.span
        )
    return Diff(span, Name(span, (MESSAGE,)), None if chosen is None else DIFFS[chosen.text.lower()])


def _build_logcompare(parts: Sequence[Any], span: Span) -> Diff:
    period = parts[-1]
    if period.unit not in UNIT_MS or not period.count:
        raise malformed("timeshift is a period of fixed length: use days", period.span)
    return Diff(span, Name(span, (MESSAGE,)), period.count * UNIT_MS[period.unit])


PATTERN = Command(
    name="pattern",
    words=("pattern",),
    grammar="field",
    build=_build_pattern,
    syntax="pattern FIELD",
    help="Replaces the rows by the patterns of their texts, with number, share, severity, tokens and samples.",
)
DIFF = Command(
    name="diff",
    words=("diff",),
    grammar="[field]",
    build=_build_diff,
    syntax="diff [previousDay|previousWeek|previousMonth]",
    help="Compares the patterns of the messages with those of the period before, or a day, week or 30 days earlier.",
)
LOGCOMPARE = Command(
    name="logcompare",
    words=("logcompare",),
    grammar="K_TIMESHIFT period",
    build=_build_logcompare,
    syntax="logcompare timeshift PERIOD",
    help="The same as `diff`, with a period that began so much earlier.",
)
