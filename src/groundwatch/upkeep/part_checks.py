"""Reads every part of the event store and compares it with its checksums, as many as fit into some seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import msgspec

from groundwatch.storage.clickhouse import Client
from groundwatch.upkeep.findings import Finding

PORTION_S = 5.0
"""After this long the caller is answered, and asks for more; a single large part may take longer."""
_PART = re.compile(r"[0-9A-Za-z_-]+")
_ACTIVE = (
    "SELECT table, name FROM system.parts WHERE active AND database = currentDatabase() "
    "AND (table, name) > ({table:String}, {name:String}) ORDER BY table, name"
)


class CheckedParts(msgspec.Struct, frozen=True):
    """What a portion of the checks found."""

    findings: list[Finding]
    checked: int
    left: int
    last: str | None
    """`TABLE/PART` after which to go on, None when all were checked."""


def check_parts(client: Client, after: str, seconds: Callable[[], float] = time.monotonic) -> CheckedParts:
    """Check the parts after `TABLE/PART`, from the first for an empty text, for `PORTION_S`."""
    table, _, name = after.partition("/")
    waiting = client.query(_ACTIVE, parameters={"table": table, "name": name}).result_rows
    until, findings, checked = seconds() + PORTION_S, list[Finding](), 0
    for table, name in waiting:
        findings += _check(client, str(table), str(name))
        checked += 1
        if seconds() >= until:
            break
    left = len(waiting) - checked
    last = "/".join(map(str, waiting[checked - 1])) if left else None
    return CheckedParts(findings, checked, left, last)


def _check(client: Client, table: str, part: str) -> list[Finding]:
    if not (_PART.fullmatch(table) and _PART.fullmatch(part)):
        raise ValueError(f"the engine names a part {table}/{part}")
    # CHECK takes no bound values, and its answer is text in columns: the name, 1 or 0, and what is wrong.
    sql = f"CHECK TABLE {table} PART '{part}' SETTINGS check_query_single_value_result = 0"
    answer = client.query(sql).result_rows
    words = [str(word) for word in answer[0]] if answer else []
    # A part that was merged away meanwhile has no answer.
    if len(words) < 2 or words[1] != "0":
        return []
    reason = " ".join(" ".join(words[2:]).split())[:300]
    shown = f"is broken on the disk: {reason}"
    advice = "the server keeps what it can read when it comes upon it; look for faults of the disk (dmesg, smartctl)"
    return [Finding(f"part {part} of {table}", "failing", shown, advice)]
