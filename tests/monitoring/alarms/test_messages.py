"""What topics, mails and histories say of a change: keys, their order, and words."""

import json
from datetime import UTC, datetime

import pytest
from tests.monitoring.alarms.conftest import TOPIC

from groundwatch.monitoring.alarms.history import configuration
from groundwatch.monitoring.alarms.messages import (
    StateChange,
    Triggering,
    message_of,
    notice_of,
    region_name,
    subject_of,
)
from groundwatch.monitoring.alarms.model import Alarm, AlarmState, Place

CONFIGURED_MS = int(datetime(2026, 1, 2, 3, 0, tzinfo=UTC).timestamp() * 1000)
CHANGED_MS = CONFIGURED_MS + 300_123
ARN = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:"
LISTS = {"ActionsEnabled": True, "OKActions": [], "AlarmActions": [TOPIC], "InsufficientDataActions": []}
RULE = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0}
METRIC = {"MetricName": "MyAppErrorCount", "Namespace": "MyNamespace", "Period": 60}
SINGLE = LISTS | RULE | METRIC | {
    "Statistic": "Sum",
    "Dimensions": [{"Name": "n", "Value": "v"}],
    "DatapointsToAlarm": 1,
    "TreatMissingData": "notBreaching",
}  # fmt: skip


NAMED = {"Namespace": "N", "MetricName": "M"}


def change(members, *, kind="MetricAlarm", name="errors", triggering=(), region="us-east-1"):
    state = AlarmState("ALARM", "Threshold Crossed: …", None, CHANGED_MS, CHANGED_MS)
    alarm = Alarm(1, Place("111122223333", region), name, kind, members, CONFIGURED_MS, 1, state)
    return StateChange(alarm, "OK", triggering)


def test_the_message_of_a_metric_alarm():
    assert json.dumps(notice_of(change(SINGLE)), ensure_ascii=False, separators=(",", ":")) == (
        '{"AlarmName":"errors","AlarmDescription":null,"AWSAccountId":"111122223333",'
        '"AlarmConfigurationUpdatedTimestamp":"2026-01-02T03:00:00.000+0000","NewStateValue":"ALARM",'
        '"NewStateReason":"Threshold Crossed: …","StateChangeTime":"2026-01-02T03:05:00.123+0000",'
        f'"Region":"US East (N. Virginia)","AlarmArn":"{ARN}errors","OldStateValue":"OK",'
        f'"ActionExecutedAfterMuteWindow":false,"OKActions":[],"AlarmActions":["{TOPIC}"],'
        '"InsufficientDataActions":[],"Trigger":{"MetricName":"MyAppErrorCount","Namespace":"MyNamespace",'
        '"StatisticType":"Statistic","Statistic":"SUM","Unit":null,"Dimensions":[{"value":"v","name":"n"}],'
        '"Period":60,"EvaluationPeriods":1,"DatapointsToAlarm":1,"ComparisonOperator":"GreaterThanThreshold",'
        '"Threshold":0.0,"TreatMissingData":"notBreaching","EvaluateLowSampleCountPercentile":""}}'
    )


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"Statistic": "SampleCount"}, {"StatisticType": "Statistic", "Statistic": "SAMPLE_COUNT"}),
        ({"ExtendedStatistic": "p90"}, {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": "p90"}),
        ({"Statistic": "Sum", "Unit": "Count"}, {"Unit": "Count", "TreatMissingData": ""}),
    ],
)
def test_members_of_the_trigger(members, shown):
    trigger = notice_of(change(LISTS | RULE | METRIC | {"Dimensions": []} | members))["Trigger"]
    assert shown.items() <= trigger.items()
    assert "DatapointsToAlarm" not in trigger


def test_the_message_of_a_math_alarm():
    queries = [
        {
            "Id": "m",
            "Label": "errors",
            "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": "M"},
                "Period": 300,
                "Stat": "Sum",
                "Unit": "Count",
            },
            "ReturnData": False,
        },
        {"Id": "e", "Expression": "m * 2", "Label": "twice", "Period": 300},
    ]
    trigger = notice_of(change(LISTS | RULE | {"Metrics": queries}))["Trigger"]
    assert trigger["Period"] == 300
    assert trigger["Metrics"] == [
        {
            "Id": "m",
            "Label": "errors",
            "MetricStat": {
                "Metric": {"Dimensions": [], "MetricName": "M", "Namespace": "N"},
                "Period": 300,
                "Stat": "Sum",
                "Unit": "Count",
            },
            "ReturnData": False,
            "AccountId": "111122223333",
        },
        {"Expression": "m * 2", "Id": "e", "Label": "twice", "ReturnData": True, "Period": 300},
    ]
    assert "- e: m * 2" in json.loads(message_of(change(LISTS | RULE | {"Metrics": queries})))["email"]


def test_the_message_of_a_composite_alarm():
    members = LISTS | {"AlarmRule": "ALARM(errors)", "ActionsSuppressor": "night", "ActionsSuppressorWaitPeriod": 10}
    triggering = [Triggering(f"{ARN}errors", "ALARM", CHANGED_MS)]
    notice = notice_of(change(members, kind="CompositeAlarm", name="all", triggering=triggering))
    assert list(notice) == [
        *("AlarmName", "AlarmDescription", "AWSAccountId", "NewStateValue", "NewStateReason", "StateChangeTime"),
        *("Region", "AlarmArn", "OKActions", "AlarmActions", "InsufficientDataActions"),
        *("ActionExecutedAfterMuteWindow", "OldStateValue", "AlarmRule", "TriggeringChildren"),
        *("ActionsSuppressor", "ActionsSuppressorWaitPeriod"),
    ]
    assert notice["TriggeringChildren"] == [
        {"Arn": f"{ARN}errors", "State": {"Value": "ALARM", "Timestamp": "2026-01-02T03:05:00.123+0000"}}
    ]


@pytest.mark.parametrize(
    ("name", "region", "subject"),
    [
        ("errors", "us-east-1", 'ALARM: "errors" in US East (N. Virginia)'),
        ("zu viele Fehler ‼✓ hier", "eu-central-1", 'ALARM: "zu viele Fehler _ hier" in Europe (Frankfurt)'),
        ("x" * 65, "us-east-1", f'ALARM: "{"x" * 65}" in US East (N. Virginia)'),
        ("x" * 66, "us-east-1", f'ALARM: "{"x" * 62}..." in US East (N. Virginia)'),
        ("errors", "home-1", 'ALARM: "errors" in home-1'),
    ],
)
def test_subjects(name, region, subject):
    assert subject_of(change(SINGLE, name=name, region=region)) == subject
    assert len(subject) < 100


def test_mail_says_what_a_person_wants_to_know():
    texts = json.loads(message_of(change(SINGLE | {"AlarmDescription": "call Ann"})))
    assert list(texts) == ["default", "email", "sms"]
    for part in ("OK -> ALARM", "call Ann", "Threshold Crossed", "MyAppErrorCount", "n = v", TOPIC, f"{ARN}errors"):
        assert part in texts["email"]


def test_a_configuration_in_the_history():
    shown = configuration(change(SINGLE).alarm)
    assert shown["okactions"] == []
    assert shown["statistic"] == "SUM"
    assert shown["dimensions"] == [{"value": "v", "name": "n"}]
    assert shown["alarmConfigurationUpdatedTimestamp"] == "2026-01-02T03:00:00.000+0000"


def test_unknown_regions_keep_their_name():
    assert region_name("nowhere-7") == "nowhere-7"
