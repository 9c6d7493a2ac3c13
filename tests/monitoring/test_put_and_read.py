"""Metric data through the real clients and back."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)


def test_boto(server):
    api = server.client("cloudwatch")
    at = now() - dt.timedelta(minutes=5)
    api.put_metric_data(
        Namespace="boto",
        MetricData=[
            {
                "MetricName": "latency",
                "Dimensions": [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}],
                "Timestamp": at,
                "Values": [2.0, 10.0],
                "Counts": [2.0, 3.0],
                "Unit": "Milliseconds",
            },
        ],
    )
    listed = api.list_metrics(Namespace="boto")["Metrics"]
    assert listed == [
        {
            "Namespace": "boto",
            "MetricName": "latency",
            "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}],
        }
    ]
    found = api.get_metric_statistics(
        Namespace="boto",
        MetricName="latency",
        Dimensions=listed[0]["Dimensions"][::-1],
        StartTime=at,
        EndTime=at + dt.timedelta(minutes=1),
        Period=60,
        Statistics=["Sum", "Average", "SampleCount", "Minimum", "Maximum"],
    )
    assert found["Datapoints"] == [
        {
            "Timestamp": at,
            "Sum": 34.0,
            "Average": 6.8,
            "SampleCount": 5.0,
            "Minimum": 2.0,
            "Maximum": 10.0,
            "Unit": "Milliseconds",
        }
    ]
    found = api.get_metric_statistics(
        Namespace="boto",
        MetricName="latency",
        Dimensions=listed[0]["Dimensions"][::-1],
        StartTime=at,
        EndTime=at + dt.timedelta(minutes=1),
        Period=60,
        ExtendedStatistics=["p90", "tm90"],
    )
    assert found["Datapoints"][0]["ExtendedStatistics"] == {"p90": 10.0, "tm90": 6.8}
