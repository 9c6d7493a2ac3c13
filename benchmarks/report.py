"""What a benchmark found, beside its target, and the three ways to show it: terminal, JSON, Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec
from rich.table import Table

from benchmarks.figures import median, spread_ratio

SHOWN_PACKAGES = ("groundwatch", "chdb", "clickhouse-connect", "moto", "uvicorn")


class Series(msgspec.Struct, frozen=True):
    """One thing measured in every round."""

    name: str
    unit: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """The figure that is reported."""
        return median(self.rounds)


class Row(msgspec.Struct, frozen=True):
    """One target and what was measured for it."""

    benchmark: str
    what: str
    figure: Series
    target: float
    kind: Literal["times", "below", "above"]
    """`times`: the figure is at least `target` times the yardstick's. `below`: the figure itself is under `target`.
    `above`: it is at least that."""
    yardstick: Series | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure's median divided by the yardstick's, None without a yardstick."""
        return None if self.yardstick is None else self.figure.median / self.yardstick.median

    @property
    def passed(self) -> bool:
        """Whether the target is met."""
        if self.kind == "times":
            return self.ratio is not None and self.ratio >= self.target
        return self.figure.median >= self.target if self.kind == "above" else self.figure.median < self.target

    @property
    def target_text(self) -> str:
        """The target in words."""
        if self.kind == "times":
            return f"≥ {self.target:g}x"
        return f"{'≥' if self.kind == 'above' else '<'} {self.target:,g} {self.figure.unit}".rstrip()


class Report(msgspec.Struct, frozen=True):
    """All rows of a run and the machine that they were measured on."""

    machine: dict[str, str]
    rows: list[Row]

    @property
    def passed(self) -> bool:
        """Whether every target is met."""
        return all(row.passed for row in self.rows)


def machine_facts() -> dict[str, str]:
    """Return what the figures depend on: processors, memory, and versions."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    facts = {
        "processors": f"{len(os.sched_getaffinity(0))} x {cpu[0].partition(':')[2].strip() if cpu else 'unknown'}",
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    return facts | {package: version(package) for package in SHOWN_PACKAGES}


def to_json(report: Report) -> bytes:
    """Return the report with every round, and each row's ratio and verdict, as indented JSON."""
    rows = [msgspec.to_builtins(row) | {"ratio": row.ratio, "passed": row.passed} for row in report.rows]
    return msgspec.json.format(msgspec.json.encode({"machine": report.machine, "rows": rows}), indent=2) + b"\n"


def terminal_table(rows: Sequence[Row]) -> Table:
    """Return the rows for a terminal, missed targets in red."""
    table = Table(
        "benchmark", "what", "figure", "yardstick", "ratio", "target", "", "rounds apart", title="Groundwatch"
    )
    for row in rows:
        verdict = "[green]met[/]" if row.passed else "[bold red]MISSED[/]"
        apart = f"{spread_ratio(row.figure.rounds):.0%}"
        table.add_row(row.benchmark, _what(row), *_cells(row), verdict, apart)
    return table


def markdown_rows(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, for docs/performance.md."""
    lines = ["| what | Groundwatch | yardstick | ratio | target |", "|---|---|---|---|---|"]
    lines += [f"| {_what(row)} | {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _what(row: Row) -> str:
    return f"{row.what} ({row.note})" if row.note else row.what


def _cells(row: Row) -> list[str]:
    yardstick = f"{row.yardstick.name}: {_amount(row.yardstick)}" if row.yardstick else "-"
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x"
    return [_amount(row.figure), yardstick, ratio, row.target_text]


def _amount(series: Series) -> str:
    figure = series.median
    return f"{figure:,.0f} {series.unit}" if figure >= 100 else f"{figure:.2f} {series.unit}"
