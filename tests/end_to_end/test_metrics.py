"""Metrics on a running server: who may, whose they are, what a crash leaves, and what metric filters count."""

from __future__ import annotations

import datetime as dt
import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.live import RunningServer, wait_for


def client_of(server: RunningServer, key: dict):
    return boto3.client(
        "cloudwatch",
        endpoint_url=server.service_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )


def user_with(server: RunningServer, name: str, *statements: dict):
    iam = server.client("iam")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    return client_of(server, iam.create_access_key(UserName=name)["AccessKey"])


NOW = dt.datetime.now(dt.UTC)
CALLS = {
    "PutMetricData": lambda api: api.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}]),
    "ListMetrics": lambda api: api.list_metrics(),
    "GetMetricData": lambda api: api.get_metric_data(
        MetricDataQueries=[{"Id": "e", "Expression": "TIME_SERIES(1)"}], StartTime=NOW - dt.timedelta(1), EndTime=NOW
    ),
    "GetMetricStatistics": lambda api: api.get_metric_statistics(
        Namespace="n", MetricName="m", StartTime=NOW - dt.timedelta(hours=1), EndTime=NOW, Period=60, Statistics=["Sum"]
    ),
    "GetMetricWidgetImage": lambda api: api.get_metric_widget_image(MetricWidget='{"metrics":[["n","m"]]}'),
}


@pytest.mark.parametrize("operation", CALLS)
def test_every_operation_needs_its_permission(server, operation):
    stranger = user_with(server, f"no-{operation}")
    with pytest.raises(ClientError) as caught:
        CALLS[operation](stranger)
    assert caught.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    assert f"is not authorized to perform: cloudwatch:{operation}" in caught.value.response["Error"]["Message"]
    allowed = {"Effect": "Allow", "Action": f"cloudwatch:{operation}", "Resource": "*"}
    CALLS[operation](user_with(server, f"yes-{operation}", allowed))


def test_a_policy_may_name_the_namespace(server):
    api = user_with(
        server,
        "one-namespace",
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "mine"}},
        },
    )
    data = [{"MetricName": "m", "Value": 1.0}]
    api.put_metric_data(Namespace="mine", MetricData=data)
    with pytest.raises(ClientError, match="not authorized"):
        api.put_metric_data(Namespace="other", MetricData=data)


def test_what_was_acknowledged_survives_a_kill(make_server):
    server = make_server().start()
    api = server.client("cloudwatch")
    at = NOW.replace(second=0, microsecond=0) - dt.timedelta(minutes=30)
    for number in range(40):
        data = [{"MetricName": f"m{number % 4}", "Timestamp": at + dt.timedelta(minutes=number % 10), "Value": 1.0}]
        api.put_metric_data(Namespace="kill", MetricData=data)
    server.kill()
    server.start()
    api = server.client("cloudwatch")
    listed = api.list_metrics(Namespace="kill")["Metrics"]
    assert sorted(metric["MetricName"] for metric in listed) == ["m0", "m1", "m2", "m3"]
    queries = [
        {"Id": metric["MetricName"], "MetricStat": {"Metric": metric, "Stat": "Sum", "Period": 60}} for metric in listed
    ]
    found = api.get_metric_data(MetricDataQueries=queries, StartTime=at, EndTime=at + dt.timedelta(minutes=20))
    assert sum(sum(one["Values"]) for one in found["MetricDataResults"]) == 40.0


def test_metric_filters_count_into_metrics(server):
    logs, api = server.client("logs"), server.client("cloudwatch")
    logs.create_log_group(logGroupName="counted")
    logs.create_log_stream(logGroupName="counted", logStreamName="s")
    transformation = {"metricName": "Errors", "metricNamespace": "Filters", "metricValue": "1"}
    logs.put_metric_filter(
        logGroupName="counted", filterName="f", filterPattern="ERROR", metricTransformations=[transformation]
    )
    now_ms = time.time_ns() // 1_000_000
    events = [{"timestamp": now_ms, "message": text} for text in ("ERROR one", "fine", "ERROR two")]
    logs.put_log_events(logGroupName="counted", logStreamName="s", logEvents=events)
    start = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC) - dt.timedelta(minutes=1)

    def counted() -> float:
        points = api.get_metric_statistics(
            Namespace="Filters",
            MetricName="Errors",
            Period=60,
            Statistics=["Sum"],
            StartTime=start,
            EndTime=start + dt.timedelta(minutes=5),
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    wait_for(lambda: counted() == 2.0, "the filter's count")
