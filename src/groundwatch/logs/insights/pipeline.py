"""The rows that a query works on while its commands are lowered, and the SELECT that they become.

A command adds to the innermost open layer or wraps what there is into a subquery; the engine merges the layers again.
Every column that is made has a number of its own, so no name of a query ever becomes part of a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from groundwatch.logs.insights.discovery import NO_FIELDS, Discovery, StoredFields, raw_at
from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.mined import Mined, pattern_rows, samples_select
from groundwatch.logs.insights.nodes import Name, Subquery
from groundwatch.logs.insights.statement import Statement
from groundwatch.logs.insights.values import NULL, Value, as_text

DEFAULT_ROWS = 10_000
MAX_ROWS = 100_000
MAX_LAYERS = 60
"""Subqueries within one another; the engine allows 100."""
MAX_SQL_CHARACTERS = 200_000
"""Of the statement; the embedded engine stops at a megabyte."""
SHORT = 40
"""Expressions up to this long are repeated, longer ones get a column."""
TIMESTAMP, MESSAGE, POINTER = "@timestamp", "@message", "@ptr"
KEY_COLUMNS = ("group_id", "stream_id", "timestamp", "ingested", "batch", "seq")
UP_TO_EACH = "ROWS UNBOUNDED PRECEDING"
NEWEST_FIRST = ("timestamp DESC", "ingested DESC", "batch DESC", "seq DESC")


class Column(msgspec.Struct, frozen=True):
    """A column of the result."""

    name: str
    value: Value


class Window(msgspec.Struct, frozen=True):
    """The milliseconds that the query is about, both ends included, and the moment it began."""

    start_ms: int
    end_ms: int
    now_ms: int


class BinKey(msgspec.Struct, frozen=True):
    """A key of groups that is a time at the start of a period of fixed length."""

    name: str
    length_ms: int


class Attached(Protocol):
    """Rows beside those of a query, whose fields are read by name."""

    def value(self, name: Name) -> Value:
        """Return a field of the row that belongs to a row of the query."""


class Fork(Protocol):
    """Makes the pipeline of a subquery."""

    def __call__(self, query: Subquery) -> Pipeline:
        """Return the pipeline with all commands of the subquery lowered."""


class Pipeline:
    """State between commands: the rows so far as SQL, the names that there are, the order, the columns to show."""

    def __init__(
        self,
        window: Window,
        *,
        most_rows: int = MAX_ROWS,
        statement: Statement | None = None,
        fork: Fork | None = None,
        stored: StoredFields = NO_FIELDS,
    ) -> None:
        self.window = window
        self.statement = statement or Statement()
        self.fields = Discovery(self.statement, stored)
        self.fork = fork
        """Makes the pipeline of a subquery, its commands lowered; None within a subquery."""
        self.most_rows = most_rows
        """What `limit` may ask for."""
        self.strict = True
        """Whether commands must stand in the order that Insights' own language demands."""
        self.attached: dict[str, Attached] = {}
        """Rows of a subquery that stand beside these, by the first word of the names of their fields."""
        self.events = True
        """Whether rows still are events: until the first `stats`."""
        self.names: dict[str, Value] = {}
        """What the query defined: aliases, extracted fields, results of `stats`."""
        self.computed: Mapping[Span, Value] = {}
        """Calls that are computed already: the aggregates of a `stats`."""
        self.bins: dict[str, BinKey] = {}
        """Keys of the last `stats` that are bins, by their columns."""
        self.bin_shift_ms = 0
        """How far the bins of the `stats` at work are shifted."""
        self.mined_text = ""
        """The text that patterns are looked for in, if they are."""
        self.compared_ms = 0
        """How much earlier the events are that `diff` compares with."""
        self.mined = Mined()
        self._mined_rows = ""
        self.keys: frozenset[str] = frozenset()
        """Columns of the keys of the last `stats`."""
        self.uses: set[str] = set()
        """System fields that the query names."""
        self._matched = ""
        self._filters = self._matches_all = False
        self._counted = ""
        """The column with how many events passed the filters, where a `stats` counts them along."""
        self.source = ""
        self.asked_rows: int | None = None
        """What the last `limit` said."""
        self._base = self.statement.new_name()
        self._inner = f"SELECT * FROM {self._base}"  # noqa: S608
        self._layers = 0
        self._fresh: dict[str, str] = {}
        self._where: list[str] = []
        self._order: tuple[str, ...] = NEWEST_FIRST
        self._shown: dict[str, Column] = {}
        self._displayed: list[Column] | None = None
        self._ordered = False
        self._limited = False
        self._exploded = False
        self._deduplicated = False

    def read_from(self, events: str) -> None:
        """Say where the events come from: a SELECT with the columns of their keys, their messages and their names."""
        self.source = events

    # Values

    def bind(self, value: object, kind: str) -> str:
        """Return the placeholder of a constant; equal ones share one."""
        return self.statement.bind(value, kind)

    def column(self, sql: str) -> str:
        """Compute an expression once for every row, and return the name of its column."""
        self._settle(sql)
        name = self.new_name()
        self._fresh[name] = sql
        return name

    def shared(self, sql: str) -> str:
        """Return what may be repeated: a short expression itself, or the column of a long one."""
        return sql if len(sql) <= SHORT else self.column(sql)

    def shared_value(self, value: Value) -> Value:
        """Return a value whose parts may be repeated."""
        return self._stored(value, SHORT)

    def define(self, name: str, value: Value) -> Value:
        """Give a value a name for later commands, and return it as its column."""
        stored = self._stored(value, 0)
        self.names[name] = stored
        return stored

    def replace(self, name: str, value: Value) -> None:
        """Give a name another value, also where it is shown already."""
        stored = self.define(name, value)
        if name in self._shown:
            self._shown[name] = Column(name, stored)
        if self._displayed is not None:
            self._displayed = [Column(name, stored) if one.name == name else one for one in self._displayed]

    def _stored(self, value: Value, short: int) -> Value:
        if value.literal is not None:
            return value
        parts = {part: getattr(value, part) for part in ("sql", "number", "text") if getattr(value, part)}
        kept = {part: sql if _is_plain(sql) or len(sql) <= short else self.column(sql) for part, sql in parts.items()}
        return msgspec.structs.replace(value, **kept)

    def system(self, name: str) -> Value:
        """Return a system field of the event."""
        self.uses.add(name)
        match name:
            case "@message":
                return Value("text", "message")
            case "@timestamp":
                return Value("time", "timestamp")
            case "@ingestionTime":
                return Value("time", "ingested")
            case "@logStream":
                return Value("text", "stream_name")
            case _:
                return Value("text", "group_name")

    def discovered(self, path: Sequence[str | int]) -> Value:
        """Return a field that the message holds as JSON, at a path of names and of positions in arrays."""
        return self.fields.field(path)

    def found(self, pattern: str) -> str:
        """Return the column with what the group of a regular expression holds in the message; empty without a match."""
        return self.fields.found(pattern)

    def inside(self, value: Value, path: Sequence[str | int]) -> Value:
        """Return what stands at a path inside a value that holds JSON."""
        raw, _ = raw_at(self.statement, f"ifNull({self.shared(value.sql)}, '')", path)
        return Value("json", self.column(f"nullIf({raw}, '')"))

    # Rows

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
        self._filters = True

    def sort(self, orders: Sequence[str], *, counts: bool = True) -> None:
        """Order the rows; events that are equal in these keys stay newest first. `counts` says that the query asks."""
        self._ordered = self._ordered or counts
        self._order = (*orders, *(NEWEST_FIRST if self.events else ()))

    def limit(self, count: int) -> None:
        """Keep the first rows of the order so far."""
        self._note_matched()
        self._wrap(f"{self._ordering()} LIMIT {self.bind(count, 'UInt64')}")
        self._limited = True
        self.asked_rows = count

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

    def explode(self, array: str) -> str:
        """Make a row of each element of an array, and return the element's column."""
        self._expect_more()
        self._note_matched()
        self._wrap()
        name = self.column(f"arrayJoin({array})")
        self._wrap()
        return name

    def group(self, keys: Mapping[str, str], aggregates: Mapping[str, str]) -> None:
        """Replace the rows by one for each combination of keys; without keys by one for all, if there is any."""
        counted = self._count_along()
        columns = ", ".join(f"{sql} AS {name}" for name, sql in {**keys, **aggregates, **counted}.items())
        columns = columns or "1 AS nothing"
        grouping = f"GROUP BY {', '.join(keys)}" if keys else "HAVING count() > 0"
        self._settle(columns)
        self._wrap()
        self._inner = f"SELECT {columns} FROM ({self._inner}) {grouping}"  # noqa: S608
        self._forget_events()
        for name, sql in counted.items():
            self._counted = name
            if keys and sql == "count()":
                self._counted = self.new_name()
                self._inner = f"SELECT *, sum({name}) OVER () AS {self._counted} FROM ({self._inner})"  # noqa: S608
        self.keys = frozenset(keys)

    def new_name(self) -> str:
        """Return a column name that nothing has."""
        return self.statement.new_name()

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
        self._forget_events()

    def mine(self, text: str) -> None:
        """Replace the rows by the patterns of a text, in the column `mined`."""
        self.mined_text = self.column(text)
        self._wrap()
        self._note_matched()
        self._mined_rows = self._inner
        self._inner = pattern_rows(self.mined, self.statement)
        self._counted = ""
        self._layers = 0
        self._forget_events()

    def samples_statement(self) -> str:
        """Return the statement that gives the samples of the texts."""
        compared = bool(self.compared_ms)
        return self._with_base(samples_select(self.mined_text, self._mined_rows, compared=compared))

    def _expect_more(self) -> None:
        # One row may become many: what a `limit` before this said bounds the result no longer.
        self._exploded = True
        if self.asked_rows is not None:
            self.asked_rows = max(self.asked_rows, DEFAULT_ROWS)

    def _forget_events(self) -> None:
        self._fresh, self._where = {}, []
        self.events = False
        self._order = ()
        self.names = {}
        self.attached = {}
        self._shown, self._displayed = {}, None

    def fill(self, step: str, column: str, beside: Sequence[str]) -> None:
        """Make the rows that are missing between the first and the last value of a column, for each value of others."""
        self._expect_more()
        self._note_matched()
        self._wrap()
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

    def subselect(self, columns: Mapping[str, str], tail: str = "") -> str:
        """Return the rows as a SELECT of their own: expressions by the names of their columns."""
        self._wrap()
        made = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        return self._with_base(f"SELECT {made} FROM ({self._inner}) {tail}", nested=True)  # noqa: S608

    # The result

    def project(self, column: Column) -> None:
        """Add a column to the result."""
        self._shown[column.name] = column

    def show(self, column: Column) -> None:
        """Add a column to what is shown, whatever decided that."""
        if self._displayed is None:
            self.project(column)
        else:
            self._displayed = [*(one for one in self._displayed if one.name != column.name), column]

    def display(self, columns: Sequence[Column]) -> None:
        """Show these columns instead of all projected ones."""
        self._displayed = list(columns)

    def columns(self) -> list[Column]:
        """Return the columns of the result."""
        if self._displayed is not None:
            return self._displayed
        if self._shown:
            return list(self._shown.values())
        return [Column(name, self.system(name)) for name in (TIMESTAMP, MESSAGE)]

    def render(self, max_rows: int) -> str:
        """Return the statement: the columns as text, then for events the parts of their keys."""
        self._note_matched()
        shown = [f"toNullable({as_text(column.value)}) AS out_{n}" for n, column in enumerate(self.columns())]
        keys = [f"{name} AS key_{name}" for name in KEY_COLUMNS] if self.events else []
        self._wrap()
        limit = self.bind(max_rows, "UInt64")
        counted = [f"{self._counted} AS matched"] if self._counted else []
        selected = ", ".join([*shown, *keys, *counted]) or f"{NULL} AS nothing"
        statement = f"SELECT {selected} FROM ({self._inner}) {self._ordering()} LIMIT {limit}"  # noqa: S608
        return self._with_base(statement)

    def matched_statement(self) -> str:
        """Return the statement that counts the events that passed the filters."""
        self._note_matched()
        return self._with_base(self._matched)

    @property
    def counts_itself(self) -> bool:
        """Whether every event that passes the filters is a row."""
        return self.events and not (self._limited or self._deduplicated or self._exploded)

    @property
    def matches_all(self) -> bool:
        """Whether no filter stands before the rows are grouped or cut off."""
        return self._matches_all

    @property
    def counts_along(self) -> bool:
        """Whether each row ends with the number of events that passed the filters."""
        return bool(self._counted)

    # Layers

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
            raise _too_large()
        if any(name in sql for name in self._fresh):
            self._wrap()

    def _wrap(self, tail: str = "") -> None:
        """Close the open layer."""
        if not self._fresh and not self._where and not tail:
            return
        made = "".join(f", {sql} AS {name}" for name, sql in self._fresh.items())
        where = f" WHERE {' AND '.join(self._where)}" if self._where else ""
        self._inner = f"SELECT *{made} FROM ({self._inner}){where} {tail}"  # noqa: S608
        self._fresh, self._where = {}, []
        self._layers += 1
        if self._layers > MAX_LAYERS:
            raise malformed("the query is too complex: it has too many steps that build on one another")

    def _note_matched(self) -> None:
        # Before rows are grouped or cut off for the first time.
        if not self._matched:
            where = f" WHERE {' AND '.join(self._where)}" if self._where else ""
            self._matched = f"SELECT count() FROM ({self._inner}){where}"  # noqa: S608
            self._matches_all = not self._filters

    def _ordering(self) -> str:
        return f"ORDER BY {', '.join(self._order)}" if self._order else ""

    def _with_base(self, statement: str, *, nested: bool = False) -> str:
        base = self.fields.base(self.source)
        text = f"WITH {self._base} AS ({base}){'' if nested else self.statement.tables()} {statement}"
        if len(text) > MAX_SQL_CHARACTERS:
            raise _too_large()
        return text


def _is_plain(sql: str) -> bool:
    return sql.replace("_", "").isalnum()


def _too_large() -> Exception:
    return malformed("the query is too large: its statement has too many parts")
