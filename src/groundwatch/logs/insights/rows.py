"""The rows that a query works on while its commands are lowered, as SQL.

A command adds to the innermost open layer or wraps what there is into a subquery; the engine merges the layers again.
Every column that is made has a number of its own, so no name of a query ever becomes part of a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.statement import Statement
from groundwatch.logs.insights.values import Packed

DEFAULT_ROWS = 10_000
MAX_LAYERS = 60
"""Subqueries within one another; the engine allows 100."""
MAX_SQL_CHARACTERS = 200_000
"""Of the statement; the embedded engine stops at a megabyte."""
SHORT = 40
"""Expressions up to this long are repeated, longer ones get a column."""
UP_TO_EACH = "ROWS UNBOUNDED PRECEDING"
NEWEST_FIRST = ("timestamp DESC", "ingested DESC", "batch DESC", "seq DESC")


class _Cut(NamedTuple):
    """What a `limit` has made, and what of."""

    layer: str
    before: str
    where: list[str]
    order: tuple[str, ...]
    most: int


class Rows:
    """Rows, their order, and what was done to them so far."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.strict = True
        """Whether commands must stand in the order that Insights' own language demands."""
        self.events = True
        """Whether rows still are events: until the first `stats`."""
        self.keys: frozenset[str] = frozenset()
        """Columns of the keys of the last `stats`."""
        self.asked_rows: int | None = None
        """What the last `limit` said."""
        self.least_rows: int | None = None
        """The least that a `limit` said."""
        self._matched = ""
        self._filters = self._matches_all = False
        self._counted = ""
        """The column with how many events passed the filters, where a `stats` counts them along."""
        self._base = statement.new_name()
        self._direct = statement.new_name()
        """The events as they are, for a SELECT that names what it reads of them."""
        self._inner = self._untouched = f"SELECT * FROM {self._base}"  # noqa: S608
        self._layers = 0
        self._fresh: dict[str, str] = {}
        self._where: list[str] = []
        self._made: dict[str, str] = {}
        """All columns of events, also those of closed layers, and likewise the conditions."""
        self._conditions: list[str] = []
        self._order: tuple[str, ...] = NEWEST_FIRST
        self._cut: _Cut | None = None
        self._ordered = self._limited = self._deduplicated = False
        self._recounted = False
        """Whether events were dropped or multiplied in ways that the number of rows does not show."""

    def bind(self, value: object, kind: str) -> str:
        """Return the placeholder of a constant; equal ones share one."""
        return self.statement.bind(value, kind)

    def new_name(self) -> str:
        """Return a column name that nothing has."""
        return self.statement.new_name()

    def column(self, sql: str) -> str:
        """Compute an expression once for every row, and return the name of its column."""
        self._settle(sql)
        name = self.new_name()
        self._fresh[name] = self._made[name] = sql
        return name

    def shared(self, sql: str) -> str:
        """Return what may be repeated: a short expression itself, or the column of a long one."""
        return sql if len(sql) <= SHORT else self.column(sql)

    def require_no_dedup(self, span: Span) -> None:
        """Refuse a command behind `dedup`, which only `limit` may follow (User Guide, dedup)."""
        if self._deduplicated and self.strict:
            raise malformed("only limit may follow dedup", span)

    def require_no_order(self, span: Span) -> None:
        """Refuse `stats` behind `sort` or `limit`, which must come after the last one (User Guide, stats)."""
        if (self._ordered or self._limited) and self.strict:
            raise malformed("sort and limit must come after the last stats", span)

    def keep(self, condition: str) -> None:
        """Drop the rows for which the condition does not hold."""
        self._settle(condition)
        self._where.append(condition)
        self._conditions.append(condition)
        self._filters = True
        # What comes behind a `limit` does not decide what matched.
        self._recounted = self._recounted or self._limited

    def sort(self, orders: Sequence[str], *, counts: bool = True) -> None:
        """Order the rows; events that are equal in these keys stay newest first. `counts` says that the query asks."""
        self._ordered = self._ordered or counts
        named = {term.rsplit(" ", 1)[0] for term in orders}
        rest = (term for term in NEWEST_FIRST if term.rsplit(" ", 1)[0] not in named)
        self._order = (*orders, *(rest if self.events else ()))

    def limit(self, count: int) -> None:
        """Keep the first rows of the order so far."""
        self._note_matched()
        before, where = (self._inner, self._where) if not self._fresh else (self._layer(), [])
        self._wrap(f"{self._ordering()} LIMIT {self.bind(count, 'UInt64')}")
        self._cut = _Cut(self._inner, before, where, self._order, count)
        self._limited = True
        self.asked_rows = count
        self.least_rows = min(count, self.least_rows or count)

    def first_of_each(self, keys: Sequence[str], *, count: int = 1, final: bool = True) -> None:
        """Keep the first rows of each combination of keys, and every row in which one is null.

        `final` says that only `limit` may follow.
        """
        self._note_matched()
        columns = [self.shared(key) for key in keys]
        missing = " OR ".join(f"isNull({column})" for column in columns)
        # Rows that lack a key are told apart by a number that no two rows share.
        alone = self.column(f"if({missing}, rowNumberInAllBlocks() + 1, 0)")
        self._wrap()
        self._wrap(f"{self._ordering()} LIMIT {count:d} BY {', '.join([*columns, alone])}")
        self._deduplicated = final
        self._recounted = True

    def explode(self, array: str) -> str:
        """Make a row of each element of an array, and return the element's column."""
        self._expect_more()
        self._note_matched()
        self._wrap()
        name = self.column(f"arrayJoin({array})")
        self._wrap()
        return name

    def group(
        self, keys: Mapping[str, str], aggregates: Mapping[str, str], packed: Mapping[str, Packed] | None = None
    ) -> None:
        """Replace the rows by one for each combination of keys; without keys by one for all, if there is any.

        Keys that are `packed` are grouped by their parts, and made of them for each group.
        """
        counted = self._count_along()
        parts = {name: {self.new_name(): part for part in one.parts} for name, one in (packed or {}).items()}
        grouped = {one: part for name, sql in keys.items() for one, part in parts.get(name, {name: sql}).items()}
        made = {name: one.whole(*parts[name]) for name, one in (packed or {}).items()}
        columns = ", ".join(f"{sql} AS {name}" for name, sql in {**grouped, **aggregates, **counted}.items())
        columns = columns or "1 AS nothing"
        grouping = f"GROUP BY {', '.join(grouped)}" if grouped else "HAVING count() > 0"
        self._settle(columns)
        self._inner = f"SELECT {columns} FROM {self._opened()} {grouping}"  # noqa: S608
        self.forget_events()
        for name, sql in counted.items():
            self._counted = name
            if keys and sql == "count()":
                self._counted = self.new_name()
                made[self._counted] = f"sum({name}) OVER ()"
        if made:
            more = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
            self._inner = f"SELECT *, {more} FROM ({self._inner})"  # noqa: S608
        self.keys = frozenset(keys)

    def windowed(
        self,
        function: str,
        *,
        partition: Sequence[str] = (),
        order: Sequence[str] | None = None,
        whole: bool = False,
        frame: str = UP_TO_EACH,
    ) -> str:
        """Compute a window function over the rows up to each in their order, or over the whole; return its column."""
        self._note_matched()
        self._wrap()
        parted = f"PARTITION BY {', '.join(partition)} " if partition else ""
        terms = self._order if order is None else order
        ordered = f"ORDER BY {', '.join(terms)} " if terms and not whole else ""
        name = self.column(f"{function} OVER ({parted}{ordered}{'' if whole else frame})")
        self._wrap()
        return name

    def last(self, count: int) -> None:
        """Keep the last rows of the order so far, in that order."""
        forth = self._order
        back = {"ASC": "DESC", "DESC": "ASC"}
        self._order = tuple(f"{term} {back[way]}" for term, way in (term.rsplit(" ", 1) for term in forth))
        self.limit(count)
        self._order = forth

    def summary_row(self) -> str:
        """Put one more row behind all others, a copy of the last; return the column that is 1 in it and 0 in others."""
        number = self.windowed("row_number()")
        count = self.windowed("count()", whole=True)
        extra = self.explode(f"if({number} = {count}, [0, 1], [0])")
        self._order = (f"{extra} ASC", *self._order)
        return extra

    def replace_events(self, columns: Mapping[str, str]) -> None:
        """Replace the rows by one computed from all events that are read, whatever was done to them before."""
        made = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        self._note_matched()
        self._inner = f"SELECT {made} FROM {self._base}"  # noqa: S608
        self._counted = ""
        self.forget_events()

    def recompose(self, make: Callable[[str], str]) -> None:
        """Replace the rows by those of a SELECT that is made of theirs."""
        self._expect_more()
        self._note_matched()
        self._wrap()
        self._inner = make(self._inner)
        self._counted = ""
        self.forget_events()

    def append(self, columns: Mapping[str, str], table: str, *, distinct: bool) -> None:
        """Put the rows of a table with these columns behind the rows; `distinct` drops what is there already."""
        self._expect_more()
        self._note_matched()
        made = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        self._settle(made)
        self._wrap()
        both = f"SELECT {made} FROM ({self._inner}) UNION ALL SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
        self._inner = f"SELECT {'DISTINCT ' if distinct else ''}* FROM ({both})"  # noqa: S608
        self._counted = ""
        self.forget_events()

    def _expect_more(self) -> None:
        # One row may become many: what a `limit` before this said bounds the result no longer.
        self._recounted = True
        if self.asked_rows is not None:
            self.asked_rows = max(self.asked_rows, DEFAULT_ROWS)

    def forget_events(self) -> None:
        """Say that the rows are events no more; names and order are gone with them."""
        self._fresh, self._where = {}, []
        self.events = False
        self._order = ()

    def fill(self, step: str, column: str, beside: Sequence[str]) -> None:
        """Make the rows that are missing between the first and the last value of a column, for each value of others."""
        self._expect_more()
        self._note_matched()
        self._wrap()
        # The rows that are made have no count along with them.
        self._counted = ""
        keys = ", ".join([*beside, f"{column} WITH FILL STEP {step}"])
        self._wrap(f"ORDER BY {keys} SETTINGS use_with_fill_by_sorting_prefix = 1")

    def join(self, kind: str, table: str, condition: str) -> None:
        """Put the columns of a table beside the rows; the condition calls it `beside`."""
        self._expect_more()
        self._note_matched()
        self._settle(condition)
        self._wrap()
        # Null must not equal null, nor rows without a partner lose their missing values.
        self._inner = f"SELECT * FROM ({self._inner}) AS rows {kind} JOIN {table} AS beside ON {condition}"  # noqa: S608
        self._layers += 1

    @property
    def counts_itself(self) -> bool:
        """Whether every event that passes the filters is a row, unless there are as many as the least `limit` said."""
        return self.events and not self._recounted

    @property
    def matches_all(self) -> bool:
        """Whether no filter stands before the rows are grouped or cut off."""
        return self._matches_all

    @property
    def counts_along(self) -> bool:
        """Whether each row ends with the number of events that passed the filters."""
        return bool(self._counted)

    def _count_along(self) -> dict[str, str]:
        """Return the column of a group that counts what passed the filters, so that it need not be read twice."""
        is_first = not self._matched
        self._note_matched()
        if is_first and self._filters:
            return {self.new_name(): "count()"}
        return {self.new_name(): f"any({self._counted})"} if self._counted else {}

    def _settle(self, sql: str) -> None:
        """Close the open layer when an expression needs a column that it makes."""
        if len(sql) > MAX_SQL_CHARACTERS:
            raise too_large()
        if any(name in sql for name in self._fresh):
            self._wrap()

    def _wrap(self, tail: str = "") -> None:
        """Close the open layer."""
        if not self._fresh and not self._where and not tail:
            return
        self._inner = self._layer(tail)
        self._fresh, self._where = {}, []
        self._layers += 1
        if self._layers > MAX_LAYERS:
            raise malformed("the query is too complex: it has too many steps that build on one another")

    def _layer(self, tail: str = "") -> str:
        made = "".join(f", {sql} AS {name}" for name, sql in self._fresh.items())
        return f"SELECT *{made} FROM ({self._inner}){filtered(self._where)} {tail}"  # noqa: S608

    def _opened(self) -> str:
        """Return the rows as a SELECT reads them that names its columns: without a layer of their own if may be."""
        if self._fresh:
            self._wrap()
        return f"{self._direct if self._inner == self._untouched else f'({self._inner})'}{filtered(self._where)}"

    def _reopen(self, max_rows: int) -> None:
        """Take back the layer of a `limit` that the statement itself says again: each layer costs the engine time."""
        cut = self._cut
        is_last = cut is not None and (cut.layer, cut.order) == (self._inner, self._order)
        if cut is not None and is_last and cut.most == max_rows and not self._fresh and not self._where:
            self._inner, self._where = cut.before, cut.where

    def _note_matched(self) -> None:
        # Before rows are grouped or cut off for the first time.
        if not self._matched:
            self._matched = f"SELECT count() FROM ({self._inner}){filtered(self._where)}"  # noqa: S608
            self._matches_all = not self._filters

    def _ordering(self) -> str:
        return f"ORDER BY {', '.join(self._order)}" if self._order else ""


def filtered(conditions: Sequence[str]) -> str:
    """Return the clause that keeps the rows for which all conditions hold."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def too_large() -> Exception:
    """Return the refusal of a query whose statement is too long."""
    return malformed("the query is too large: its statement has too many parts")
