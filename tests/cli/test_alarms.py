"""`groundwatch alarms`: states, sparklines, and the history of one alarm."""

import datetime as dt
import json

import pytest

from groundwatch.cli import main
from groundwatch.cli.alarms import condition
from groundwatch.cli.sparkline import Spark, sparkline

METRIC = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": [{"Name": "host", "Value": "a"}]}
RULE = {"EvaluationPeriods": 3, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}


@pytest.fixture(scope="module")
def alarms(server):
    api = server.client("cloudwatch")
    for name, value in (("shop errors", 9.0), ("shop quiet", 1.0)):
        api.put_metric_alarm(
            AlarmName=name,
            Statistic="Sum",
            Period=60,
            ActionsEnabled=False,
            **METRIC | RULE | {"Dimensions": [{"Name": "alarm", "Value": name.split()[1]}]},
        )
        now = dt.datetime.now(dt.UTC)
        data = [
            {
                "MetricName": "Errors",
                "Dimensions": [{"Name": "alarm", "Value": name.split()[1]}],
                "Timestamp": now - dt.timedelta(minutes=minutes),
                "Value": value,
            }
            for minutes in range(1, 30)
        ]
        api.put_metric_data(Namespace="Shop", MetricData=data)
    api.put_composite_alarm(AlarmName="shop all", AlarmRule='ALARM("shop errors")')
    api.set_alarm_state(AlarmName="shop errors", StateValue="ALARM", StateReason="it is [red]on fire")
    yield server
    api.delete_alarms(AlarmNames=["shop all"])
    api.delete_alarms(AlarmNames=["shop errors", "shop quiet"])


@pytest.fixture
def run(alarms, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words, code=0):
        assert main(["alarms", *words, "--data", str(alarms.data)]) == code
        return capsys.readouterr()

    return run


def test_states_and_sparklines(run):
    lines = run("--prefix", "shop").out.splitlines()
    names = [next(name for name in ("shop all", "shop errors", "shop quiet") if name in line) for line in lines[1:]]
    assert names == ["shop all", "shop errors", "shop quiet"]
    assert "ALARM" in lines[2]
    assert "█" in lines[2]
    assert "Sum of Shop/Errors (alarm=errors) > 5 in 3 of 3 periods of 60 s" in lines[2]
    assert 'ALARM("shop errors")' in lines[1]


def test_only_those_in_a_state(run):
    assert "shop quiet" not in run("--prefix", "shop", "--state", "ALARM").out


def test_one_alarm_with_its_history(run):
    out = run("shop errors", code=1).out
    assert "it is [red]on fire" in out
    assert "Alarm updated from INSUFFICIENT_DATA to ALARM" in out
    assert 'Alarm "shop errors" created' in out


def test_json(run):
    found = json.loads(run("--prefix", "shop", "--format", "json").out)
    assert {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}["shop errors"] == "ALARM"
    one = json.loads(run("shop errors", "--format", "json", "-n", "1", code=1).out)
    assert (one["alarm"]["AlarmName"], len(one["history"])) == ("shop errors", 1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none"], 1, "there is no alarm called none"),
        (["--since", "soon"], 2, "--since"),
        (["--prefix", "nothing begins so"], 0, "no alarms"),
    ],
)
def test_what_is_wrong_is_one_line(run, words, code, said):
    err = run(*words, code=code).err
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("points", "bars"),
    [
        ([], "    "),
        ([(0, 1), (10, 2), (30, 4)], "▃▅ █"),
        ([(0, 0), (10, 0), (20, 0), (30, 0)], "▁▁▁▁"),
        ([(0, -4), (10, 0), (20, 4)], "▁▅█ "),
        ([(-1, 9), (40, 9)], "    "),
        ([(0, 7), (1, 8)], "█   "),
    ],
)
def test_bars(points, bars):
    assert sparkline(Spark(0, 10, 4, points), lambda value: value > 3).plain == bars


def test_what_is_beyond_the_threshold_is_red():
    line = sparkline(Spark(0, 10, 2, [(0, 1), (10, 9)]), lambda value: value > 3)
    assert [str(span.style) for span in line.spans] == ["cyan", "red"]


@pytest.mark.parametrize(
    ("alarm", "text"),
    [
        ({"AlarmRule": "OK(a)"}, "OK(a)"),
        (
            METRIC | RULE | {"Statistic": "Sum", "Period": 60, "DatapointsToAlarm": 2},
            "Sum of Shop/Errors (host=a) > 5 in 2 of 3 periods of 60 s",
        ),
        (
            RULE
            | {
                "Metrics": [
                    {"Id": "m", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "p99"}, "ReturnData": False},
                    {"Id": "e", "Expression": "m / 2"},
                ]
            },
            "m / 2 > 5 in 3 of 3 periods",
        ),
        (
            RULE | {"Metrics": [{"Id": "m", "MetricStat": {"Metric": METRIC, "Period": 300, "Stat": "p99"}}]},
            "p99 of Shop/Errors (host=a) > 5 in 3 of 3 periods of 300 s",
        ),
    ],
)
def test_when_an_alarm_goes_off(alarm, text):
    assert condition(alarm) == text
