"""Draws a graph as PNG. Runs in a thread; what it takes is bounded by the size that a widget may have."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import msgspec
from PIL import Image, ImageDraw, ImageFont

from groundwatch.monitoring.metrics.model import Series
from groundwatch.monitoring.metrics.widget.definition import Graph, color
from groundwatch.monitoring.metrics.widget.ticks import time_text, time_ticks, value_text, value_ticks

SMOOTH = 2
"""Lines are drawn this many times as large and scaled down, which smooths them."""
FONT_SIZE, TITLE_SIZE = 11, 14
MARGIN, LEFT, LINE_HEIGHT = 10, 48, 16
MAX_LEGEND_LINES = 6
MAX_TEXT = 200
FURTHEST, NARROWEST = 1e150, 1e-200
"""Between what values an axis reaches, and how short it may be: beyond, its arithmetic would overflow."""
TEXT, GRID, PAPER = "#444444", "#e6e6e6", "#ffffff"
# The first ten are those of most charting tools.
PALETTE = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")

Point = tuple[float, float]


class _Frame(msgspec.Struct, frozen=True):
    """The area of the data, in pixels of the picture, and what its sides stand for."""

    left: int
    top: int
    right: int
    bottom: int
    start_ms: int
    end_ms: int
    low: float
    high: float

    def x(self, at_ms: float) -> float:
        """Return the place of a time."""
        return self.left + (at_ms - self.start_ms) / max(self.end_ms - self.start_ms, 1) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the place of a value, cut off a little outside of the area."""
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - min(max(share, -0.1), 1.1) * (self.bottom - self.top)


def draw(graph: Graph, series: Sequence[Series]) -> bytes:
    """Return the picture of a graph with its series."""
    width, height = graph.widget.width, graph.widget.height
    colors = _colors(graph, series)
    frame = _frame(graph, series)
    lines = Image.new("RGB", (width * SMOOTH, height * SMOOTH), PAPER)
    _draw_grid(ImageDraw.Draw(lines), frame)
    _draw_lines(ImageDraw.Draw(lines), frame, series, colors)
    _draw_levels(ImageDraw.Draw(lines), frame, graph)
    picture = lines.resize((width, height), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    _cover_outside(pen, frame, width, height)
    _draw_texts(pen, frame, graph)
    if graph.widget.legend.position == "bottom":
        _draw_legend(pen, frame, series, colors)
    stored = io.BytesIO()
    picture.save(stored, "PNG", optimize=True)
    return stored.getvalue()


def _colors(graph: Graph, series: Sequence[Series]) -> list[str]:
    given: Mapping[str, str] = graph.colors
    return [given.get(one.query_id) or PALETTE[number % len(PALETTE)] for number, one in enumerate(series)]


def _frame(graph: Graph, series: Sequence[Series]) -> _Frame:
    widget = graph.widget
    top = MARGIN + (TITLE_SIZE + MARGIN if widget.title else 0)
    legend = min(len(series), MAX_LEGEND_LINES) * LINE_HEIGHT if widget.legend.position == "bottom" else 0
    bottom = widget.height - MARGIN - LINE_HEIGHT - legend
    low, high = _range(graph, series)
    start_ms, end_ms = (round(moment.timestamp() * 1000) for moment in (graph.start, graph.end))
    # A picture may be too small for anything but its lines.
    return _Frame(
        min(LEFT, widget.width // 4),
        min(top, widget.height // 4),
        max(widget.width - 2 * MARGIN, widget.width // 2),
        max(bottom, widget.height // 2),
        *(start_ms, end_ms, low, high),
    )


def _range(graph: Graph, series: Sequence[Series]) -> tuple[float, float]:
    scale = graph.widget.y_axis.left
    values = [value for one in series for _, value in one.points]
    values += [level.value for level in graph.widget.annotations.horizontal]
    low = min(values, default=0.0) if scale.min is None else scale.min
    high = max(values, default=1.0) if scale.max is None else scale.max
    if scale.min is None and 0 < low < (high - low):
        # Near zero, zero belongs to the picture.
        low = 0.0
    low, high = (min(max(value, -FURTHEST), FURTHEST) for value in (low, high))
    # Half a unit around a large value would be lost in its rounding.
    around = max(0.5, abs(low) / 1000)
    return (low, high) if high - low > NARROWEST else (low - around, low + around)


def _draw_grid(pen: ImageDraw.ImageDraw, frame: _Frame) -> None:
    for value in value_ticks(frame.low, frame.high, (frame.bottom - frame.top) // 40):
        y = frame.y(value) * SMOOTH
        pen.line([(frame.left * SMOOTH, y), (frame.right * SMOOTH, y)], GRID, SMOOTH)


def _draw_lines(pen: ImageDraw.ImageDraw, frame: _Frame, series: Sequence[Series], colors: Sequence[str]) -> None:
    for one, ink in zip(series, colors, strict=True):
        for run in _runs(one):
            places = [(frame.x(at) * SMOOTH, frame.y(value) * SMOOTH) for at, value in run]
            if len(places) == 1:
                x, y = places[0]
                pen.ellipse([x - 2 * SMOOTH, y - 2 * SMOOTH, x + 2 * SMOOTH, y + 2 * SMOOTH], ink)
            else:
                pen.line(places, ink, 2 * SMOOTH, joint="curve")


def _runs(series: Series) -> list[list[Point]]:
    """Return the points in runs without gaps: a line across a gap would show what is not there."""
    runs: list[list[Point]] = []
    before = None
    for at, value in series.points:
        if before is None or at - before > series.period_s * 1000:
            runs.append([])
        runs[-1].append((at, value))
        before = at
    return runs


def _draw_levels(pen: ImageDraw.ImageDraw, frame: _Frame, graph: Graph) -> None:
    for level in graph.widget.annotations.horizontal:
        y = frame.y(level.value) * SMOOTH
        pen.line([(frame.left * SMOOTH, y), (frame.right * SMOOTH, y)], color(level.color), SMOOTH)


def _cover_outside(pen: ImageDraw.ImageDraw, frame: _Frame, width: int, height: int) -> None:
    """Hide what was drawn beyond the area of the data: values outside of a given scale."""
    for area in ((0, 0, width, frame.top - 2), (0, frame.bottom + 2, width, height)):
        if area[3] > area[1]:
            pen.rectangle(area, PAPER)


def _draw_texts(pen: ImageDraw.ImageDraw, frame: _Frame, graph: Graph) -> None:
    font = ImageFont.load_default(FONT_SIZE)
    title = ImageFont.load_default(TITLE_SIZE)
    middle = (frame.left + frame.right) // 2
    pen.text((middle, MARGIN + TITLE_SIZE // 2), graph.widget.title[:MAX_TEXT], TEXT, title, anchor="mm")
    for value in value_ticks(frame.low, frame.high, (frame.bottom - frame.top) // 40):
        pen.text((frame.left - 6, frame.y(value)), value_text(value), TEXT, font, anchor="rm")
    span_ms = frame.end_ms - frame.start_ms
    for at in time_ticks(frame.start_ms, frame.end_ms, (frame.right - frame.left) // 70):
        pen.text((frame.x(at), frame.bottom + 6), time_text(at, span_ms), TEXT, font, anchor="mt")
    pen.text((frame.left + 4, frame.top), graph.widget.y_axis.left.label[:MAX_TEXT], TEXT, font, anchor="lt")
    for level in graph.widget.annotations.horizontal:
        pen.text((frame.left + 4, frame.y(level.value) - 2), level.label[:MAX_TEXT], TEXT, font, anchor="lb")


def _draw_legend(pen: ImageDraw.ImageDraw, frame: _Frame, series: Sequence[Series], colors: Sequence[str]) -> None:
    font = ImageFont.load_default(FONT_SIZE)
    y = frame.bottom + LINE_HEIGHT + MARGIN
    for one, ink in list(zip(series, colors, strict=True))[:MAX_LEGEND_LINES]:
        pen.rectangle([frame.left, y, frame.left + 8, y + 8], ink)
        pen.text((frame.left + 14, y + 4), one.label[:MAX_TEXT], TEXT, font, anchor="lm")
        y += LINE_HEIGHT
