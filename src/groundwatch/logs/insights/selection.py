"""What SOURCE says: the log groups that a query chooses by itself, and their period of time."""

from __future__ import annotations

import msgspec

from groundwatch.logs.insights.errors import Span

MAX_SELECTED = 10_000
"""Groups that a query can choose (User Guide, SOURCE)."""


class Moment(msgspec.Struct, frozen=True):
    """A time: milliseconds since the epoch, or before now."""

    ms: int
    before_now: bool = False

    def at(self, now_ms: int) -> int:
        """Return the milliseconds since the epoch."""
        return now_ms - self.ms if self.before_now else self.ms


class GroupFilter(msgspec.Struct, frozen=True):
    """All groups, or those whose names begin with one of the prefixes, in these accounts and of these classes."""

    prefixes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class Selection(msgspec.Struct, frozen=True):
    """Log groups by name or ARN, or those that pass a filter."""

    span: Span
    names: tuple[str, ...] = ()
    filter: GroupFilter | None = None
    start: Moment | None = None
    end: Moment | None = None
