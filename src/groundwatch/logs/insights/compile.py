"""From a query to one statement of the event store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from groundwatch.logs.insights.errors import malformed, placing
from groundwatch.logs.insights.parse import Query, parse_query
from groundwatch.logs.insights.pipeline import DEFAULT_ROWS, KEY_COLUMNS, MAX_ROWS, Pipeline, Window

EVENTS = """
    SELECT group_id, stream_id, timestamp, ingested, batch, seq, message{names} FROM events
    WHERE group_id IN ({groups}) AND timestamp BETWEEN {start} AND {end}{limits}
"""
SCANNED = "count(), sum(length(message)), min(timestamp), max(timestamp)"


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
    """Counts the events of the range and the bytes of their messages, and finds the first time and the last."""
    max_rows: int
    counts_itself: bool
    """Whether every event that passes the filters is a row of the result, unless that is full."""


def compile_query(
    text: str | Query, source: Source, *, max_rows: int = DEFAULT_ROWS, most_rows: int = MAX_ROWS
) -> Compiled:
    """Return the statement of a query; raises `MalformedQueryException`.

    The result has `max_rows` rows unless the query says another number, which may be up to `most_rows`.
    """
    query = parse_query(text) if isinstance(text, str) else text
    with placing(query.text):
        return _compiled(query, source, max_rows, most_rows)


def _compiled(query: Query, source: Source, max_rows: int, most_rows: int) -> Compiled:
    pipeline = Pipeline(source.window, most_rows=most_rows)
    for stage in query.stages:
        stage.lower(pipeline)
    columns = pipeline.columns()
    needs_streams = "@logStream" in pipeline.uses
    pipeline.read_from(_events(pipeline, source, needs_streams=needs_streams))
    sql = pipeline.render(pipeline.asked_rows or max_rows)
    matched = pipeline.matched_statement()
    if len({column.name for column in columns}) > 1000:
        raise malformed("a result has at most 1000 columns")
    return Compiled(
        sql=sql,
        parameters=pipeline.parameters,
        columns=tuple(column.name for column in columns),
        has_keys=pipeline.events,
        needs_streams=needs_streams,
        matched_sql=matched,
        scanned_sql=f"SELECT {SCANNED} FROM ({pipeline.source})",  # noqa: S608 - every value is bound
        max_rows=pipeline.asked_rows or max_rows,
        counts_itself=pipeline.counts_itself,
    )


def event_key(row: Sequence[object]) -> dict[str, object]:
    """Return the columns of the key at the end of a row, by name."""
    return dict(zip(KEY_COLUMNS, row[-len(KEY_COLUMNS) :], strict=True))


def _events(pipeline: Pipeline, source: Source, *, needs_streams: bool) -> str:
    bind = pipeline.bind
    limits = ""
    for group in source.groups:
        if group.expired_before_ms is not None and group.expired_before_ms > source.window.start_ms:
            place, since = bind(group.number, "UInt64"), bind(group.expired_before_ms, "Int64")
            limits += f" AND (group_id != {place} OR timestamp >= {since})"
    if source.deleted_table:
        limits += f" AND stream_id NOT IN {source.deleted_table}"
    if source.deleted_streams:
        limits += f" AND NOT has({bind(list(source.deleted_streams), 'Array(UInt64)')}, stream_id)"
    names = ""
    if needs_streams and source.names_table:
        names += f", toNullable(joinGet('{source.names_table}', 'name', stream_id)) AS stream_name"
    elif needs_streams:
        numbers, known = list(source.stream_names), list(source.stream_names.values())
        names += f", {_renamed(pipeline, 'stream_id', numbers, known)} AS stream_name"
    if "@log" in pipeline.uses:
        known = [f"{source.account_id}:{group.name}" for group in source.groups]
        names += f", {_renamed(pipeline, 'group_id', [group.number for group in source.groups], known)} AS group_name"
    return EVENTS.format(
        names=names,
        groups=", ".join(bind(group.number, "UInt64") for group in source.groups),
        start=bind(max(source.window.start_ms, source.since_ms or 0), "Int64"),
        end=bind(source.window.end_ms, "Int64"),
        limits=limits,
    )


def _renamed(pipeline: Pipeline, column: str, numbers: list[int], names: list[str]) -> str:
    return (
        f"toNullable(transform({column}, {pipeline.bind(numbers or [0], 'Array(UInt64)')}, "
        f"{pipeline.bind(names or [''], 'Array(String)')}, ''))"
    )
