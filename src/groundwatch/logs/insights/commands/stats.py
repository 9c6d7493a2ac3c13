"""`stats`: aggregates over all rows, or over the rows of each group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.functions.aggregates import AGGREGATES, AggregateCall
from groundwatch.logs.insights.functions.times import fixed_length_ms
from groundwatch.logs.insights.lowering import lower, lowering_with
from groundwatch.logs.insights.nodes import Item, Node
from groundwatch.logs.insights.pipeline import BinKey, Column, Pipeline
from groundwatch.logs.insights.values import Packed, Value, as_text

MAX_STATS = 10


class Stats(Node, frozen=True):
    """The aggregates, and the keys of the groups."""

    items: tuple[Item, ...]
    keys: tuple[Item, ...]
    offset: nodes.Period | None = None
    """How far the bins among the keys are shifted."""
    keys_first: bool = True
    """Whether the keys are the first columns."""

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by a row for each group, and compute on the aggregates what the items ask."""
        pipeline.require_no_dedup(self.span)
        pipeline.require_no_order(self.span)
        made = Parts(pipeline)
        pipeline.bin_shift_ms = self._shift_ms()
        keys = [(item, made.key(lower(item.expression, pipeline))) for item in self.keys]
        pipeline.bin_shift_ms = 0
        self._check_topk()
        found: dict[Span, Value] = {}
        for item in self.items:
            calls = list(_aggregates(item.expression))
            if not calls and not _reuses(item.expression, self.items):
                lower(item.expression, pipeline)
                raise malformed(f"stats needs an aggregate function, which {item.name} has not", item.span)
            for call in calls:
                made.grows = made.grows or AGGREGATES[call.function.lower()].grows
                found[call.span] = made.aggregate(_applied(call, pipeline))
        pipeline.group(made.keys, made.aggregates, made.packed())
        grouped = [Column(item.name, pipeline.define(item.name, value)) for item, value in keys]
        pipeline.bins = {value.sql: key for item, value in keys if (key := _bin_key(item))}
        computed = []
        for item in self.items:
            value = lowering_with(found, item.expression, pipeline)
            computed.append(Column(item.name, pipeline.define(item.name, value)))
        for column in [*grouped, *computed] if self.keys_first else [*computed, *grouped]:
            pipeline.project(column)

    def _shift_ms(self) -> int:
        if self.offset is None:
            return 0
        length = fixed_length_ms(self.offset)
        if length is None:
            raise malformed("the offset of bins is a period of fixed length: use days", self.offset.span)
        return length

    def _check_topk(self) -> None:
        calls = [call for item in self.items for call in _aggregates(item.expression)]
        top = next((call for call in calls if call.function.lower() == "topk"), None)
        if top is not None and (self.keys or len(calls) > 1):
            raise malformed("topk stands alone in stats: without by, and without other aggregates", top.span)


def _bin_key(item: Item) -> BinKey | None:
    """Return what is known of a key that is a bin, None for other keys."""
    call = item.expression
    if not isinstance(call, nodes.Call) or call.function.lower() not in {"bin", "datefloor", "dateceil"}:
        return None
    period = call.arguments[-1] if call.arguments else None
    length = fixed_length_ms(period) if isinstance(period, nodes.Period) else None
    return None if length is None else BinKey(item.name, length)


class Parts:
    """The columns of the grouped rows."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.keys: dict[str, str] = {}
        self.aggregates: dict[str, str] = {}
        self.grows = False
        """Whether an aggregate holds the values of its group."""
        self._bins: dict[str, Packed] = {}
        self._integers: dict[str, Packed] = {}

    def key(self, value: Value) -> Value:
        """Group by a value: numbers and times as such, everything else as text."""
        if value.key is not None:
            name = self._pipeline.new_name()
            self.keys[name] = value.key
            parts = (f"ifNull({value.key}, 0)", f"isNull({value.key})")
            self._integers[name] = Packed(parts, lambda number, missing: f"if({missing}, NULL, {number})")
            return Value("text", f"toString({name})", number=f"toFloat64({name})")
        plain = value.kind in {"number", "time", "boolean"} and value.literal is None
        name = self._pipeline.new_name()
        self.keys[name] = value.sql if plain else as_text(value)
        if value.packed is not None:
            self._bins[name] = value.packed
        return Value(value.kind if plain else "text", name)

    def packed(self) -> Mapping[str, Packed]:
        """Return the keys to group by in a packed form."""
        if self.grows:
            # Groups in an array can neither go to disk nor be put together by several threads.
            return {}
        # One integer that may be null is as fast by itself, and beside a text nothing helps.
        split = 1 < len(self.keys) == len(self._bins) + len(self._integers)
        return self._bins | self._integers if split else self._bins

    def aggregate(self, value: Value) -> Value:
        """Compute an aggregate."""
        parts = {part: sql for part in ("sql", "number", "text") if (sql := getattr(value, part))}
        names = {part: self._pipeline.new_name() for part in parts}
        self.aggregates |= {names[part]: sql for part, sql in parts.items()}
        return msgspec.structs.replace(value, **names)


def _applied(call: nodes.Call, pipeline: Pipeline) -> Value:
    values = [
        Value("text", "") if isinstance(argument, nodes.Period) else pipeline.shared_value(lower(argument, pipeline))
        for argument in call.arguments
    ]
    return AGGREGATES[call.function.lower()].apply(AggregateCall(pipeline, call, values))


def _aggregates(node: nodes.Expression) -> Iterator[nodes.Call]:
    """Walk to the aggregates, which are not looked into: they cannot be nested."""
    if isinstance(node, nodes.Call):
        name = node.function.lower()
        if name in AGGREGATES:
            yield node
            return
    for child in nodes.children(node):
        yield from _aggregates(child)


def _reuses(node: nodes.Expression, items: Sequence[Item]) -> bool:
    """Return whether an expression builds on the alias of an item."""
    if isinstance(node, nodes.Name):
        return node.text in {item.name for item in items if item.aliased}
    return any(_reuses(child, items) for child in nodes.children(node))


def _build(parts: Sequence[Any], span: Span) -> Stats:
    items, keys, _, offset = parts
    return Stats(span, items, keys or (), offset)


COMMAND = Command(
    name="stats",
    words=("stats",),
    grammar="items [_BY items] [K_OFFSET period]",
    build=_build,
    syntax="stats AGGREGATE [as NAME], … [by EXPRESSION [as NAME], …] [offset PERIOD]",
    help=f"Aggregates the rows, for each group if there are keys; up to {MAX_STATS} in a query.",
)
