"""`sort`: the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.ordering import sort_keys
from groundwatch.logs.insights.pipeline import TIMESTAMP, Pipeline


class SortKey(msgspec.Struct, frozen=True):
    """A field and its direction."""

    field: Name
    descending: bool


class Sort(Node, frozen=True):
    """The keys, the most significant first."""

    keys: tuple[SortKey, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Order by the keys in natural order, and events that are equal in them from the newest on."""
        pipeline.require_no_dedup(self.span)
        wanted = [key for key in self.keys if not _is_without_effect(key, pipeline)]
        values = [(resolve(key.field, pipeline), key.descending) for key in wanted]
        orders = [term for value, descending in values for term in sort_keys(value, pipeline, descending)]
        if orders:
            pipeline.sort(orders)


def _is_without_effect(key: SortKey, pipeline: Pipeline) -> bool:
    # Published samples sort by a time that their `stats` has dropped.
    return key.field.text == TIMESTAMP and not pipeline.events and TIMESTAMP not in pipeline.names


def _build(parts: Sequence[Any], span: Span) -> Sort:
    keys = []
    for part in parts:
        if isinstance(part, Name):
            keys.append(SortKey(part, descending=False))
        elif part is not None and part.type == "K_DESC":
            keys[-1] = SortKey(keys[-1].field, descending=True)
    return Sort(span, tuple(keys))


COMMAND = Command(
    name="sort",
    words=("sort", "order"),
    grammar='[K_BY] field [K_ASC | K_DESC] ("," field [K_ASC | K_DESC])*',
    build=_build,
    syntax="sort [by] FIELD [asc|desc], …",
    help="Orders the rows in natural order: text before numbers, runs of digits by their value.",
)
