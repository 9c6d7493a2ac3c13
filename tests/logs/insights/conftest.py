"""Events of a case in groups of their own, and queries over them."""

import asyncio
import itertools
import uuid

import msgspec
import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.insights.commands.lookup import Lookup, rows_for
from groundwatch.logs.insights.compile import Compiled, Group, Source, compile_query
from groundwatch.logs.insights.languages import LANGUAGES
from groundwatch.logs.insights.mined import Mined
from groundwatch.logs.insights.mining import mine
from groundwatch.logs.insights.nodes import found_in
from groundwatch.logs.insights.patterns import Sample
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.insights.references import Reference
from groundwatch.logs.insights.side_tables import SideTables
from groundwatch.logs.lookup_tables import read_table

NUMBERS = itertools.count(5_000_000)
COLUMNS = {
    "group_id": "UInt64",
    "stream_id": "UInt64",
    "timestamp": "Int64",
    "ingested": "Int64",
    "batch": "UInt64",
    "seq": "UInt16",
    "message": "String",
}
END_MS = 2**43
WINDOW = Window(0, END_MS, END_MS)
ACCOUNT = "111122223333"


class EventGroup:
    """A log group with some events, below the operations."""

    def __init__(self, database) -> None:
        self.database = database
        self.number = next(NUMBERS)
        self.streams: dict[str, int] = {}
        self.others: dict[str, EventGroup] = {}
        """Further groups, by the names that a query can choose them by."""
        self.tables: dict[str, str] = {}
        """Lookup tables, as CSV."""
        self.references: dict[tuple, Reference] = {}

    def put(self, events) -> None:
        rows = []
        for position, event in enumerate(events):
            stream = self.streams.setdefault(event.get("logStream", "s1"), next(NUMBERS))
            time = event["timestamp"]
            rows.append([self.number, stream, time, time + 1, 1, position, event["message"]])
        columns = [list(column) for column in zip(*rows, strict=True)]
        self.database.run_now(
            lambda client: client.insert(
                "events",
                columns,
                column_names=list(COLUMNS),
                column_type_names=list(COLUMNS.values()),
                column_oriented=True,
            )
        )

    def compile(
        self, query: str, *, mined: Mined | None = None, window: Window = WINDOW, language: str = "CWLI"
    ) -> Compiled:
        parsed = LANGUAGES[language](query)
        names = {number: name for one in [self, *self.others.values()] for name, number in one.streams.items()}
        chosen = {
            inner: [Group(self.others.get(name, self).number, name) for name in inner.names] for inner in parsed.inner
        }
        groups = [Group(self.number, "/test/group")]
        tables = {name: read_table(body)[0] for name, body in self.tables.items()}
        source = Source(ACCOUNT, groups, window, (), names, chosen=chosen, mined=mined, tables=tables)
        # Once to judge the query, and again with the engine's tables, as the server does it.
        compiled = compile_query(parsed, source)
        references = {one.span: self.reference(one) for one in found_in(parsed.stages, Lookup)}
        return compile_query(parsed, msgspec.structs.replace(source, references=references)) if references else compiled

    def reference(self, lookup: Lookup) -> Reference:
        columns = (lookup.table.text, lookup.key_columns(read_table(self.tables[lookup.table.text])[0]), lookup.outputs)
        known = self.references.get(str(columns))
        if known is None:
            rows = rows_for(lookup, self.tables[lookup.table.text])
            tables = SideTables(self.database, uuid.uuid4().hex)
            known = Reference(asyncio.run(tables.reference(0, rows)), rows.lengths)
            self.references[str(columns)] = known
        return known

    def run(self, query: str, **changes) -> list[list[tuple[str, str]]]:
        """Return the rows as pairs of column and value, without null."""
        compiled = self.compile(query, **changes)
        if compiled.samples_sql:
            found = self.rows(compiled.samples_sql, compiled.parameters)
            patterns = mine([Sample(text, count, earlier) for text, count, earlier, _ in found])
            compiled = self.compile(query, **changes, mined=Mined(patterns, found[0][3] if found else 0))
        rows = self.rows(compiled.sql, compiled.parameters)
        named = [zip(compiled.columns, row, strict=False) for row in rows]
        return [[(name, value) for name, value in row if value is not None] for row in named]

    def assert_refused(self, query: str, where: tuple[int, int] | None, said: str, **changes) -> None:
        """Check that a query is refused in such words, and at that place unless it is not told."""
        with pytest.raises(ServiceError) as refused:
            self.compile(query, **changes)
        fault = refused.value.members["queryCompileError"]
        assert refused.value.code == "MalformedQueryException"
        assert str(refused.value.message).startswith(said)
        assert fault["message"] == refused.value.message
        if where is not None:
            assert fault["location"] == {"startCharOffset": where[0], "endCharOffset": where[1]}

    def rows(self, sql: str, parameters) -> list:
        return self.database.run_now(lambda client: client.query(sql, parameters=parameters).result_rows)


@pytest.fixture
def group(event_database) -> EventGroup:
    return EventGroup(event_database)


@pytest.fixture
def beside(group) -> EventGroup:
    """Another group, called `/beside`."""
    group.others["/beside"] = EventGroup(group.database)
    return group.others["/beside"]
