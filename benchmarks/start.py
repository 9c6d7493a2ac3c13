"""How long Groundwatch takes from starting the process to answering its health check."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.report import Row, Series
from benchmarks.servers import groundwatch_server
from benchmarks.settings import Settings

NAME = "start"
TARGET_S = 3.0


def run(settings: Settings) -> list[Row]:
    """Start on an empty directory, then again on the same data, in every round."""
    first: list[float] = []
    again: list[float] = []
    for _ in range(settings.rounds):
        with tempfile.TemporaryDirectory(prefix="groundwatch-start-") as scratch:
            for measured in (first, again):
                with groundwatch_server(Path(scratch, "data")) as server:
                    measured.append(server.start_s)
    return [
        Row(NAME, "first start to ready, empty directory", Series("Groundwatch", "s", first), TARGET_S, "below"),
        Row(NAME, "start to ready on the same data", Series("Groundwatch", "s", again), TARGET_S, "below"),
    ]
