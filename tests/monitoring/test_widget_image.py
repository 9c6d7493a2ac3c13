"""Widgets as pictures."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.model import Series
from groundwatch.monitoring.metrics.widget.definition import read_widget
from groundwatch.monitoring.metrics.widget.drawing import draw
from groundwatch.monitoring.metrics.widget.ticks import time_text, time_ticks, value_text, value_ticks

NOW_MS = 1_767_322_800_000
PLACE = ("111122223333", "us-east-1")
BLUE, RED = (0x1F, 0x77, 0xB4), (0xFF, 0, 0)


def widget(*metrics: list, **members: object) -> str:
    return json.dumps({"metrics": list(metrics) or [["N", "m"]], "period": 60, "start": "-PT10M", **members})


def graph(*metrics: list, **members: object):
    return read_widget(widget(*metrics, **members), *PLACE, NOW_MS)


def line(*values: float | None, query_id: str = "g1") -> Series:
    start_ms = NOW_MS - 600_000
    points = tuple((start_ms + 60_000 * n, value) for n, value in enumerate(values) if value is not None)
    return Series(query_id, f"line {query_id}", 60, points)


def picture(raw: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(raw))
    assert image.format == "PNG"
    return image.convert("RGB")


def inked(image: Image.Image, ink: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return the places that have a colour, up to what smoothing takes."""
    width, height = image.size
    pixels = image.load()
    return [
        (x, y)
        for x in range(width)
        for y in range(height)
        if all(abs(a - b) < 40 for a, b in zip(pixels[x, y], ink, strict=True))
    ]


def test_a_line_goes_where_its_values_are():
    drawn = picture(draw(graph(width=300, height=200, legend={"position": "hidden"}), [line(*range(11))]))
    places = inked(drawn, BLUE)
    assert drawn.size == (300, 200)
    left, right = min(places), max(places)
    assert left[0] < 60
    assert right[0] > 270
    # It rises, and y goes downwards.
    assert left[1] > 160
    assert right[1] < 40


def test_a_gap_is_not_drawn_over():
    series = line(1, 1, None, None, None, None, None, None, None, 1, 1)
    shown = graph(width=300, height=200, legend={"position": "hidden"}, yAxis={"left": {"min": 0, "max": 2}})
    columns = {x for x, _ in inked(picture(draw(shown, [series])), BLUE)}
    assert not columns & set(range(110, 220))
    assert columns


def test_colours_levels_and_legend():
    shown = graph(
        ["N", "m", {"color": "#ff0000", "label": "x"}], annotations={"horizontal": [{"value": 3, "color": "#1f77b4"}]}
    )
    drawn = picture(draw(shown, [line(*[1] * 11)]))
    assert inked(drawn, RED)
    assert inked(drawn, BLUE)


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (2000, 1000)])
def test_every_allowed_size_is_drawn(size):
    series = [line(1, 2, 3, query_id=f"g{n}") for n in range(10)]
    shown = graph(width=size[0], height=size[1], title="t" * 5000)
    assert picture(draw(shown, series)).size == size


@pytest.mark.parametrize("values", [(), (5,), (0, 0), (2.0**360, -(2.0**360)), (1e-300, 2e-300), (None, 1)])
def test_any_values_are_drawn(values):
    assert picture(draw(graph(), [line(*values)])).size == (600, 400)


@pytest.mark.parametrize("values", [(1e308, -1e308), (2.0**360,), (5e-324, 0), (1e17, 1e17 + 16)])
def test_any_levels_are_drawn(values):
    levels = [{"value": value} for value in values]
    assert picture(draw(graph(annotations={"horizontal": levels}), [])).size == (600, 400)


@pytest.mark.parametrize("end", ["PT0H", "P0D", "-PT0H", "-PT0M"])
def test_the_present_is_written_as_dashboards_do(end):
    assert graph(end=end).end == graph().end


def test_short_hand_of_metrics_is_spelled_out():
    shown = graph(
        ["AWS/X", "Calls", "Host", "a", "Zone", "z", {"stat": "Sum"}],
        [".", "Errors", ".", ".", ".", "."],
        ["...", "b", ".", "."],
        [{"expression": "g1 * 2", "id": "e"}],
    )
    keys = [query.stat.metric for query in shown.queries[:3]]
    assert [(key.namespace, key.name) for key in keys] == [("AWS/X", "Calls"), ("AWS/X", "Errors"), ("AWS/X", "Errors")]
    assert [dict(key.dimensions)["Zone"] for key in keys] == ["z"] * 3
    assert shown.queries[0].stat.stat == "Sum"
    assert (shown.queries[3].id, shown.queries[3].expression) == ("e", "g1 * 2")


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        pytest.param("{", "JSON is malformed|truncated", id="no JSON"),
        pytest.param("{}", "missing required field `metrics`", id="no metrics"),
        pytest.param(widget(view="pie"), r"Invalid enum value 'pie' - at `\$.view`", id="another view"),
        pytest.param(widget(stacked=True), r"at `\$.stacked`", id="stacked"),
        pytest.param(widget(width=2001), r"at `\$.width`", id="too wide"),
        pytest.param(widget(nonsense=1), "unknown field `nonsense`", id="an unknown property"),
        pytest.param(widget(start="yesterday"), "is no time", id="no time"),
        pytest.param(widget(start="PT1H"), "is no time", id="a time ahead"),
        pytest.param(widget(start="0001-01-01T00:00:00+14:00"), "is no time", id="a time before all times"),
        pytest.param(widget(start="9999-12-31T23:59:59-14:00"), "is no time", id="a time after all times"),
        pytest.param(widget(["N"]), "a namespace, a name, and pairs", id="half a metric"),
        pytest.param(widget(["N", "m", "d"]), "a namespace, a name, and pairs", id="half a dimension"),
        pytest.param(widget(["N", "m", {"stat": "p101"}]), "not a valid statistic", id="no statistic"),
        pytest.param(widget(["N", "m", {"color": "red"}]), "is no colour", id="no colour"),
        pytest.param(widget(["N", "m", {"yAxis": "right"}]), "yAxis", id="the other axis"),
        *(
            pytest.param(widget(metric), "must be a value in the set", id=f"an odd period of {what}")
            for what, metric in {
                "a metric": ["N", "m", {"period": 7}],
                "an expression": [{"expression": "TIME_SERIES(1)", "period": 7}],
                "no length": [{"expression": "TIME_SERIES(1)", "period": 0}],
                "a negative length": ["N", "m", {"period": -60}],
            }.items()
        ),
        pytest.param(widget(*[["N", "m"]] * 101), "from 1 to 100 members", id="too many metrics"),
        pytest.param(
            widget(["N", "m", {"expression": "1"}]), "either the names of a metric or an expression", id="both"
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(definition, why):
    with pytest.raises(ServiceError, match=why):
        read_widget(definition, *PLACE, NOW_MS)


def test_marks_of_axes():
    assert value_ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert value_ticks(0.1, 0.9, 4) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert value_ticks(3, 3, 4) == [3]
    assert value_ticks(0, 5e-324, 5) == [0]
    assert [value_text(value) for value in (0, 1500, 2e7, 0.25)] == ["0", "1.5k", "20M", "0.25"]
    assert list(time_ticks(0, 3_600_000, 6)) == [600_000 * n for n in range(7)]
    assert [time_text(NOW_MS, span) for span in (60_000, 3_600_000, 10 * 86_400_000)] == ["03:00:00", "03:00", "01/02"]


def test_a_picture_from_a_running_server(server):
    api = server.client("cloudwatch")
    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=3)
    api.put_metric_data(Namespace="image", MetricData=[{"MetricName": "m", "Value": 4.0, "Timestamp": at}])
    asked = widget(["image", "m"], [{"expression": "m * 2", "id": "e"}], title="A title", width=400, height=300)
    with pytest.raises(ClientError, match="Unknown identifier 'm'"):
        api.get_metric_widget_image(MetricWidget=asked)
    asked = widget(
        ["image", "m", {"id": "m"}], [{"expression": "m * 2", "id": "e"}], title="A title", width=400, height=300
    )
    assert picture(api.get_metric_widget_image(MetricWidget=asked)["MetricWidgetImage"]).size == (400, 300)
