"""Scheduled queries on a real server, with a bucket of an AWS that no one here wrote, and a kill in between."""

import gzip
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.live import moto, wait_for  # noqa: F401 - a fixture

GROUP = "/scheduled/app"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


@pytest.fixture
def server(make_server, moto, monkeypatch):  # noqa: F811 - as above
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    boto3.client("s3", endpoint_url=moto, **KEYS).create_bucket(Bucket="archive")
    server = make_server("--s3-url", moto).start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "x"}
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=[event])
    return server


def make_role(server, name: str, action: str) -> str:
    iam = server.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    return arn


def create(server, **members) -> str:
    request = {
        "name": "events",
        "queryLanguage": "CWLI",
        "queryString": "stats count(*) as n",
        "logGroupIdentifiers": [GROUP],
        "scheduleExpression": "cron(* * * * ? *)",
        "startTimeOffset": 3_600,
        "executionRoleArn": make_role(server, "queries", "logs:StartQuery"),
        "destinationConfiguration": {
            "s3Configuration": {
                "destinationIdentifier": "s3://archive/out",
                "roleArn": make_role(server, "archive", "s3:PutObject"),
            }
        },
        **members,
    }
    return server.client("logs").create_scheduled_query(**request)["scheduledQueryArn"]


def history(server) -> list[dict]:
    logs = server.client("logs")
    end = int(time.time()) + 3_600
    return logs.get_scheduled_query_history(identifier="events", startTime=0, endTime=end)["triggerHistory"]


def test_a_schedule_is_kept_as_the_sdk_says_it(server):
    logs = server.client("logs")
    arn = create(server, description="d", timezone="Europe/Berlin")
    found = logs.get_scheduled_query(identifier=arn)
    assert (found["name"], found["timezone"], found["scheduleType"]) == ("events", "Europe/Berlin", "CUSTOMER_MANAGED")
    assert found["destinationConfiguration"]["s3Configuration"]["destinationIdentifier"] == "s3://archive/out"
    assert [one["scheduledQueryArn"] for one in logs.list_scheduled_queries()["scheduledQueries"]] == [arn]
    changed = {name: found[name] for name in ("queryLanguage", "queryString", "scheduleExpression", "executionRoleArn")}
    logs.update_scheduled_query(identifier="events", logGroupIdentifiers=[GROUP], state="DISABLED", **changed)
    found = logs.get_scheduled_query(identifier="events")
    assert (found["state"], "description" in found) == ("DISABLED", False)
    assert history(server) == []
    logs.delete_scheduled_query(identifier="events")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.get_scheduled_query(identifier="events")


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_each_minute_is_run_for_once_across_kills(server, moto):  # noqa: F811 - as above
    create(server)
    deadline = time.monotonic() + 240
    while len([run for run in history(server) if run["executionStatus"] == "Complete"]) < 3:
        assert time.monotonic() < deadline, history(server)
        time.sleep(20)
        server.kill()
        server.start()
    wait_for(lambda: history(server)[0]["executionStatus"] != "Running", "the last run")
    runs = history(server)
    times = [run["triggeredTimestamp"] for run in runs]
    assert times == list(range(times[0], times[0] - 60_000 * len(times), -60_000))
    bucket = boto3.client("s3", endpoint_url=moto, **KEYS)
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket="archive", Prefix="out/")["Contents"]]
    assert len(keys) == len(times)
    for run in runs:
        assert run["destinations"][0]["status"] == "COMPLETE"
        key = run["destinations"][0]["processedIdentifier"].removeprefix("s3://archive/")
        document = json.loads(gzip.decompress(bucket.get_object(Bucket="archive", Key=key)["Body"].read()))
        assert document["results"] == [[{"field": "n", "value": "1"}]]
        assert document["queryId"] == run["queryId"]
