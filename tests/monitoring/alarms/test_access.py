"""What operations on alarms are checked against, and that it holds on the wire."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.monitoring.alarms.conftest import TOPIC

from groundwatch.monitoring.alarms.access import alarms_access

ALARM = "arn:aws:cloudwatch:us-east-1:{account}:alarm:"
CHECKS = [
    ("PutMetricAlarm", {"AlarmName": "a"}, ["a"]),
    ("SetAlarmState", {"AlarmName": "a"}, ["a"]),
    ("DeleteAlarms", {"AlarmNames": ["a", "b"]}, ["a", "b"]),
    ("EnableAlarmActions", {"AlarmNames": ["a"]}, ["a"]),
    ("DescribeAlarms", {}, ["*"]),
    ("DescribeAlarms", {"AlarmNamePrefix": "a"}, ["*"]),
    ("DescribeAlarms", {"AlarmNames": ["a", "b"]}, ["a", "b"]),
    ("DescribeAlarmHistory", {}, ["*"]),
    ("DescribeAlarmHistory", {"AlarmName": "a"}, ["a"]),
]


@pytest.mark.parametrize(("operation", "params", "names"), CHECKS)
def test_alarms_are_resources(context, operation, params, names):
    checks = alarms_access(operation, params, context)
    arn = ALARM.format(account=context.account_id)
    assert [(check.action, check.resource) for check in checks] == [
        (f"cloudwatch:{operation}", f"{arn}{name}") for name in names
    ]


@pytest.mark.parametrize("operation", ["PutCompositeAlarm", "DescribeAlarmsForMetric"])
def test_some_are_allowed_everywhere_or_not_at_all(context, operation):
    (check,) = alarms_access(operation, {"AlarmName": "a"}, context)
    assert check.resource == "*"


def test_condition_keys(context):
    params = {"AlarmName": "a", "AlarmActions": [TOPIC], "Tags": [{"Key": "team", "Value": "x"}]}
    (check,) = alarms_access("PutMetricAlarm", params, context)
    assert check.keys == {
        "aws:RequestTag/team": ("x",),
        "aws:TagKeys": ["team"],
        "cloudwatch:AlarmActions": [TOPIC],
    }


def put(api, name, **more):
    words = {
        "MetricName": "Errors",
        "Namespace": "App",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    api.put_metric_alarm(AlarmName=name, **words | more)


@pytest.fixture
def limited(server):
    """A client whose user may do everything with alarms called team-…, and with those that are tagged so."""
    iam = server.client("iam")
    iam.create_user(UserName="alarmist")
    everything = ALARM.format(account=server.client("sts").get_caller_identity()["Account"])
    statements = [
        {"Effect": "Allow", "Action": "cloudwatch:*", "Resource": f"{everything}team-*"},
        {
            "Effect": "Allow",
            "Action": "cloudwatch:SetAlarmState",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "ours"}},
        },
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="alarmist", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="alarmist")["AccessKey"]
    yield boto3.client(
        "cloudwatch",
        endpoint_url=server.service_url,
        region_name=server.credentials.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )
    iam.delete_access_key(UserName="alarmist", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="alarmist", PolicyName="p")
    iam.delete_user(UserName="alarmist")


def test_policies_hold_on_the_wire(server, limited):
    root = server.client("cloudwatch")
    put(root, "other", Tags=[{"Key": "team", "Value": "theirs"}])
    put(root, "shared", Tags=[{"Key": "team", "Value": "ours"}])
    put(limited, "team-a")
    assert limited.describe_alarms(AlarmNames=["team-a"])["MetricAlarms"][0]["AlarmName"] == "team-a"
    limited.set_alarm_state(AlarmName="shared", StateValue="OK", StateReason="")
    refused = [
        lambda: put(limited, "other"),
        limited.describe_alarms,
        lambda: limited.describe_alarms(AlarmNames=["team-a", "other"]),
        lambda: limited.delete_alarms(AlarmNames=["team-a", "other"]),
        lambda: limited.set_alarm_state(AlarmName="other", StateValue="OK", StateReason=""),
        lambda: limited.put_composite_alarm(AlarmName="team-all", AlarmRule="ALARM(team-a)"),
        limited.describe_alarm_history,
    ]
    for call in refused:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    root.delete_alarms(AlarmNames=["other", "shared", "team-a"])


def test_errors_on_the_wire(server):
    api = server.client("cloudwatch")
    for call, code, status in (
        (lambda: api.set_alarm_state(AlarmName="none", StateValue="OK", StateReason=""), "ResourceNotFound", 404),
        (
            lambda: api.set_alarm_state(AlarmName="none", StateValue="BAD", StateReason=""),
            "ValidationError",
            400,
        ),
        (lambda: api.describe_alarms(NextToken="x"), "InvalidNextToken", 400),
        (
            lambda: put(api, "a", EvaluationInterval=60),
            "NotImplementedException",
            501,
        ),
        (
            lambda: api.put_composite_alarm(AlarmName="c", AlarmRule="true"),
            "ValidationError",
            400,
        ),
    ):
        with pytest.raises(ClientError) as error:
            call()
        response = error.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_the_aws_cli(server):
    done = server.aws(
        *("cloudwatch", "put-metric-alarm", "--alarm-name", "by cli", "--metric-name", "m", "--namespace", "n"),
        *("--statistic", "Sum", "--period", "60", "--evaluation-periods", "1", "--threshold", "1"),
        *("--comparison-operator", "GreaterThanThreshold", "--dimensions", "Name=a,Value=b"),
    )
    assert done.returncode == 0, done.stderr
    shown = server.aws_json("cloudwatch", "describe-alarms", "--alarm-names", "by cli")["MetricAlarms"][0]
    assert (shown["StateValue"], shown["Dimensions"]) == ("INSUFFICIENT_DATA", [{"Name": "a", "Value": "b"}])
    history = server.aws_json("cloudwatch", "describe-alarm-history", "--alarm-name", "by cli")
    assert history["AlarmHistoryItems"][0]["HistorySummary"] == 'Alarm "by cli" created'
    assert server.aws("cloudwatch", "delete-alarms", "--alarm-names", "by cli").returncode == 0


MATH = [
    ("NOPE(m)", "Error in expression 'e': Function 'NOPE' not found"),
    ("m +", "Error in expression 'e'"),
    ("nobody * 2", "Error in expression 'e'"),
    ("[m, m]", "must result in one time series"),
]


@pytest.mark.parametrize(("expression", "message"), MATH)
def test_metric_math_is_evaluated_before_it_is_taken(server, expression, message):
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "e", "Expression": expression}]
    words = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    with pytest.raises(ClientError) as error:
        server.client("cloudwatch").put_metric_alarm(AlarmName="math", Metrics=queries, **words)
    assert error.value.response["Error"]["Code"] == "ValidationError"
    assert message in error.value.response["Error"]["Message"]
