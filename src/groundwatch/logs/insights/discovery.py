"""Fields of messages: how a statement reads them, from columns where events are shredded, else from the messages.

Both readings give the same; `tests/logs/insights/test_shredded.py` holds them to it. A statement has a branch for each,
of which the engine skips what has no rows, or one branch for columns alone and a look whether they tell all events of
the range. If they do not, it fails (`WAITING_CODE`), and is compiled anew with both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from groundwatch.logs.insights.formats import LINES
from groundwatch.logs.insights.statement import Statement
from groundwatch.logs.insights.values import Value, as_number, double_text, json_number, json_text
from groundwatch.logs.shredding.columns import FieldColumn

Path = tuple[str | int, ...]


class StoredFields(msgspec.Struct, frozen=True):
    """The columns that hold fields."""

    columns: Sequence[FieldColumn] = ()
    complete: bool = False
    """Whether to count on them to tell all events that are read, so that no message needs to be parsed."""
    certain: bool = False
    """Whether nobody needs to look if they do."""


WAITING_CODE = "395"
"""The engine's for `throwIf`, which nothing else here uses."""
# Seen in the same parts as the rest of the statement (`enable_shared_storage_snapshot_in_query`), and before it begins.
# A column that nobody reads: as a condition it would be looked at again for every event.
# The constant in `throwIf` would be looked at without any row, were it not `materialize`d.
NONE_WAITS = "(SELECT throwIf(materialize(1)) FROM ({events} AND shredded < {version}) LIMIT 1)"
NO_FIELDS = StoredFields()
NUMERIC = frozenset({"integer", "double", "boolean"})
"""Columns of which every value is a number, as it is where numbers are wanted."""


class Discovery:
    """Reads the fields of one pipeline's events, each once, however often it is named."""

    def __init__(self, statement: Statement, stored: StoredFields = NO_FIELDS) -> None:
        self._statement = statement
        self._complete, self._certain = stored.complete, stored.certain
        self._columns: dict[Path, list[FieldColumn]] = {}
        for column in stored.columns:
            self._columns.setdefault(column.path, []).append(column)
        self._values: dict[Path, Value] = {}
        self._raw: dict[str, str] = {}
        self._from_messages: dict[str, str] = {}
        self._from_columns: dict[str, str] = {}
        self._used: list[FieldColumn] = []
        self._alone: dict[str, str] = {}
        """What fields that lines may have, too, are where their columns tell them."""
        self._told: list[str] = []
        """For each such field, the condition that a column does."""

    @property
    def version(self) -> int:
        """The version of shredding that events must have to be read from columns; 0 if no column is read."""
        return max((column.number for column in self._used), default=0)

    def field(self, path: Sequence[str | int]) -> Value:
        """Return the value at a path of names and of positions in arrays."""
        known = self._values.get(tuple(path))
        if known is None:
            known = self._values[tuple(path)] = self._field(tuple(path))
        return known

    def found(self, pattern: str) -> str:
        """Return the column with what the group of a regular expression holds in the message; empty without a match."""
        sql = f"extract(message, {self._statement.bind(pattern, 'String')})"
        known = next((name for name, made in self._from_messages.items() if made == sql), None)
        return known or self._derived(sql, sql)

    def base(self, events: str, statement: str) -> str:
        """Return the events, given as a SELECT of their own columns, with what a statement reads from them besides.

        The engine would work out what every other column is and of which type, too: milliseconds for nothing.
        """
        from_columns, from_messages = _named(self._from_columns, statement), _named(self._from_messages, statement)
        if not self._used:
            return _branch(events, _named(self._raw, statement + from_messages), from_messages)
        version = self._statement.bind(self.version, "Int16")
        if self._complete:
            raw = _named(self._raw, statement + from_columns)
            # Reading `shredded` of each event, too, would cost as much as reading a field.
            looks = "" if self._certain else f", {NONE_WAITS.format(events=events, version=version)} AS none_waits"
            if not self._alone:
                return _branch(events, raw, from_columns + looks)
            # A statement that names messages reads all of them, also where no event has to be looked at.
            have_all, alone = " AND ".join(self._told), _named(self._from_columns | self._alone, statement)
            there = _branch(f"{events} AND {have_all}", raw, alone + looks)
            return f"{there} UNION ALL {_branch(f'{events} AND NOT ({have_all})', raw, from_columns + looks)}"
        raw = _named(self._raw, statement + from_columns + from_messages)
        shredded = _branch(f"{events} AND shredded >= {version}", raw, from_columns)
        return f"{shredded} UNION ALL {_branch(f'{events} AND shredded < {version}', raw, from_messages)}"

    def derivations(self) -> Mapping[str, str]:
        """Return what each column is computed from that the events have besides those of the table."""
        return self._raw | (self._from_columns if self._complete and self._used else self._from_messages)

    def small_columns(self) -> list[str]:
        """Return the columns of the table that fields are read from, of values that are read fast and often repeat."""
        return list(dict.fromkeys(column.name for column in self._used if column.kind != "text"))

    def column_names(self) -> str:
        """Return the columns of the table that the events need beside their own, each behind a comma."""
        return "".join(f", {column.name}" for column in self._used)

    def _field(self, path: Path) -> Value:
        whole = ".".join(map(str, path))
        raw, double = self._raw_field(path, whole)
        name = f"field_{len(self._values)}"
        self._raw[name] = f"nullIf({raw}, '')"
        text, number = json_text(name, double=f"({double} = 'Double')"), json_number(name)
        columns = self._columns.get(path, [])
        part = self._part_of_line(whole)
        if part:
            text, number = f"ifNull({text}, {part})", f"ifNull({number}, {as_number(Value('text', part))})"
        if not columns:
            return Value("json", name, number=self._derived(number, number), text=self._derived(text, text))
        self._used += columns
        told_text = _first_of([_TEXTS[one.kind].format(one.name) for one in columns])
        told_number = _first_of([_NUMBERS[one.kind].format(one.name) for one in columns])
        if part:
            self._told.append(f"({' OR '.join(f'isNotNull({one.name})' for one in columns)})")
            part_number = as_number(Value("text", part))
            return Value(
                "json",
                name,
                number=self._derived(number, _either(told_number, part_number), told_number),
                text=self._derived(text, _either(told_text, part), told_text),
            )
        if len(columns) == 1 and columns[0].kind == "word":
            # Of one type in both branches, and the one with which the engine groups by numbers.
            text = f"toLowCardinality({text})"
        kinds = [one.kind for one in columns] if self._complete else []
        number = self._derived(number, told_number)
        return Value(
            "json",
            name,
            number=number,
            text=self._derived(text, told_text),
            key=self._derived(columns[0].name, columns[0].name) if kinds == ["integer"] else None,
            double=number if kinds == ["double"] else None,
            numeric=bool(kinds) and NUMERIC.issuperset(kinds),
        )

    def _part_of_line(self, name: str) -> str:
        """Return a field of lines that have their fields without being JSON; empty if none has it."""
        parts = []
        for fields, pattern in LINES:
            if name in fields:
                place = self._statement.bind(fields.index(name) + 1, "UInt8")
                line = f"match(message, {self._statement.bind(pattern, 'String')})"
                parts.append(f"if({line}, nullIf(splitByChar(' ', message)[{place}], '-'), NULL)")
        return _first_of(parts) if parts else ""

    def _raw_field(self, path: Path, whole: str) -> tuple[str, str]:
        raw, double = raw_at(self._statement, "message", path)
        if len(path) > 1:
            # A member may have dots in its name; flattened, it is called the same.
            other, kind = raw_at(self._statement, "message", [whole])
            raw, double = f"if(empty({raw}), {other}, {raw})", f"if(empty({raw}), {kind}, {double})"
        return raw, double

    def _derived(self, from_message: str, from_columns: str, alone: str = "") -> str:
        # A layer of its own beneath all commands, so that a field is read once however often it is named.
        name = self._statement.new_name()
        self._from_messages[name] = from_message
        self._from_columns[name] = from_columns
        if alone:
            self._alone[name] = alone
        return name


_NUMBERS = {
    "integer": "toFloat64({0})",
    "double": "{0}",
    "boolean": "toFloat64({0})",
    "word": as_number(Value("text", "{0}")),
    "text": as_number(Value("text", "{0}")),
}
_TEXTS = {
    "integer": "toString({0})",
    "double": f"if(isNull({{0}}), NULL, {double_text('ifNull({0}, 0)')})",
    "boolean": "toString(toUInt8({0}))",
    "word": "{0}",
    "text": "{0}",
}


def _either(told: str, part: str) -> str:
    # What an `if` does not come to for any row the engine does not compute, other than what an `ifNull` has.
    return f"if(isNull({told}), {part}, {told})"


def _named(columns: Mapping[str, str], statement: str) -> str:
    """Return those columns whose names stand in a statement, each behind a comma."""
    return "".join(f", {sql} AS {name}" for name, sql in columns.items() if name in statement)


def _branch(events: str, raw: str, derived: str) -> str:
    if not raw and not derived:
        return events
    source = f"(SELECT *{raw} FROM ({events}))" if raw else f"({events})"  # noqa: S608 - every value is bound
    return f"SELECT *{derived} FROM {source}"  # noqa: S608


def _first_of(expressions: Sequence[str]) -> str:
    return expressions[0] if len(expressions) == 1 else f"coalesce({', '.join(expressions)})"


def raw_at(statement: Statement, document: str, path: Sequence[str | int]) -> tuple[str, str]:
    """Return the raw JSON at a path, and the name of its type; a number is a position in an array, or a name."""
    arguments = [document]
    array_tests = []
    named = [document]
    for step in path:
        if isinstance(step, int):
            array_tests.append(f"JSONType({', '.join(arguments)}) = 'Array'")
            arguments.append(statement.bind(step + 1, "Int64"))
        else:
            arguments.append(statement.bind(step, "String"))
        named.append(statement.bind(str(step), "String"))
    raw = f"JSONExtractRaw({', '.join(arguments)})"
    kind = f"JSONType({', '.join(arguments)})"
    if array_tests:
        # The engine would take a position in an object for the place of a member.
        raw = f"if({' AND '.join(array_tests)}, {raw}, JSONExtractRaw({', '.join(named)}))"
    return raw, kind
