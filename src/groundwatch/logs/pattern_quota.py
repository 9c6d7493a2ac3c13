"""How many patterns with regular expressions a log group may have: metric and subscription filters together.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, Table, select

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.storage.tables.metric_filters import metric_filters
from groundwatch.storage.tables.subscriptions import subscription_filters

MAX_REGEX_PATTERNS = 5


def check_regex_quota(connection: Connection, table: Table, group_number: int, name: str, pattern: str) -> None:
    """Return when the group may have this pattern in its filter `name` of `table`; `LimitExceededException` if not."""
    if not has_regex(parse_pattern(pattern)):
        return
    others = [
        other
        for kind in (metric_filters, subscription_filters)
        for other in _patterns(connection, kind, group_number, *([kind.c.name != name] if kind is table else []))
    ]
    if sum(has_regex(parse_pattern(other)) for other in others) >= MAX_REGEX_PATTERNS:
        raise limit_exceeded()


def limit_exceeded() -> ServiceError:
    """Return the service's answer to one thing too many."""
    return ServiceError("LimitExceededException", "Resource limit exceeded.")


def has_regex(pattern: nodes.Pattern) -> bool:
    """Return whether a regular expression stands anywhere in the pattern."""
    if isinstance(pattern, nodes.Json):
        return any(_expressions(pattern.condition))
    if isinstance(pattern, nodes.Fields):
        slots = (*pattern.before, *pattern.after)
        return any(any(_expressions(slot.condition)) for slot in slots if slot.condition is not None)
    return isinstance(pattern, nodes.Regex)


def _expressions(condition: nodes.Condition) -> Iterator[bool]:
    if isinstance(condition, nodes.Every | nodes.Some):
        for part in condition.parts:
            yield from _expressions(part)
    else:
        yield isinstance(condition, nodes.Compare) and isinstance(condition.value, nodes.Regex)


def _patterns(connection: Connection, table: Table, group_number: int, *which: ColumnElement[bool]) -> Sequence[str]:
    statement = select(table.c.pattern).where(table.c.group_id == group_number, *which)
    return connection.execute(statement).scalars().all()
