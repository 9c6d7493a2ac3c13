"""How well patterns are found in logs whose true patterns are known, and how fast.

The truth is in `NAME.structured.csv` as the loghub collection has it, with the columns `Content` and `EventId`; where
`NAME.log` stands beside it, the whole lines are grouped as well, with the headers that their loggers wrote.
"""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from benchmarks.report import Row, Series
from benchmarks.settings import Settings
from groundwatch.logs.insights.mining import grouped, mine
from groundwatch.logs.insights.patterns import Sample

NAME = "patterns"
ACCURACY = 0.85
LINES_PER_S = 50_000


class Labelled(msgspec.Struct, frozen=True):
    """A log and which lines of it are of one event."""

    name: str
    contents: Sequence[str]
    events: Sequence[str]
    lines: Sequence[str] = ()
    """The whole lines, where there are any."""


def run(settings: Settings) -> list[Row]:
    """Score every labelled log of the directory; nothing without one."""
    logs = labelled(settings.texts) if settings.texts else []
    if not logs:
        return []
    rows = [_accuracy_row(log.name, log.contents, log.events) for log in logs]
    mean = fmean(row.figure.median for row in rows)
    rows += [_accuracy_row(f"{log.name}, whole lines", log.lines, log.events) for log in logs if log.lines]
    rows.append(Row(NAME, "mean of the first", Series("accuracy", "", [mean]), ACCURACY, "above"))
    speeds = [_lines_per_s([log.lines or log.contents for log in logs]) for _ in range(settings.rounds)]
    rows.append(Row(NAME, "patterns with tokens", Series("speed", "lines/s", speeds), LINES_PER_S, "above"))
    return rows


def _accuracy_row(name: str, texts: Sequence[str], events: Sequence[str]) -> Row:
    # The target is for the mean; a single log has none.
    return Row(NAME, name, Series("accuracy", "", [accuracy(grouped(texts), events)]), 0, "above")


def labelled(directory: Path) -> list[Labelled]:
    """Return the logs of a directory whose events are known."""
    found = []
    for path in sorted(directory.glob("*.structured.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        raw = path.with_name(path.name.removesuffix(".structured.csv") + ".log")
        # Only the line feed ends a line: some logs hold other separators.
        lines = raw.read_bytes().decode("utf-8", "replace").rstrip("\n").split("\n") if raw.exists() else []
        lines = [line.rstrip("\r") for line in lines] if len(lines) == len(rows) else []
        contents, events = [row["Content"] for row in rows], [row["EventId"] for row in rows]
        found.append(Labelled(path.name.partition(".")[0], contents, events, lines))
    return found


def accuracy(found: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """Return the share of lines whose group is exactly that of their event (Zhu et al., ICSE 2019)."""
    truth = {tuple(group) for group in _groups(true)}
    return sum(len(group) for group in _groups(found) if tuple(group) in truth) / len(true)


def _groups(labels: Sequence[Hashable]) -> Sequence[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        groups[label].append(place)
    return list(groups.values())


def _lines_per_s(logs: Sequence[Sequence[str]]) -> float:
    samples = [[Sample(line) for line in lines] for lines in logs]
    # Processor time, which other processes of the machine do not stretch.
    begun_s = time.process_time()
    for some in samples:
        mine(some)
    return sum(map(len, logs)) / (time.process_time() - begun_s)
