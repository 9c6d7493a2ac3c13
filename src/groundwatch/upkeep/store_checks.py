"""Checks of the two stores: the metadata's integrity and what the event store says of itself."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.storage.broken_parts import NOTE, Rescue
from groundwatch.storage.clickhouse import Client
from groundwatch.storage.event_schema import DAY_MS, MIGRATIONS, WEEK_MS
from groundwatch.storage.migrate import is_known_revision
from groundwatch.storage.tables.logs import log_groups, reclaims
from groundwatch.upkeep.findings import Finding

CLOCK_TOLERANCE_MS = 120_000
METADATA = "metadata"
EVENTS = "events"
PARTITIONS_MS: Mapping[str, int] = {"events": WEEK_MS, "metric_points": DAY_MS}
"""How much time the rows of a part can span, by table."""
_PART_NAME = re.compile(r"([a-z-]+_)?(?P<partition>[0-9]{1,12})(_[0-9]+){3,4}")
"""The engine puts a reason before the name of a part that it takes out of service: `broken-on-start_2810_1_1_0`."""
RESTORE_ADVICE = "stop the server and restore the last backup (docs/backup.md)"


class StoredGroups(msgspec.Struct, frozen=True):
    """What the event store holds: rows by the number of their group, and the newest time of ingestion."""

    rows: Mapping[int, int]
    newest_ms: int


def list_groups(client: Client) -> StoredGroups:
    """Return what the event store holds; from the projection, so without reading events."""
    found = client.query("SELECT group_id, count(), max(ingested) FROM events GROUP BY group_id").result_rows
    return StoredGroups({int(group): int(rows) for group, rows, _ in found}, max((row[2] for row in found), default=0))


def check_metadata(connection: Connection) -> list[Finding]:
    """Check integrity and version of the metadata database."""
    try:
        return [_integrity(connection), _revision(connection)]
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        return [Finding(METADATA, "failing", f"the database cannot be read: {reason}", RESTORE_ADVICE)]


def _integrity(connection: Connection) -> Finding:
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT 1"))
        return Finding(METADATA, "ok", "the database answers")
    broken = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(3)"))]
    if broken != ["ok"]:
        return Finding(METADATA, "failing", f"the database is damaged: {'; '.join(broken)}", RESTORE_ADVICE)
    dangling = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
    if dangling:
        tables = ", ".join(sorted({str(row[0]) for row in dangling}))
        return Finding(METADATA, "failing", f"{len(dangling)} rows belong to nothing, in: {tables}", RESTORE_ADVICE)
    return Finding(METADATA, "ok", "the database is sound")


def _revision(connection: Connection) -> Finding:
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is None or is_known_revision(revision):
        return Finding("version of the metadata", "ok", f"schema {revision}")
    shown = f"schema {revision} is newer than this version of Groundwatch"
    return Finding("version of the metadata", "failing", shown, "run the version that wrote it, or a newer one")


def check_orphans(connection: Connection, stored: StoredGroups) -> Finding:
    """Look for events of groups that the metadata does not know; `stored` must be older than the connection's view."""
    known = set(connection.execute(select(log_groups.c.id)).scalars())
    known |= set(connection.execute(select(reclaims.c.group_id)).scalars())
    orphans = {group: rows for group, rows in stored.rows.items() if group not in known}
    if not orphans:
        return Finding("groups of events", "ok", f"all events of {len(stored.rows)} groups belong to a known group")
    shown = f"{sum(orphans.values())} events belong to {len(orphans)} groups that the metadata does not know"
    advice = (
        "if the metadata was replaced by an older copy, restore both from one backup: new groups would get the same "
        "numbers; else the events only take space"
    )
    return Finding("groups of events", "failing", shown, advice)


def check_clock(stored: StoredGroups, now_ms: int) -> Finding:
    """Compare the clock with the newest event, which was stored in the past."""
    ahead_ms = stored.newest_ms - now_ms
    if ahead_ms <= CLOCK_TOLERANCE_MS:
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC, and no event is from the future")
    shown = f"the newest event was stored {ahead_ms // 1000} s after now"
    return Finding("clock", "failing", shown, "set the clock, and keep it with NTP: signatures and retention need it")


def check_event_store(client: Client) -> list[Finding]:
    """Check the version, what is out of service, and what does not get done in the background."""
    version = int(client.query("SELECT max(version) FROM schema_version").result_rows[0][0])
    if version > len(MIGRATIONS):
        shown = f"schema {version} is newer than this version of Groundwatch"
        schema = Finding("version of the events", "failing", shown, "run the version that wrote it, or a newer one")
    else:
        schema = Finding("version of the events", "ok", f"schema {version}")
    return [schema, *_detached(client), *_mutations(client)]


def _detached(client: Client) -> Iterable[Finding]:
    found = client.query(
        "SELECT table, name, reason, path FROM system.detached_parts WHERE database = currentDatabase() ORDER BY ALL"
    ).result_rows
    if not found:
        yield Finding("parts out of service", "ok", "none")
    for table, name, reason, path in found:
        yield _out_of_service(str(table), str(name), str(reason), Path(path))


def _out_of_service(table: str, name: str, reason: str, path: Path) -> Finding:
    check = f"part {name} of {table}"
    try:
        rescue = msgspec.json.decode((path / NOTE).read_bytes(), type=Rescue)
    except (OSError, msgspec.DecodeError):
        why = "the engine found it broken at the start" if reason.startswith("broken") else "it was detached"
        shown = f"out of service with all of its {_rows(path)} rows{_period(table, name)}: {why}"
        return Finding(check, "failing", shown, _advice(path))
    lost = rescue.rows - rescue.kept_rows
    if lost == 0:
        shown = f"was broken; all of its {rescue.rows} rows were kept"
        return Finding(check, "warning", shown, f"look for faults of the disk, then delete {path}")
    shown = f"was broken; {lost} of its {rescue.rows} rows are lost{_period(table, name)}"
    return Finding(check, "failing", shown, _advice(path))


def _period(table: str, part: str) -> str:
    """Return from when the rows of a part are, by the number of its partition in its name; nothing without one."""
    span_ms, named = PARTITIONS_MS.get(table), _PART_NAME.fullmatch(part)
    if span_ms is None or named is None:
        return ""
    try:
        first = dt.datetime.fromtimestamp(int(named["partition"]) * span_ms / 1000, dt.UTC).date()
    except (OverflowError, ValueError):
        return ""
    last = first + dt.timedelta(milliseconds=span_ms - DAY_MS)
    return f", all of {first} (UTC)" if first == last else f", all from {first} to {last} (UTC)"


def _advice(path: Path) -> str:
    return (
        f"look for faults of the disk (dmesg, smartctl); these events are in backups made before, else lost. Restore "
        f"one, or go on without and delete {path}"
    )


def _rows(path: Path) -> str:
    try:
        return str(int((path / "count.txt").read_text("ascii")))
    except (OSError, ValueError):
        return "unknown number of"


def _mutations(client: Client) -> Iterable[Finding]:
    found = client.query(
        "SELECT table, command, latest_fail_reason FROM system.mutations WHERE database = currentDatabase() "
        "AND NOT is_done AND latest_fail_reason != ''"
    ).result_rows
    if not found:
        yield Finding("deletions", "ok", "none is stuck")
    for table, command, reason in found:
        shown = f"{command} does not get done: {str(reason)[:300]}"
        advice = "a broken part is taken out of service when it is read; else see the server's log"
        yield Finding(f"deletions in {table}", "failing", shown, advice)
