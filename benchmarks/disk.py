"""How small events become: bytes of messages beside all bytes of the table, merged, with all that belongs to it.

A run is a process of its own (`python -m benchmarks.disk json EVENTS`, `… text EVENTS [DIRECTORY]`), since an engine
opens one directory a process. It prints one JSON object.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from benchmarks.events import Event, EventSource
from benchmarks.report import Row, Series
from benchmarks.settings import Settings
from benchmarks.text_logs import repeated_logs, written_logs
from groundwatch.logs.shredding.shredder import Shredder
from groundwatch.logs.writer import INSERT_SETTINGS, Batch, event_table
from groundwatch.storage.clickhouse import Client, EventDatabase, open_client
from groundwatch.storage.event_codecs import choose_codecs
from groundwatch.storage.event_schema import WEEK_MS, migrate_events

T = TypeVar("T")
NAME = "disk"
JSON_TARGET, REPEATED_TARGET, WRITTEN_TARGET = 4.0, 6.0, 4.5
"""The second is for the six systems of loghub, repeated (`--texts`); lines that are made up never repeat themselves."""
TIMEOUT_S = 1800
START_MS = 2_900 * WEEK_MS
"""The first instant of a partition: how many the events fall into must not hang on the day of the run."""
STREAMS = 20
BATCH_EVENTS = 1000
LOG_LINES = 2000
INSERT_BATCHES = 16
LINE_INTERVAL_MS = 731
INGESTION_DELAY_MS = 120


class Sizes(msgspec.Struct, frozen=True):
    """What a merged table holds."""

    raw_bytes: int
    disk_bytes: int


def run(settings: Settings) -> list[Row]:
    """Store and merge each kind of log once: the bytes are the same in every round."""
    json = measure("json", settings.put_events)
    texts = () if settings.texts is None else (str(settings.texts),)
    text = measure("text", settings.put_events, *texts)
    events = f"{settings.put_events:,} events after merges, index and fields included"
    if settings.texts is None:
        of_text = _row(f"text logs, made up, {events}", text, WRITTEN_TARGET)
    else:
        of_text = _row(f"text logs of {settings.texts.name}, repeated, {events}", text, REPEATED_TARGET)
    return [_row(f"JSON events, {events}", json, JSON_TARGET), of_text]


def measure(kind: str, events: int, *directory: str) -> Sizes:
    """Fill a fresh store in a new process and return what it took."""
    command = [sys.executable, "-m", "benchmarks.disk", kind, str(events), *directory]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"the disk benchmark failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Sizes)


def json_batches(events: int) -> Iterator[Batch]:
    """Yield the events of all benchmarks, dealt out over the streams as PutLogEvents calls."""
    source = EventSource(START_MS, batch_events=BATCH_EVENTS)
    for number in range(events // BATCH_EVENTS):
        yield _batch(number, number % STREAMS, source.batch(number))


def text_batches(events: int, directory: Path | None) -> Iterator[Batch]:
    """Yield logs, a stream each. Neighbours are of different systems: no block of compression sees a log twice."""
    streams = max(1, events // LOG_LINES)
    logs = written_logs(streams, LOG_LINES) if directory is None else repeated_logs(directory, streams)
    for stream, lines in enumerate(logs):
        found = [Event(START_MS + at * LINE_INTERVAL_MS + at * at % 613, line) for at, line in enumerate(lines)]
        for first in range(0, len(found), BATCH_EVENTS):
            yield _batch(stream * LOG_LINES + first, stream, found[first : first + BATCH_EVENTS])


class _Alone:
    """The part of the event database that shredding needs, on one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(self, _purpose: str, work: Callable[[Client], T]) -> T:
        """Return `work(client)`."""
        return work(self._client)


def fill(client: Client, batches: Iterator[Batch]) -> Sizes:
    """Store and shred the batches in a fresh store as the server does, merge it to one part, return its sizes."""
    migrate_events(client)
    choose_codecs(client, embedded=True)
    waiting: list[Batch] = []
    for batch in batches:
        waiting.append(batch)
        if len(waiting) == INSERT_BATCHES:
            client.insert_arrow("events", event_table(waiting), settings=INSERT_SETTINGS)
            waiting.clear()
    if waiting:
        client.insert_arrow("events", event_table(waiting), settings=INSERT_SETTINGS)
    shredder = Shredder(cast("EventDatabase", _Alone(client)), lambda: 0)
    asyncio.run(shredder.shred(everything=True))
    client.command("OPTIMIZE TABLE events FINAL")
    raw = client.query("SELECT sum(length(message)) FROM events").result_rows[0][0]
    parts = (
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'"
    )
    return Sizes(raw, client.query(parts).result_rows[0][0])


def _batch(number: int, stream: int, events: Sequence[Event]) -> Batch:
    # The server draws its batch numbers at random; equally incompressible here, but repeatable.
    chance = (number + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
    times = [event.timestamp for event in events]
    return Batch(1, stream + 1, times[-1] + INGESTION_DELAY_MS, chance, times, [event.message for event in events], 0)


def _row(what: str, sizes: Sizes, target: float) -> Row:
    raw = Series("messages", "MB", [sizes.raw_bytes / 1e6])
    return Row(NAME, what, raw, target, "times", Series("on disk", "MB", [sizes.disk_bytes / 1e6]))


def main() -> None:
    """Fill a store with what the command line names, and print its sizes."""
    kind, events, *directory = sys.argv[1:]
    batches = {
        "json": lambda: json_batches(int(events)),
        "text": lambda: text_batches(int(events), Path(directory[0]) if directory else None),
    }[kind]()
    with tempfile.TemporaryDirectory(prefix="disk-bench-") as scratch:
        client = open_client(f"chdb://{scratch}/events")
        sizes = fill(client, batches)
        client.close()
    sys.stdout.buffer.write(msgspec.json.encode(sizes))


if __name__ == "__main__":
    main()
