"""Results on the terminal: a table, JSON or CSV, and meanwhile how far the query is with its first rows."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from groundwatch.cli.asking.asker import Progress, Row
from groundwatch.cli.asking.charts import chart
from groundwatch.cli.show import visible
from groundwatch.cli.terminal import Terminal

POINTER = "@ptr"
PREVIEW_ROWS = 10
UNITS = ("B", "kB", "MB", "GB", "TB")


class Watcher:
    """Shows on a terminal how far a query is; elsewhere nothing."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._shows = console.is_terminal
        self._note = ""

    def __enter__(self) -> Self:
        if self._shows:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            self._live.stop()

    def watch(self, progress: Progress) -> None:
        """Take a look at the query."""
        if self._shows:
            line = Spinner("dots", Text(f"{progress.status} · {summary(progress)}{self._note}", "dim"))
            parts: list[RenderableType] = [line]
            if progress.rows:
                parts.append(table(progress.rows[:PREVIEW_ROWS], title="so far"))
            self._live.update(Group(*parts))

    def note_rows(self, count: int) -> None:
        """Take how many rows are written already."""
        self._note = f" · {count:,} rows written"


def show(rows: Sequence[Row], form: str, out: TextIO) -> None:
    """Write a result in one of the forms of `FORMATS`."""
    if form == "json":
        out.write(json.dumps(list(rows), indent=2, ensure_ascii=False) + "\n")
        return
    if form == "csv":
        out.write(as_csv(rows))
        return
    # Rows that have no column would be drawn as nothing, which looks like a fault.
    nothing = "no values: no row has any of the fields" if rows else "no rows"
    Terminal(file=out).print_whole(table(rows) if _columns(rows) else Text(nothing, "dim"))


FORMATS = ("table", "json", "csv")


def show_chart(rows: Sequence[Row], out: TextIO) -> bool:
    """Draw a result; False where it has no column of numbers."""
    console = Terminal(file=out)
    drawn = chart(rows, console.width, colours=console.is_terminal)
    if drawn is not None:
        console.print(drawn)
    return drawn is not None


def table(rows: Sequence[Row], title: str | None = None) -> Table:
    """Return rows as a table; numbers stand on the right."""
    columns = _columns(rows)
    made = Table(
        title=title, title_style="dim", header_style="bold", row_styles=("", "on grey7"), box=None, pad_edge=False
    )
    for name in columns:
        values = [row[name] for row in rows if name in row]
        right = bool(values) and all(_is_number(value) for value in values)
        made.add_column(Text(visible(name)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*[Text(visible(row.get(name, "")).rstrip("\n")) for name in columns])
    return made


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header; what a row lacks is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def summary(progress: Progress) -> str:
    """Return in one line what a query has looked at."""
    statistics = progress.statistics
    scanned, matched = statistics.get("recordsScanned", 0), statistics.get("recordsMatched", 0)
    size = size_text(statistics.get("bytesScanned", 0))
    return f"{scanned:,.0f} events ({size}) scanned, {matched:,.0f} matched, {progress.elapsed_s:.1f} s"


def size_text(size_bytes: float) -> str:
    """Return a size in decimal units, as CloudWatch bills it."""
    for unit in UNITS[:-1]:
        if size_bytes < 1_000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1_000
    return f"{size_bytes:.1f} {UNITS[-1]}"


def tell(text: str) -> None:
    """Say something beside the result, to whoever looks at the terminal."""
    # Where both go to one file, in this order.
    sys.stdout.flush()
    Terminal(stderr=True).print(Text(text, "dim"))


def terminal() -> Console:
    """Return the console on which progress is shown: not the one of the result, which may be a pipe."""
    return Terminal(stderr=True, force_terminal=None if sys.stderr.isatty() else False)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row if name != POINTER))


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
