"""From a query to one statement of the event store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.discovery import NO_FIELDS, StoredFields
from groundwatch.logs.insights.errors import Span, malformed, placing
from groundwatch.logs.insights.mined import EARLIER, Mined
from groundwatch.logs.insights.nodes import Subquery
from groundwatch.logs.insights.parse import Query, parse_query
from groundwatch.logs.insights.pipeline import MAX_ROWS, Fork, Pipeline, Window
from groundwatch.logs.insights.references import Reference
from groundwatch.logs.insights.rows import DEFAULT_ROWS
from groundwatch.logs.insights.selection import Selection
from groundwatch.logs.insights.statement import Statement
from groundwatch.logs.insights.stream_sums import Counted

EVENTS = """
    SELECT group_id, stream_id, timestamp, ingested, batch, seq, message{names} FROM events
    WHERE {read}
"""
MAX_BOUND_GROUPS = 50
"""Groups that are bound one by one, which lets the engine skip most; beyond, all at once."""
MAX_LOG_CHARACTERS = 100_000
# By itself the engine looks at one condition after the other, and drops rows in between: at a field first, then at the
# range of the query, which all rows pass. That pays where nothing is left of most granules, as is to be expected of
# identifiers, and costs half of a filter for values that come again and again.
READ_AT_ONCE = " SETTINGS enable_multiple_prewhere_read_steps = 0"
COUNTED = "count() AS events, {bytes} AS bytes, min(timestamp) AS first, max(timestamp) AS last"
# What the table keeps for each stream is read without reading an event.
STREAMS = f"""
    SELECT group_id, stream_id, {COUNTED.format(bytes="sum(length(message))")} FROM events
    WHERE {{range}} GROUP BY group_id, stream_id
"""  # noqa: S608
SCANNED = """
    SELECT {whole} AS whole, sum(events), sum(bytes), min(first), max(last)
    FROM ({streams}) WHERE {touched} GROUP BY whole
"""
# The engine stores sizes apart, but looks for them there only if they are asked for by name, and of the table itself:
# `length` reads the messages, which takes many times what most queries do.
CUT = f"""
    SELECT 1, {COUNTED.format(bytes="sum(message.size)")} FROM events
    WHERE {{read}} AND stream_id IN (SELECT stream_id FROM ({{streams}}) WHERE NOT ({{whole}})) HAVING events > 0
"""  # noqa: S608


class Group(msgspec.Struct, frozen=True):
    """A log group to read: the number and name that it is known by, and the time before which its events are gone."""

    number: int
    name: str
    expired_before_ms: int | None = None


class Source(msgspec.Struct, frozen=True):
    """The events that a query is about."""

    account_id: str
    groups: Sequence[Group]
    window: Window
    deleted_streams: Sequence[int] = ()
    stream_names: Mapping[int, str] = {}
    """Names of the streams; needed only by queries of which `Compiled.needs_streams` says so."""
    names_table: str | None = None
    """The table that has the names instead, where there are too many; likewise that of the deleted streams."""
    deleted_table: str | None = None
    since_ms: int | None = None
    """Where reading begins, if only the newest part of the window is wanted."""
    whole: bool = False
    """Whether the window has all events of the groups, and none of them has expired."""
    mined: Mined | None = None
    """The patterns, once they are found."""
    chosen: Mapping[Selection, Sequence[Group]] = {}
    """What the SOURCE of each subquery chooses. `groups` are those of the query itself, also when it has a SOURCE."""
    stored: StoredFields = NO_FIELDS
    """The fields that need not be read from messages."""
    tables: Mapping[str, Sequence[str]] = {}
    """The lookup tables that the query names, with their columns."""
    references: Mapping[Span, Reference] = {}
    """What the engine reads for each `lookup`, by where it stands; needed only to run the statement."""


class Compiled(msgspec.Struct, frozen=True):
    """A statement, and how to read its rows."""

    sql: str
    parameters: dict[str, object]
    columns: tuple[str, ...]
    """Names of the result's columns, whose values come first in each row, as text or null."""
    has_keys: bool
    """Whether the group, stream and key of an event follow in each row."""
    needs_streams: bool
    matched_sql: str
    scanned_sql: str
    """Counts the events of the range and the bytes of their messages, and finds the first time and the last.

    A row that does not begin with 1 is about streams of which the range has a part: `cut_sql` measures that.
    """
    cut_sql: str
    full_rows: int
    """A result with so many rows may have been cut off."""
    counts_itself: bool
    """Whether every event that passes the filters is a row of the result, unless that is full."""
    matches_all: bool
    """Whether all events that are read pass the filters: there are none."""
    counts_along: bool
    """Whether each row has, behind its columns, the number of events that passed the filters."""
    counted: Counted | None = None
    """What `scanned_sql` counts, where the sums of streams tell as much."""
    samples_sql: str | None = None
    """Gives what the patterns of the query are to be found in: `sql` is of use once `Source.mined` has them."""


def compile_query(
    text: str | Query, source: Source, *, max_rows: int = DEFAULT_ROWS, most_rows: int = MAX_ROWS
) -> Compiled:
    """Return the statement of a query; raises `MalformedQueryException`.

    The result has `max_rows` rows unless the query says another number, which may be up to `most_rows`.
    """
    query = parse_query(text) if isinstance(text, str) else text
    with placing(query.text):
        return _compiled(query, source, max_rows, most_rows)


class _Compiler:
    """Lowers the commands of a query and of its subqueries, each onto a pipeline with events of its own."""

    def __init__(self, source: Source, most_rows: int) -> None:
        self._source = source
        self._most_rows = most_rows
        self._statement = Statement()
        self._made: list[tuple[Pipeline, Source]] = []
        self._strict = True

    def query(self, query: Query) -> Pipeline:
        """Return the pipeline of the query."""
        self._strict = query.strict
        return self._lowered(query.stages, _within(self._source, query.selection), self._fork)

    def finish(self) -> bool:
        """Say where the events come from, now that all uses are known, and return whether names of streams are used."""
        needs_streams = any("@logStream" in pipeline.uses for pipeline, _ in self._made)
        for pipeline, source in self._made:
            pipeline.read_from(*_events(pipeline, source, needs_streams="@logStream" in pipeline.uses))
        return needs_streams

    def settings(self) -> str:
        """Return what the engine needs to know to read as little as it must."""
        return READ_AT_ONCE if all(pipeline.reads_at_once for pipeline, _ in self._made) else ""

    @property
    def is_alone(self) -> bool:
        """Whether the query has no subqueries."""
        return len(self._made) == 1

    def scanned(self) -> str:
        """Return the statement that counts what is read of whole streams."""
        return " UNION ALL ".join(_counted(SCANNED, pipeline, source) for pipeline, source in self._made)

    def cut(self) -> str:
        """Return the statement that counts what is read of the other streams."""
        return " UNION ALL ".join(_counted(CUT, pipeline, source) for pipeline, source in self._made)

    def counted(self) -> Counted | None:
        """Return what is read in terms of streams; None for a query that reads more than one range."""
        pipeline, source = self._made[0]
        if not self.is_alone or pipeline.compared_ms or source.deleted_table:
            return None
        return Counted(
            groups=[group.number for group in source.groups],
            start_ms=max(source.window.start_ms, source.since_ms or 0),
            end_ms=source.window.end_ms,
            expired_before_ms={number: ms for ms, numbers in _by_expiry(source).items() for number in numbers},
            deleted_streams=frozenset(source.deleted_streams),
            version=pipeline.fields.version,
        )

    def _fork(self, query: Subquery, *, beside: bool = False) -> Pipeline:
        source = self._source
        if query.selection is not None:
            groups = source.chosen.get(query.selection, ())
            source = _within(msgspec.structs.replace(source, groups=groups, since_ms=None), query.selection)
        return self._lowered(query.stages, source, self._fork if beside else None)

    def _lowered(self, stages: Sequence[Stage], source: Source, fork: Fork | None) -> Pipeline:
        pipeline = Pipeline(
            source.window, most_rows=self._most_rows, statement=self._statement, fork=fork, stored=source.stored
        )
        pipeline.strict = self._strict
        pipeline.mined = source.mined or Mined()
        pipeline.tables, pipeline.references = source.tables, source.references
        self._made.append((pipeline, source))
        for stage in stages:
            stage.lower(pipeline)
        return pipeline


def _within(source: Source, selection: Selection | None) -> Source:
    """Return a source with the times that a SOURCE says."""
    if selection is None:
        return source
    window = source.window
    start = window.start_ms if selection.start is None else selection.start.at(window.now_ms)
    end = window.end_ms if selection.end is None else selection.end.at(window.now_ms)
    return msgspec.structs.replace(source, window=msgspec.structs.replace(window, start_ms=start, end_ms=end))


def _compiled(query: Query, source: Source, max_rows: int, most_rows: int) -> Compiled:
    compiler = _Compiler(source, most_rows)
    pipeline = compiler.query(query)
    columns = pipeline.columns()
    needs_streams = compiler.finish()
    settings = compiler.settings()
    sql = pipeline.render(pipeline.asked_rows or max_rows) + settings
    matched = pipeline.matched_statement() + settings
    if len({column.name for column in columns}) > 1000:
        raise malformed("a result has at most 1000 columns")
    return Compiled(
        sql=sql,
        parameters=pipeline.statement.parameters,
        columns=tuple(column.name for column in columns),
        has_keys=pipeline.events,
        needs_streams=needs_streams,
        matched_sql=matched,
        scanned_sql=compiler.scanned(),
        cut_sql=compiler.cut(),
        counted=compiler.counted(),
        full_rows=pipeline.least_rows or max_rows,
        counts_itself=pipeline.counts_itself,
        matches_all=pipeline.matches_all and compiler.is_alone,
        counts_along=pipeline.counts_along,
        samples_sql=pipeline.samples_statement() if pipeline.mined_text else None,
    )


def _events(pipeline: Pipeline, source: Source, *, needs_streams: bool) -> tuple[str, str]:
    """Return the events as a SELECT and, if that gives nothing but what is stored, as a table with a condition."""
    names = ""
    if pipeline.compared_ms:
        names += f", timestamp < {pipeline.bind(source.window.start_ms, 'Int64')} AS {EARLIER}"
    if needs_streams and source.names_table:
        names += f", toNullable(joinGet('{source.names_table}', 'name', stream_id)) AS stream_name"
    elif needs_streams:
        numbers, known = list(source.stream_names), list(source.stream_names.values())
        names += f", {_renamed(pipeline, 'stream_id', numbers, known)} AS stream_name"
    if "@log" in pipeline.uses:
        known = [f"{source.account_id}:{group.name}" for group in source.groups]
        if sum(map(len, known)) > MAX_LOG_CHARACTERS:
            raise malformed("@log cannot be used with so many log groups: choose fewer")
        names += f", {_renamed(pipeline, 'group_id', [group.number for group in source.groups], known)} AS group_name"
    read = _read(pipeline, source)
    plain = "" if names else f"events WHERE {read}"
    return EVENTS.format(names=names + pipeline.fields.column_names(), read=read), plain


def _read(pipeline: Pipeline, source: Source) -> str:
    """Return the condition of the events that are read."""
    bind, limits = pipeline.bind, ""
    if source.whole and source.since_ms is None:
        # Reading and comparing times takes a fifth of many queries.
        return f"{_of_groups(pipeline, source)}{_deleted(pipeline, source)}"
    if pipeline.compared_ms:
        window = source.window
        start, before = bind(window.start_ms, "Int64"), bind(window.end_ms - pipeline.compared_ms, "Int64")
        limits += f" AND (timestamp >= {start} OR timestamp <= {before})"
        both = msgspec.structs.replace(window, start_ms=max(window.start_ms - pipeline.compared_ms, 0))
        source = msgspec.structs.replace(source, window=both)
    for expired_before_ms, numbers in _by_expiry(source).items():
        since = bind(expired_before_ms, "Int64")
        limits += f" AND (group_id NOT IN ({_listed(pipeline, numbers)}) OR timestamp >= {since})"
    limits += _deleted(pipeline, source)
    start = bind(max(source.window.start_ms, source.since_ms or 0), "Int64")
    end = bind(source.window.end_ms, "Int64")
    return f"{_of_groups(pipeline, source)} AND timestamp BETWEEN {start} AND {end}{limits}"


def _counted(form: str, pipeline: Pipeline, source: Source) -> str:
    """Return a SELECT of rows that say how many events are read and how large."""
    bind, limits = pipeline.bind, _deleted(pipeline, source)
    start, end = bind(max(source.window.start_ms, source.since_ms or 0), "Int64"), bind(source.window.end_ms, "Int64")
    whole, touched = f"first >= {start} AND last <= {end}", f"first <= {end} AND last >= {start}"
    if pipeline.compared_ms:
        # Between the two ranges there is a gap, which may cut any stream.
        whole, touched = "0", "1"
    for expired_before_ms, numbers in _by_expiry(source).items():
        since = bind(expired_before_ms, "Int64")
        whole += f" AND (group_id NOT IN ({_listed(pipeline, numbers)}) OR first >= {since})"
    streams = STREAMS.format(range=f"{_of_groups(pipeline, source)}{limits}")
    return form.format(streams=streams, whole=whole, touched=touched, read=_read(pipeline, source))


def _deleted(pipeline: Pipeline, source: Source) -> str:
    limits = ""
    if source.deleted_table:
        limits += f" AND stream_id NOT IN {source.deleted_table}"
    if source.deleted_streams:
        limits += f" AND NOT has({pipeline.bind(list(source.deleted_streams), 'Array(UInt64)')}, stream_id)"
    return limits


def _by_expiry(source: Source) -> Mapping[int, list[int]]:
    """Return the groups of which a part of the window is expired, by the time before which it is."""
    found: dict[int, list[int]] = {}
    for group in source.groups:
        if group.expired_before_ms is not None and group.expired_before_ms > source.window.start_ms:
            found.setdefault(group.expired_before_ms, []).append(group.number)
    return found


def _of_groups(pipeline: Pipeline, source: Source) -> str:
    numbers = [group.number for group in source.groups]
    listed = _listed(pipeline, numbers)
    # The engine makes a set of a list, and looks every event up in it.
    return f"group_id = {listed}" if len(numbers) == 1 else f"group_id IN ({listed})"


def _listed(pipeline: Pipeline, numbers: Sequence[int]) -> str:
    # No group has the number 0.
    if len(numbers) > MAX_BOUND_GROUPS:
        return f"SELECT arrayJoin({pipeline.bind(list(numbers), 'Array(UInt64)')})"
    return ", ".join(pipeline.bind(number, "UInt64") for number in numbers or [0])


def _renamed(pipeline: Pipeline, column: str, numbers: list[int], names: list[str]) -> str:
    return (
        f"toNullable(transform({column}, {pipeline.bind(numbers or [0], 'Array(UInt64)')}, "
        f"{pipeline.bind(names or [''], 'Array(String)')}, ''))"
    )
