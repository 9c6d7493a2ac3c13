"""How long and how large a run is."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Sizes that every benchmark takes from the command line; the defaults are those that the targets speak of."""

    rounds: int = 3
    connections: int = 16
    many_connections: int = 32
    round_s: float = 10
    """Length of a round of reads."""
    stream_events: int = 50_000
    put_events: int = 1_000_000
    """For Groundwatch, moto_server and chDB alike: moto's rate falls by a few percent as its lists grow."""

    sustained_events: int = 10_000_000
    """Their bodies take 4 GB in the directory of temporary files."""
    search_events: int = 5_000_000
    query_events: int = 10_000_000
    large_events: int = 10_000_000
    groups: int = 10_000
    deployed_apis: int = 1000
    alarms: int = 10_000
    memory_requests: int = 1_000_000
    texts: Path | None = None
    """A directory of `*.log` files to store instead of text logs that are made up."""

    def quick(self) -> Settings:
        """Return sizes for trying the harness out; the figures are not for quoting."""
        return Settings(
            rounds=min(self.rounds, 2),
            round_s=2,
            put_events=self.put_events // 10,
            sustained_events=self.sustained_events // 10,
            search_events=self.search_events // 10,
            query_events=self.query_events // 10,
            large_events=self.large_events // 20,
            groups=self.groups // 20,
            deployed_apis=self.deployed_apis // 20,
            alarms=self.alarms // 20,
            memory_requests=self.memory_requests // 20,
            texts=self.texts,
        )
