"""Results as tables, JSON, CSV, charts and files, and the completion of queries."""

import csv
import io
import json

import click
import pyarrow.parquet as pq
import pytest

from groundwatch.cli.asking import charts, view
from groundwatch.cli.asking.asker import Progress
from groundwatch.cli.asking.charts import Bar, bars, time_series
from groundwatch.cli.asking.files import check_file, write_file
from groundwatch.cli.asking.words import complete_query

ROWS = [{"level": "error", "n": "12"}, {"n": "3", "@ptr": "p"}, {"level": 'a,"b"\n', "late": "x"}]
TIMES = [f"2026-11-22 10:{minute:02}:00.000" for minute in range(3)]


def shown(form: str, rows=ROWS) -> str:
    out = io.StringIO()
    view.show(rows, form, out)
    return out.getvalue()


def test_a_table_has_the_columns_in_order_without_pointers():
    lines = shown("table").splitlines()
    assert lines[0].split() == ["level", "n", "late"]
    assert lines[1].split() == ["error", "12"]
    assert "p" not in shown("table").replace("level", "")
    assert shown("table", []).strip() == "no rows"
    assert shown("table", [{"@ptr": "p"}]).strip() == "no values: no row has any of the fields"


def test_control_characters_do_not_reach_the_terminal():
    assert "\x1b" not in shown("table", [{"a\x1b[2J": "\x1b[31mred"}])


def test_json_has_everything_and_csv_a_header():
    assert json.loads(shown("json")) == ROWS
    read = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert read == [
        {"level": "error", "n": "12", "late": ""},
        {"level": "", "n": "3", "late": ""},
        {"level": 'a,"b"\n', "n": "", "late": "x"},
    ]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000, "2.0 MB"), (3e15, "3000.0 TB")]
)
def test_sizes_are_told_in_decimal_units(size, text):
    assert view.size_text(size) == text


def test_a_summary_says_what_was_looked_at():
    statistics = {"recordsScanned": 1234.0, "recordsMatched": 5.0, "bytesScanned": 2e6}
    assert view.summary(Progress("Complete", statistics, [], 1.25)) == (
        "1,234 events (2.0 MB) scanned, 5 matched, 1.2 s"
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"t": time, "n": str(n)} for n, time in enumerate(TIMES)], {"n": [0.0, 1.0, 2.0]}),
        ([{"t": TIMES[1], "n": "2"}, {"t": TIMES[0], "n": "1"}], {"n": [1.0, 2.0]}),
        ([{"t": TIMES[0], "l": level, "n": "1"} for level in "ab"], {"a": [1.0], "b": [1.0]}),
        ([{"t": TIMES[0], "n": "1", "m": "1.5"}], {"m": [1.5], "n": [1.0]}),
        ([{"l": "a", "n": "1"}], {}),
    ],
    ids=["one", "in order of time", "a line a group", "a line a column", "no times"],
)
def test_lines_over_time(rows, expected):
    assert {one.name: [value for _, value in one.points] for one in time_series(rows)} == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"l": "a", "n": "1", "m": "7"}], [Bar("a", 1.0)]),
        ([{"status": "200", "n": "5"}], [Bar("200", 5.0)]),
        ([{"n": "5"}], [Bar("n", 5.0)]),
        ([{"l": "a", "k": "b", "n": "-1.5"}, {"n": "2"}], [Bar("a b", -1.5), Bar("n", 2.0)]),
        ([{"l": "a"}], []),
    ],
)
def test_bars(rows, expected):
    assert bars(rows) == expected


def test_charts_are_drawn():
    out = io.StringIO()
    assert view.show_chart([{"t": time, "n": str(n * n)} for n, time in enumerate(TIMES)], out)
    assert "10:00" in out.getvalue()
    assert "┤" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    out = io.StringIO()
    assert view.show_chart([{"l": f"x{n}", "n": str(n)} for n in range(50)], out)
    assert "█" in out.getvalue()
    assert f"and {50 - charts.MAX_BARS} more" in out.getvalue()
    assert not view.show_chart([{"l": "a"}], io.StringIO())


def pages():
    yield ROWS[:2]
    yield []
    yield [dict(row) for row in ROWS[2:]]


def test_files_hold_all_rows_in_the_form_of_their_name(tmp_path):
    seen = []
    assert write_file(tmp_path / "a.ndjson", pages(), seen.append) == 3
    assert [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()] == ROWS
    assert seen == [2, 2, 3]
    assert write_file(tmp_path / "a.csv", ([dict(row) for row in page] for page in pages()), seen.append) == 3
    assert (tmp_path / "a.csv").read_text() == 'level,n,late\nerror,12,\n,3,\n"a,""b""\n",,x\n'
    assert write_file(tmp_path / "a.parquet", ([dict(row) for row in page] for page in pages()), seen.append) == 3
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["level", "n", "late"]
    assert table.to_pylist()[1] == {"level": None, "n": "3", "late": None}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.ndjson", "a.parquet"]


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv", "a.parquet"])
def test_a_file_without_rows_is_a_file(tmp_path, name):
    assert write_file(tmp_path / name, iter([[]]), lambda count: None) == 0
    assert (tmp_path / name).exists()


def test_a_failure_leaves_no_half_file(tmp_path):
    def broken():
        yield ROWS
        raise click.ClickException("gone")

    for name in ("a.ndjson", "a.csv"):
        with pytest.raises(click.ClickException, match="gone"):
            write_file(tmp_path / name, broken(), lambda count: None)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(click.ClickException, match="cannot write"):
        write_file(tmp_path / "none" / "a.csv", pages(), lambda count: None)


def test_a_name_without_a_form_is_refused_before_anything_is_asked(tmp_path):
    with pytest.raises(click.UsageError, match=r"'a.txt' says no form; end it with .ndjson"):
        check_file(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ("fil", {"filter", "filldown", "fillMissing", "filterIndex"}),
        ("fields a | st", {"fields a | stats"}),
        ("fields str", {"fields strlen", "fields strcontains"}),
        ("stats cou", {"stats count", "stats count_distinct", "stats countOverTime"}),
        ("stats nothingLikeThis", set()),
    ],
)
def test_the_last_word_is_completed_from_the_language(incomplete, expected):
    found = {item.value for item in complete_query(None, None, incomplete)}
    assert {name for name in expected if name.lower() in {one.lower() for one in found}} == expected
    assert all(one.startswith(incomplete.rpartition(" ")[0]) for one in found)
