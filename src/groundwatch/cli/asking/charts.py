"""Results as charts in the terminal: lines over time, or bars."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from groundwatch.cli.asking.asker import Row
from groundwatch.cli.show import visible

POINTER = "@ptr"
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
MAX_LINES = 8
MAX_BARS = 40
HEIGHT = 18
TICKS = 5
BLOCKS = " ▏▎▍▌▋▊▉"


class Series(msgspec.Struct, frozen=True):
    """One line: its name and its points, (seconds since the epoch, value), in order of time."""

    name: str
    points: list[tuple[float, float]]


class Bar(msgspec.Struct, frozen=True):
    """One bar."""

    name: str
    value: float


def chart(rows: Sequence[Row], width: int, *, colours: bool) -> RenderableType | None:
    """Return a chart of rows: lines where a column holds times, else bars; None where no column holds numbers."""
    series = time_series(rows)
    if series:
        return lines(series, width, colours=colours)
    found = bars(rows)
    return _bars(found, width) if found else None


def time_series(rows: Sequence[Row]) -> list[Series]:
    """Return a line for each column of numbers and each combination of texts, beside the first column of times."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    time = next((name for name in columns if all(TIME.fullmatch(row.get(name, "")) for row in rows)), None)
    if time is None:
        return []
    numbers = [name for name in columns if name != time and _all_numbers(rows, name)]
    texts = [name for name in columns if name not in {time, POINTER, *numbers}]
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        group = [row[name] for name in texts if name in row]
        for name in numbers:
            label = " ".join(group if group and len(numbers) == 1 else [*group, name])
            if name in row:
                lines.setdefault(label, []).append((_seconds(row[time]), float(row[name])))
    largest = sorted(lines.items(), key=lambda line: -sum(abs(value) for _, value in line[1]))[:MAX_LINES]
    return [Series(name, sorted(points)) for name, points in largest]


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Return a bar for each row: named by its texts, as long as its first number.

    Where all columns are numbers, the first is a key (`by status`).
    """
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != POINTER]
    numbers = [name for name in columns if _all_numbers(rows, name)]
    keys = [name for name in columns if name not in numbers]
    if not keys and len(numbers) > 1:
        keys = [numbers.pop(0)]
    if not numbers:
        return []
    value = numbers[0]
    named = [(" ".join(row[key] for key in keys if key in row) or value, row[value]) for row in rows if value in row]
    return [Bar(name, float(number)) for name, number in named]


def _all_numbers(rows: Sequence[Row], name: str) -> bool:
    values = [row[name] for row in rows if name in row]
    return bool(values) and all(re.fullmatch(r"-?\d+(\.\d+)?(E-?\d+)?", value) for value in values)


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def lines(series: Sequence[Series], width: int, *, colours: bool) -> RenderableType:
    """Return series as lines over time, `width` characters wide."""
    # A tenth of a second to load, and only for this.
    import plotext  # noqa: PLC0415

    figure = plotext.figure
    figure.clear()
    figure.theme("simple")
    figure.plot_size(max(width, 40), HEIGHT)
    for one in series:
        drawn = figure.signal([time for time, _ in one.points], [value for _, value in one.points])
        # A single point has no line.
        figure.draw((drawn.lines() if len(one.points) > 1 else drawn).label(visible(one.name)))
    first, last = (pick(time for one in series for time, _ in one.points) for pick in (min, max))
    places = sorted({first + (last - first) * step / (TICKS - 1) for step in range(TICKS)})
    figure.ruler("x").ticks(places, [_tick(place, last - first) for place in places])
    text = str(figure.build())
    figure.clear()
    return Text.from_ansi(text) if colours else Text(plotext.uncolorize(text))


def _tick(seconds: float, span_s: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    if span_s < 600:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%H:%M}" if span_s < 2 * 86_400 else f"{moment:%m-%d %H:%M}"


def _bars(found: Sequence[Bar], width: int) -> RenderableType:
    shown = found[:MAX_BARS]
    longest = max((bar.value for bar in shown if bar.value > 0), default=0.0)
    room = max(width - max(min(len(bar.name), 40) for bar in shown) - 16, 10)
    table = Table.grid(padding=(0, 1))
    table.add_column(max_width=40, no_wrap=True, justify="right")
    for bar in shown:
        length = bar.value / longest * room if longest else 0.0
        table.add_row(Text(visible(bar.name)), Text(_block(length), "cyan"), f"{bar.value:g}")
    more = [Text(f"and {len(found) - len(shown):,} more", "dim")] if len(found) > len(shown) else []
    return Group(table, *more)


def _block(length: float) -> str:
    eighths = round(max(length, 0.0) * 8)
    return "█" * (eighths // 8) + (BLOCKS[eighths % 8] if eighths % 8 else "")
