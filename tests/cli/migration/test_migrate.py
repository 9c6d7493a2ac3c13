"""`groundwatch migrate`: from a CloudWatch Logs that no one here wrote to a running server, and back."""

from __future__ import annotations

import time
from collections import Counter

import boto3
import pytest

from groundwatch.cli import main

KEYS = {"aws_access_key_id": "AKIAREAL", "aws_secret_access_key": "secret"}


@pytest.fixture
def real(moto, monkeypatch, tmp_path):
    """The other account: a profile `real`, and a client for the test itself."""
    file = tmp_path / "credentials"
    file.write_text("[real]\n" + "".join(f"{name} = {value}\n" for name, value in KEYS.items()))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.chdir(tmp_path)
    client = boto3.client("logs", endpoint_url=moto, region_name="us-east-1", **KEYS)
    yield client
    for group in client.describe_log_groups()["logGroups"]:
        client.delete_log_group(logGroupName=group["logGroupName"])


@pytest.fixture
def migrate(server, moto, capsys):
    def run(*words, code=0):
        other = ["--from-profile", "real", "--from-endpoint-url", moto, "--from-region", "us-east-1"]
        assert main(["migrate", *words, *other, "--data", str(server.data)]) == code, capsys.readouterr()
        return capsys.readouterr()

    return run


def fill(client, group, stream, pairs):
    """Put events, each as old in milliseconds as its pair says."""
    now_ms = int(time.time() * 1000)
    for make, names in (
        (client.create_log_group, {"logGroupName": group}),
        (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            make(**names)
        except client.exceptions.ResourceAlreadyExistsException:
            continue
    events = [{"timestamp": now_ms - age, "message": message} for age, message in pairs]
    for start in range(0, len(events), 5000):
        part = events[start : start + 5000]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=part)
    return events


def stored(client, group):
    found: Counter[tuple[str, int, str]] = Counter()
    for page in client.get_paginator("filter_log_events").paginate(logGroupName=group):
        found.update((each["logStreamName"], each["timestamp"], each["message"]) for each in page["events"])
    return found


def test_settings(server, real, migrate):
    real.create_log_group(logGroupName="/m/settings", tags={"team": "a"})
    real.put_retention_policy(logGroupName="/m/settings", retentionInDays=30)
    assert "1 log groups copied" in migrate("/m/settings", code=0).out
    here = server.client("logs")
    (group,) = here.describe_log_groups(logGroupNamePrefix="/m/settings")["logGroups"]
    assert group["retentionInDays"] == 30
    assert here.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "a"}
    real.put_retention_policy(logGroupName="/m/settings", retentionInDays=60)
    migrate("/m/settings")
    (group,) = here.describe_log_groups(logGroupNamePrefix="/m/settings")["logGroups"]
    assert group["retentionInDays"] == 60
    real.delete_retention_policy(logGroupName="/m/settings")
    migrate("/m/settings")
    (group,) = here.describe_log_groups(logGroupNamePrefix="/m/settings")["logGroups"]
    assert "retentionInDays" not in group


def test_what_is_not_taken_is_told(real, migrate):
    real.create_log_group(logGroupName="/m/filters")
    real.put_subscription_filter(
        logGroupName="/m/filters",
        filterName="out",
        filterPattern="",
        destinationArn=make_function(real),
    )
    printed = migrate("/m/filters", code=1)
    assert "left out: /m/filters: the subscription filter out: " in printed.err


def make_function(real):
    url = real.meta.endpoint_url
    stream = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1", **KEYS)
    stream.create_stream(StreamName="m", ShardCount=1)
    return stream.describe_stream(StreamName="m")["StreamDescription"]["StreamARN"]


def test_events_once_each(server, real, migrate):
    for stream in ("a", "b/c"):
        fill(real, "/m/events", stream, [(100_000 - number // 3, f"event {number % 7}") for number in range(12_000)])
    expected = stored(real, "/m/events")
    assert expected.total() == 24_000
    assert "24,000 events copied, 0 were there already" in migrate("/m/events", "--events").out
    assert stored(server.client("logs"), "/m/events") == expected
    assert "0 events copied" in migrate("/m/events", "--events").out
    assert stored(server.client("logs"), "/m/events") == expected


def test_an_interrupted_run_and_a_lost_progress_file(server, real, migrate, tmp_path):
    events = fill(real, "/m/again", "s", [(100_000 - number // 5, "same") for number in range(3000)])
    here = server.client("logs")
    here.create_log_group(logGroupName="/m/again")
    here.create_log_stream(logGroupName="/m/again", logStreamName="s")
    # As if a run had put this much, ending within a millisecond, and had then been killed.
    here.put_log_events(logGroupName="/m/again", logStreamName="s", logEvents=events[:1003])
    assert "1,997 events copied" in migrate("/m/again", "--events").out
    (tmp_path / "groundwatch-migrate.db").unlink()
    assert "0 events copied, 3,000 were there already" in migrate("/m/again", "--events").out
    assert stored(here, "/m/again") == stored(real, "/m/again")


def test_a_prefix_and_a_time(server, real, migrate):
    for name in ("/m/p/1", "/m/p/2"):
        fill(real, name, "s", [(7_200_000, "old"), (1000, "new")])
    printed = migrate("/m/p/*", "--events", "--since", "1h")
    assert "2 log groups copied" in printed.out
    assert "2 events copied" in printed.out
    assert {message for _, _, message in stored(server.client("logs"), "/m/p/1")} == {"new"}


def test_back(server, real, migrate):
    here = server.client("logs")
    fill(here, "/m/back", "s", [(5000, "from here"), (4000, "from here")])
    migrate("/m/back", "--back", "--events")
    assert stored(real, "/m/back") == stored(here, "/m/back")


def test_a_group_that_is_not_there(real, migrate):
    assert "has no log group /m/none" in migrate("/m/none", code=1).err


def test_alarms_on_what_metric_filters_count(server, real, migrate, moto):
    counted = {"metricName": "Errors", "metricNamespace": "M", "metricValue": "1"}
    real.create_log_group(logGroupName="/m/alarms")
    real.put_metric_filter(
        logGroupName="/m/alarms", filterName="errors", filterPattern="ERROR", metricTransformations=[counted]
    )
    words = {
        "AlarmName": "migrated errors",
        "MetricName": "Errors",
        "Namespace": "M",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    there = boto3.client("cloudwatch", endpoint_url=moto, region_name="us-east-1", **KEYS)
    there.put_metric_alarm(**words, AlarmActions=["arn:aws:sns:us-east-1:123456789012:alerts"])
    there.put_metric_alarm(
        **words | {"AlarmName": "migrated stop"}, AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"]
    )
    done = migrate("/m/alarms", code=1)
    assert "the alarm migrated stop" in done.out + done.err
    (alarm,) = server.client("cloudwatch").describe_alarms(AlarmNamePrefix="migrated")["MetricAlarms"]
    assert {name: alarm[name] for name in words} == words
    assert alarm["AlarmActions"] == ["arn:aws:sns:us-east-1:123456789012:alerts"]
