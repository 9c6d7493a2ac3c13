"""The statement that fills the columns of fields from messages, part by part.

Messages are parsed once for all fields. The engine would take text that looks like a date for one, so every text first
gets a mark in front that no date has. What cannot be told by the columns makes an event's `shredded` negative: a value
of another type, names that would mean something else here than to `JSONExtract`, or text that the mark has spoilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from groundwatch.logs.shredding.columns import ColumnKind, FieldColumn

TEXT_MARK = "~"
# Between a name and a text; anywhere else in valid JSON the mark would stand outside of quotes, which is seen below.
BEFORE_TEXT = r'"[ \t\r\n]*:[ \t\r\n]*"'
MARKED_TEXT = '":"' + TEXT_MARK
OBJECT_START = r"^[ \t\r\n]*\{"
BYTE_ORDER_MARK = "\ufeff"
ESCAPED_NAME = r'\\[^"]*"[ \t\r\n]*:'
"""A name with an escape may be one that we look for."""
ENGINE_TYPES: Mapping[ColumnKind, str] = {
    "integer": "Int64",
    "double": "Float64",
    "boolean": "Bool",
    "word": "String",
    "text": "String",
}
PARTITION = "IN PARTITION ID {partition:String}"
STRUCTURE = "^(?:JSON|Array|Tuple)"
"""Types of values that have neither a text nor a number."""


class Rewriting(msgspec.Struct, frozen=True):
    """A statement and its parameters."""

    sql: str
    parameters: dict[str, object]


def rewriting(columns: Sequence[FieldColumn], partition_id: str) -> Rewriting:
    """Return the statement that shreds all events of a partition that wait for it."""
    values = FieldValues(columns)
    version = max(column.number for column in columns)
    values.parameters |= {"partition": partition_id, "version": version}
    assignments = [f"{name} = {sql}" for name, sql in values.assignments().items()]
    assignments.append(f"shredded = if({values.exact()}, {{version:Int16}}, -{{version:Int16}})")
    # Before it writes, the engine counts the rows of a part that any command is for, by threads as urgent as a query's:
    # parsed there as well, every event would cost a third more. A row that the first command is for is looked at no
    # further; the command itself changes nothing.
    sql = (
        f"ALTER TABLE events UPDATE shredded = shredded {PARTITION} WHERE shredded = 0, "
        f"UPDATE {', '.join(assignments)} {PARTITION} WHERE {values.waiting()}"
    )
    return Rewriting(sql, values.parameters)


class FieldValues:
    """Expressions over `message`; every value in them is bound."""

    def __init__(self, columns: Sequence[FieldColumn]) -> None:
        self._columns: dict[tuple[str, ...], list[FieldColumn]] = {}
        for column in columns:
            self._columns.setdefault(column.path, []).append(column)
        self._tree = _tree(self._columns)
        self.parameters: dict[str, object] = {
            "before_text": BEFORE_TEXT,
            "marked_text": MARKED_TEXT,
            "text_mark": TEXT_MARK,
            "object_start": OBJECT_START,
            "byte_order_mark": BYTE_ORDER_MARK,
            "structure": STRUCTURE,
            "odd_names": _odd_names(self._columns),
            "shape": _shape(self._tree),
        }
        self._marked = "replaceRegexpAll(message, {before_text:String}, {marked_text:String})"
        # An array would be taken for an object with its members in the order of the shape.
        self._is_object = "match(message, {object_start:String})"
        self._parsed = f"JSONExtract(if(shredded = 0 AND {self._is_object}, {self._marked}, ''), {{shape:String}})"

    def waiting(self) -> str:
        """Return the condition for events that are not shredded yet."""
        # The engine puts an `if` around each assignment, and computes lazily, anew for each, what stands within alone:
        # 186 µs an event. What the condition itself needs is computed once for all: 9 µs.
        return f"shredded + ignore({self._parsed}) = 0"

    def assignments(self) -> dict[str, str]:
        """Return the value of each column."""
        return {
            column.name: self._typed(path, column.kind) for path, columns in self._columns.items() for column in columns
        }

    def exact(self) -> str:
        """Return whether the columns say of an event what its message says."""
        fits = [self._fits(path, columns) for path, columns in self._columns.items()]
        readable = " OR ".join(f"isNotNull({self._value(path)})" for path in self._columns)
        # The mark may make JSON unreadable, never readable.
        as_before = f"({readable} OR isValidJSON({self._marked}) OR NOT isValidJSON(message))"
        plain = "NOT match(message, {odd_names:String})"
        other = "NOT startsWith(message, {byte_order_mark:String})"
        return f"if({self._is_object}, {' AND '.join([plain, *fits, as_before])}, {other})"

    def _typed(self, path: tuple[str, ...], kind: ColumnKind) -> str:
        """Return the value at a path if it has that type, else null."""
        found = f"dynamicElement({self._value(path)}, '{ENGINE_TYPES[kind]}')"
        match kind:
            case "word" | "text":
                return f"if(startsWith({found}, {{text_mark:String}}), substring({found}, 2), NULL)"
            case "double":
                return f"if({self._is_whole(path)} AND {self._written(path)} != 'Double', NULL, {found})"
            case "integer":
                whole = f"{self._is_whole(path)} AND {self._written(path)} = 'Int64'"
                return f"if({whole}, {self._at(path, 'JSONExtractInt')}, {found})"
            case "boolean":
                return found

    def _is_whole(self, path: tuple[str, ...]) -> str:
        # Behind a value of type Float64 the engine reads the integers of other rows as such, too.
        double = f"dynamicElement({self._value(path)}, 'Float64')"
        return f"ifNull({double} = floor({double}), 0)"

    def _written(self, path: tuple[str, ...]) -> str:
        return self._at(path, "JSONType")

    def _at(self, path: tuple[str, ...], function: str) -> str:
        """Return what a function says of the place where the value is."""
        nested = f"{function}({', '.join(self._has(path))})"
        if len(path) == 1:
            return nested
        dotted = f"{function}({', '.join(self._has(('.'.join(path),)))})"
        return f"if(isNotNull({self._element(path)}), {nested}, {dotted})"

    def _fits(self, path: tuple[str, ...], columns: Sequence[FieldColumn]) -> str:
        value = self._value(path)
        known = [f"isNotNull({self._typed(path, column.kind)})" for column in columns]
        fits = f"(isNull({value}) OR {' OR '.join(known)} OR match(dynamicType({value}), {{structure:String}}))"
        if len(path) == 1:
            return fits
        # A null within objects hides a member with dots in its name, which a missing one does not.
        nested, dotted = self._element(path), self._element((".".join(path),))
        return f"{fits} AND (isNotNull({nested}) OR isNull({dotted}) OR NOT JSONHas({', '.join(self._has(path))}))"

    def _has(self, path: tuple[str, ...]) -> Iterator[str]:
        yield "message"
        for step in path:
            name = f"step_{len(self.parameters)}"
            known = next((key for key, value in self.parameters.items() if key[:5] == "step_" and value == step), name)
            self.parameters[known] = step
            yield f"{{{known}:String}}"

    def _value(self, path: tuple[str, ...]) -> str:
        nested = self._element(path)
        if len(path) == 1:
            return nested
        dotted = self._element((".".join(path),))
        return f"if(isNotNull({nested}), {nested}, {dotted})"

    def _element(self, path: tuple[str, ...]) -> str:
        found, tree = self._parsed, self._tree
        for step in path:
            found = f"tupleElement({found}, {list(tree).index(step) + 1})"
            tree = tree[step]
        return found


class _Tree(dict[str, "_Tree"]):
    """Names and what is below them; a leaf is empty."""


def _tree(paths: Mapping[tuple[str, ...], object]) -> _Tree:
    root = _Tree()
    for path in paths:
        below = root
        for step in path:
            below = below.setdefault(step, _Tree())
        if len(path) > 1:
            root.setdefault(".".join(path), _Tree())
    return root


def _shape(tree: _Tree) -> str:
    members = [f"`{name}` {_shape(below) if below else 'Dynamic'}" for name, below in tree.items()]
    return f"Tuple({', '.join(members)})"


def _odd_names(paths: Mapping[tuple[str, ...], object]) -> str:
    """Return what finds arrays in the place of objects, and names with escapes."""
    parents = sorted({step for path in paths for step in path[:-1]})
    arrays = "|".join(parent.replace("$", r"\$") for parent in parents)
    return rf'"(?:{arrays})"[ \t\r\n]*:[ \t\r\n]*\[|{ESCAPED_NAME}' if parents else ESCAPED_NAME
