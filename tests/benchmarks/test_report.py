"""Statistics and verdicts: what is reported as the figure, and when a target counts as met."""

import io
import json

import pytest
from benchmarks.figures import percentile, spread_ratio
from benchmarks.report import Report, Row, Series, markdown_rows, terminal_table, to_json
from rich.console import Console

OURS = Series("Groundwatch", "requests/s", [900.0, 1300.0, 1200.0])
MOTO = Series("moto_server", "requests/s", [110.0, 100.0, 120.0])


@pytest.mark.parametrize(
    ("percent", "value"),
    [
        pytest.param(0, 1, id="0: the smallest"),
        pytest.param(50, 5, id="50: nearest rank, not interpolated"),
        pytest.param(51, 6, id="51: the next rank"),
        pytest.param(99, 10, id="99: of ten values the largest"),
        pytest.param(100, 10, id="100: the largest"),
    ],
)
def test_percentile(percent, value):
    assert percentile(range(1, 11), percent) == value


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 101), ([1.0], -1)])
def test_percentile_refuses(values, percent):
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


@pytest.mark.parametrize(("values", "spread"), [([5.0], 0), ([9.0, 10.0, 12.0], 0.3), ([0.0, 0.0], 0)])
def test_spread_is_the_range_over_the_median(values, spread):
    assert spread_ratio(values) == pytest.approx(spread)


def test_the_ratio_is_that_of_the_medians():
    assert Row("b", "w", OURS, 10, "times", MOTO).ratio == pytest.approx(1200 / 110)


@pytest.mark.parametrize(
    ("target", "kind", "yardstick", "passed"),
    [
        pytest.param(10, "times", MOTO, True, id="ratio above"),
        pytest.param(11, "times", MOTO, False, id="ratio below"),
        pytest.param(1200, "below", None, False, id="a limit itself is too much"),
        pytest.param(1201, "below", None, True, id="under the limit"),
        pytest.param(1, "times", None, False, id="a ratio without yardstick is not met"),
    ],
)
def test_verdict(target, kind, yardstick, passed):
    row = Row("b", "w", OURS, target, kind, yardstick)
    assert row.passed is passed
    assert Report({}, [row, row]).passed is passed


def test_json_has_every_round_and_the_verdict():
    report = json.loads(to_json(Report({"cpu": "x"}, [Row("b", "w", OURS, 10, "times", MOTO)])))
    row = report["rows"][0]
    assert report["machine"] == {"cpu": "x"}
    assert row["figure"]["rounds"] == OURS.rounds
    assert (row["passed"], row["ratio"]) == (True, pytest.approx(1200 / 110))


def test_markdown_has_a_line_for_each_row():
    rows = [
        Row("b", "reads", OURS, 10, "times", MOTO, note="p99 3 ms"),
        Row("b", "start", Series("Groundwatch", "s", [1.234]), 3, "below"),
    ]
    assert markdown_rows(rows).splitlines()[2:] == [
        "| reads (p99 3 ms) | 1,200 requests/s | moto_server: 110 requests/s | 10.91x | ≥ 10x |",
        "| start | 1.23 s | - | - | < 3 s |",
    ]


def test_the_terminal_marks_a_missed_target():
    console = Console(width=200, file=io.StringIO())
    console.print(terminal_table([Row("b", "w", OURS, 11, "times", MOTO)]))
    assert "MISSED" in console.file.getvalue()
