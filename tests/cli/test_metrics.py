"""`groundwatch metrics` against a running server."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.live import run_command

from groundwatch.cli.metrics import fitting_period_s, show_list
from groundwatch.cli.terminal import Terminal


@pytest.fixture(scope="module")
def environment(server) -> dict[str, str]:
    api = server.client("cloudwatch")
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    for minute in range(30):
        at = now - dt.timedelta(minutes=minute + 1)
        data = [
            {
                "MetricName": "latency",
                "Timestamp": at,
                "Value": float(minute % 7 + offset),
                "Dimensions": [{"Name": "host", "Value": f"web-{offset}"}, {"Name": "zone", "Value": "[red]"}],
            }
            for offset in (0, 1)
        ]
        api.put_metric_data(Namespace="shop/cli", MetricData=data)
    return server.environment()


def test_metrics_are_listed(environment):
    listed = run_command("metrics", "shop/cli", environment=environment).stdout.splitlines()
    assert listed[0].split() == ["namespace", "metric", "dimensions"]
    assert sorted(line.split() for line in listed[1:]) == [
        ["shop/cli", "latency", f"host=web-{number}", "zone=[red]"] for number in (0, 1)
    ]


def test_a_pipe_gets_names_whole_and_no_blanks_at_the_end(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "a" * 100
    show_list([{"Namespace": "n", "MetricName": name, "Dimensions": []}], Terminal())
    assert capsys.readouterr().out.splitlines() == [f"namespace  metric{' ' * 96}dimensions", f"n          {name}"]


def test_a_metric_is_drawn(environment):
    shown = run_command("metrics", "shop/cli", "latency", "--since", "1h", environment=environment).stdout
    assert "host=web-0 zone=[red]" in shown
    assert "host=web-1 zone=[red]" in shown
    assert any("\u2800" <= character <= "\u28ff" or "\u2500" <= character <= "\u259f" for character in shown)
    assert "\x1b" not in shown


def test_rows_for_other_programs(environment):
    words = ("metrics", "shop/cli", "latency", "host=web-1", "--since", "1h", "--stat", "Sum", "--format", "tsv")
    rows = [line.split("\t") for line in run_command(*words, environment=environment).stdout.splitlines()]
    assert len(rows) == 30
    assert {row[1] for row in rows} == {"host=web-1 zone=[red]"}
    assert float(rows[-1][2]) == 1.0
    assert rows[0][0] < rows[-1][0]


def test_metric_math(environment):
    words = ("metrics", "shop/cli", "latency", "--since", "1h", "--format", "tsv", "--expression", "m1 - m2")
    values = {
        abs(float(line.split("\t")[2])) for line in run_command(*words, environment=environment).stdout.splitlines()
    }
    assert values == {1.0}


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("shop/cli", "nothing"), 1, "no metric nothing of shop/cli"),
        (("shop/cli", "latency", "host"), 2, "'host' is no dimension; write NAME=VALUE"),
        (("nowhere",), 1, "no metric of nowhere has had data for two weeks"),
        (("shop/cli", "latency", "--since", "often"), 2, "--since: 'often' is no time"),
        (("shop/cli", "latency", "--stat", "p101"), 1, "is not a valid statistic"),
        (("shop/cli", "latency", "--since", "2s"), 1, "no data since 2s; ask for more with --since"),
    ],
)
def test_what_is_wrong_is_one_line(environment, words, code, why):
    done = run_command("metrics", *words, environment=environment, code=code)
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("hours", "period_s"), [(0.1, 60), (3, 60), (4, 60), (12, 300), (24, 900), (24 * 30, 21_600), (24 * 455, 86_400)]
)
def test_the_period_fits_the_time_shown(hours, period_s):
    assert fitting_period_s(round(hours * 3_600_000)) == period_s
