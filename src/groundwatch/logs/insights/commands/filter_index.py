"""`filterIndex`: keeps the rows whose field has a value; the service reads only groups with an index on the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.commands.filtering import Filter
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.nodes import Compare, In, Name


class FilterIndex(Filter, frozen=True):
    """The condition, which a filter holds as well."""


def _build(parts: Sequence[Any], span: Span) -> FilterIndex:
    condition = parts[0]
    compares = isinstance(condition, Compare) and condition.order == "=" and isinstance(condition.left, Name)
    if not compares and not (
        isinstance(condition, In) and not condition.negated and isinstance(condition.subject, Name)
    ):
        raise malformed('filterIndex compares a field: FIELD = "value" or FIELD in ["value", …]', span)
    return FilterIndex(span, condition)


COMMAND = Command(
    name="filterindex",
    words=("filterindex",),
    grammar="predicate",
    build=_build,
    syntax='filterIndex FIELD = "VALUE" | filterIndex FIELD in ["VALUE", …]',
    help="The same as `filter`: every field is as good as indexed here.",
)
