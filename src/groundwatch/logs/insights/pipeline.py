"""What the commands of a query work on while they are lowered, and the statement that it becomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from groundwatch.logs.insights.discovery import NO_FIELDS, Discovery, StoredFields, raw_at
from groundwatch.logs.insights.errors import Span
from groundwatch.logs.insights.mined import Mined, pattern_rows, samples_select
from groundwatch.logs.insights.nodes import Name, Subquery
from groundwatch.logs.insights.references import Reference
from groundwatch.logs.insights.rows import MAX_SQL_CHARACTERS, SHORT, Rows, too_large
from groundwatch.logs.insights.statement import Statement
from groundwatch.logs.insights.values import NULL, Value, as_text
from groundwatch.logs.shredding.columns import PREFIX

MAX_ROWS = 100_000
TIMESTAMP, MESSAGE, POINTER = "@timestamp", "@message", "@ptr"
KEY_COLUMNS = ("group_id", "stream_id", "timestamp", "ingested", "batch", "seq")
EVENT_COLUMNS = frozenset({"message", "stream_name", "group_name", *KEY_COLUMNS} - {"group_id", "timestamp"})
WORD = re.compile(r"\w+")


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

    def __call__(self, query: Subquery, *, beside: bool = False) -> Pipeline:
        """Return the pipeline with all commands of the subquery lowered; `beside` the query it may have some itself."""


class Pipeline(Rows):
    """State between commands: the rows, the names that there are, and the columns to show."""

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
        super().__init__(statement or Statement())
        self.fields = Discovery(self.statement, stored)
        self.fork = fork
        """Makes the pipeline of a subquery, its commands lowered; None within a subquery."""
        self.most_rows = most_rows
        """What `limit` may ask for."""
        self.attached: dict[str, Attached] = {}
        """Rows of a subquery that stand beside these, by the first word of the names of their fields."""
        self.names: dict[str, Value] = {}
        """What the query defined: aliases, extracted fields, results of `stats`."""
        self.tables: Mapping[str, Sequence[str]] = {}
        """The lookup tables that there are of those that the query names, with their columns."""
        self.references: Mapping[Span, Reference] = {}
        """What the engine reads for each `lookup`, by where it stands."""
        self.flattened: tuple[Callable[[Name], Value], ...] = ()
        """Objects whose members are fields of their own, by what finds a member."""
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
        self.uses: set[str] = set()
        """System fields that the query names."""
        self.source = self.plain_source = ""
        self._shown: dict[str, Column] = {}
        self._attached: dict[str, Column] = {}
        self._displayed: list[Column] | None = None

    def read_from(self, events: str, plain: str = "") -> None:
        """Say where the events come from: a SELECT with the columns of their keys, their messages and their names.

        `plain` is its table and its condition, where it has no columns besides the table's.
        """
        self.source, self.plain_source = events, plain

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
        if name in self._attached:
            self._attached[name] = Column(name, stored)
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

    def forget_events(self) -> None:
        """Say that the rows are events no more, so names and columns of events are gone."""
        super().forget_events()
        self.names, self.attached, self.flattened = {}, {}, ()
        self._shown, self._attached, self._displayed = {}, {}, None

    def mine(self, text: str) -> None:
        """Replace the rows by the patterns of a text, in the column `mined`."""
        self.mined_text = self.column(text)
        self._wrap()
        self._note_matched()
        self._mined_rows = self._inner
        self._inner = pattern_rows(self.mined, self.statement)
        self._counted = ""
        self._layers = 0
        self.forget_events()

    def samples_statement(self) -> str:
        """Return the statement that gives the samples of the texts."""
        compared = bool(self.compared_ms)
        return self._with_base(samples_select(self.mined_text, self._mined_rows, compared=compared))

    def subselect(self, columns: Mapping[str, str], tail: str = "") -> str:
        """Return the rows as a SELECT of their own: expressions by the names of their columns."""
        self._wrap()
        made = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        return self._with_base(f"SELECT {made} FROM ({self._inner}) {tail}", nested=True)  # noqa: S608

    def project(self, column: Column) -> None:
        """Add a column to the result."""
        if not self._shown:
            self._shown.update(self._attached)
        self._shown[column.name] = column

    def attach(self, column: Column) -> None:
        """Add a column to what is shown anyway, which stays the default until the query names fields."""
        if self._shown or self._displayed is not None:
            self.show(column)
        else:
            self._attached[column.name] = column

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
        default = {name: Column(name, self.system(name)) for name in (TIMESTAMP, MESSAGE)}
        return list((default | self._attached).values())

    def render(self, max_rows: int) -> str:
        """Return the statement: the columns as text, then for events the parts of their keys."""
        self._note_matched()
        shown = [f"toNullable({as_text(column.value)}) AS out_{n}" for n, column in enumerate(self.columns())]
        keys = [f"{name} AS key_{name}" for name in KEY_COLUMNS] if self.events else []
        if self._fresh:
            self._wrap()
        self._reopen(max_rows)
        limit = self.bind(max_rows, "UInt64")
        counted = [f"{self._counted} AS matched"] if self._counted else []
        selected = ", ".join([*shown, *keys, *counted]) or f"{NULL} AS nothing"
        statement = f"SELECT {selected} FROM {self._opened()} {self._ordering()} LIMIT {limit}"  # noqa: S608
        return self._with_base(self._read_at_once(statement))

    @property
    def reads_at_once(self) -> bool:
        """Whether the engine had better read all that filters look at before it drops rows.

        That is so for one small column and, where events are counted or grouped, for several.
        """
        filtered = self._filtered_columns()
        return bool(filtered) and (len(filtered) == 1 or not self.events)

    def _filtered_columns(self) -> frozenset[str]:
        """Return the columns that all filters of the events look at; none if one looks at what is not small."""
        known = {**self._made, **self.fields.derivations()}
        waiting, read = list(self._conditions), set[str]()
        while waiting:
            words = set(WORD.findall(waiting.pop()))
            waiting += [known.pop(word) for word in words if word in known]
            read |= words
        columns = frozenset(word for word in read if word in EVENT_COLUMNS or word.startswith(PREFIX))
        return columns if columns <= set(self.fields.small_columns()) else frozenset()

    def _read_at_once(self, statement: str) -> str:
        """Return a statement that reads what it makes aggregates of together with what it filters by, if that is small.

        The engine would read it behind the filter and drop rows of it, which takes longer where most granules have one.
        """
        filtered = frozenset() if self.events else self._filtered_columns()
        if not filtered:
            return statement
        read = [column for column in self.fields.small_columns() if column not in filtered]
        if "timestamp" in statement:
            read.append("timestamp")
        if not read:
            return statement
        return statement.replace(f"{self._direct} WHERE ", f"{self._direct} WHERE NOT ignore({', '.join(read)}) AND ")

    def matched_statement(self) -> str:
        """Return the statement that counts the events that passed the filters."""
        self._note_matched()
        return self._with_base(self._matched)

    def _with_base(self, statement: str, *, nested: bool = False) -> str:
        base = self.fields.base(self.source, statement)
        # Each layer costs the engine time before it begins.
        statement = statement.replace(f"(SELECT * FROM {self._base})", self._base)  # noqa: S608
        plain = self.plain_source if base == self.source else ""
        if plain:
            statement = statement.replace(f"{self._direct} WHERE ", f"{plain} AND ")
        statement = statement.replace(self._direct, plain or self._base)
        tables = "" if nested else self.statement.tables()
        is_needed = bool(tables) or self._base in statement
        text = f"WITH {self._base} AS ({base}){tables} {statement}" if is_needed else statement
        if len(text) > MAX_SQL_CHARACTERS:
            raise too_large()
        return text


def _is_plain(sql: str) -> bool:
    return sql.replace("_", "").isalnum()
