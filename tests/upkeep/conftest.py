"""A store with some parts, without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwatch.storage.broken_parts import Rescuer
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events

ROWS = 20_000
WEEK = 2810
"""The partition of the events' time."""
INSERT = """
INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
SELECT {group:UInt64}, 1, 1700000000000 + number, 1700000000000 + number, 7, number % 65536,
    concat('message ', toString(number)) FROM numbers({rows:UInt64})
"""


class Store:
    """An event store in a directory, opened and closed at will; group N is in a part of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database: EventDatabase | None = None

    def open(self) -> EventDatabase:
        self.database = EventDatabase(f"chdb://{self.path}", repair=Rescuer().repair)
        return self.database

    def close(self) -> None:
        if self.database is not None:
            self.database.close()
            self.database = None

    def fill(self, groups: int, rows: int = ROWS) -> None:
        def insert(client):
            migrate_events(client)
            # A merge would give the parts other names, and mend or move what a test has spoilt.
            client.command("ALTER TABLE events MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1")
            for group in range(1, groups + 1):
                client.command(INSERT, parameters={"group": group, "rows": rows})

        self.open().run_now(insert)

    def part(self, number: int) -> Path:
        """Return the directory of the part of group `number`."""
        parts = (path.parent for path in self.path.glob(f"store/*/*/{WEEK}_*/columns.txt"))
        return sorted(parts, key=lambda path: int(path.name.split("_")[1]))[number - 1]

    def spoil(self, number: int, file: str, at: float = 0.5) -> None:
        """Flip a byte of a file in the part of a group; only while the store is closed."""
        path = self.part(number) / file
        content = bytearray(path.read_bytes())
        content[int(len(content) * at)] ^= 0xFF
        path.write_bytes(content)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    made = Store(tmp_path / "events")
    yield made
    made.close()
