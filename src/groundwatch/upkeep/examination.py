"""What a running server finds wrong with its stores: first with the whole, then with every part, portion by portion."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.sql import Database
from groundwatch.upkeep.findings import Finding
from groundwatch.upkeep.part_checks import check_parts
from groundwatch.upkeep.store_checks import check_clock, check_event_store, check_metadata, check_orphans, list_groups

_TOKEN = re.compile(r"(?P<checked>[0-9]{1,9})/(?P<last>[0-9A-Za-z_-]+/[0-9A-Za-z_-]+)")


class Examined(msgspec.Struct, frozen=True):
    """The findings of one portion."""

    findings: list[Finding]
    checked_parts: int
    parts: int
    next_token: str | None


class Examination:
    """Checks the stores of this process; changes nothing but what reading a broken part leads to."""

    def __init__(self, events: EventDatabase, metadata: Database, clock_ms: Callable[[], int]) -> None:
        self._events = events
        self._metadata = metadata
        self._clock_ms = clock_ms

    async def run(self, token: str | None) -> Examined:
        """Return the next portion. Raises ServiceError for a token that no portion gave, StorageError."""
        findings = [] if token is not None else await self._whole()
        before, last = _read_token(token)
        checked = await self._events.run("care", lambda client: check_parts(client, last))
        done = before + checked.checked
        more = None if checked.last is None else f"{done}/{checked.last}"
        return Examined(findings + checked.findings, done, done + checked.left, more)

    async def _whole(self) -> list[Finding]:
        stored = await self._events.run("care", list_groups)
        metadata = await self._metadata.read(check_metadata)
        # After the events were listed, so that a group that is made meanwhile is no orphan.
        orphans = await self._metadata.read(lambda connection: check_orphans(connection, stored))
        clock = check_clock(stored, self._clock_ms())
        return [*metadata, *await self._events.run("care", check_event_store), orphans, clock]


def _read_token(token: str | None) -> tuple[int, str]:
    if token is None:
        return 0, ""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ServiceError("ValidationException", "The nextToken is not one that Examine gave.")
    return int(match["checked"]), match["last"]
