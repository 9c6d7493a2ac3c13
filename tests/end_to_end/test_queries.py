"""Insights queries with boto3 and the AWS CLI against a running server."""

import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.live import RunningServer

GROUP = "/queries/app"
OTHER = "/queries/other"


def put(server: RunningServer, group: str, messages: list[str]) -> None:
    logs = server.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="i-1")
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms + n, "message": message} for n, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName="i-1", logEvents=events)


def window() -> dict[str, int]:
    now_s = int(time.time())
    return {"startTime": now_s - 600, "endTime": now_s + 600}


def results(logs, query_id: str):
    deadline = time.monotonic() + 30
    while (answer := logs.get_query_results(queryId=query_id))["status"] in {"Scheduled", "Running"}:
        assert time.monotonic() < deadline
    return answer


@pytest.fixture(scope="module")
def groups(server) -> None:
    put(server, GROUP, [json.dumps({"level": level, "ms": n}) for n, level in enumerate(["info", "error", "info"])])
    put(server, OTHER, ["plain"])


def test_a_query_from_start_to_record(server, groups):
    logs = server.client("logs")
    query = 'filter level = "info" | stats count(*) as n, max(ms) as slowest by level'
    started = logs.start_query(logGroupName=GROUP, queryString=query, **window())
    answer = results(logs, started["queryId"])
    assert (answer["status"], answer["queryLanguage"]) == ("Complete", "CWLI")
    assert [[pair["value"] for pair in row] for row in answer["results"]] == [["info", "2", "2"]]
    assert (answer["statistics"]["recordsMatched"], answer["statistics"]["recordsScanned"]) == (2, 3)
    listed = logs.describe_queries(logGroupName=GROUP)["queries"]
    assert listed[0]["queryId"] == started["queryId"]
    read = logs.list_log_groups_for_query(queryId=started["queryId"])
    assert [identifier.rpartition(":")[2] for identifier in read["logGroupIdentifiers"]] == [GROUP]
    with pytest.raises(ClientError, match="cannot be stopped: it is not running"):
        logs.stop_query(queryId=started["queryId"])
    rows = results(logs, logs.start_query(logGroupNames=[GROUP], queryString="fields ms", **window())["queryId"])
    pointer = rows["results"][0][-1]
    assert logs.get_log_record(logRecordPointer=pointer["value"])["logRecord"]["ms"] == "2"


def test_a_lookup_table_tells_what_the_events_do_not(server, groups):
    logs = server.client("logs")
    table = logs.create_lookup_table(lookupTableName="levels", tableBody="level,page\nerror,yes\n")["lookupTableArn"]
    query = "lookup levels level OUTPUT page | stats count(*) as n by page | sort page"

    def counts() -> list[dict[str, str]]:
        found = results(logs, logs.start_query(logGroupName=GROUP, queryString=query, **window())["queryId"])
        return [{pair["field"]: pair["value"] for pair in row} for row in found["results"]]

    assert {"page": "yes", "n": "1"} in counts()
    logs.update_lookup_table(lookupTableArn=table, tableBody="level,page\nerror,yes\ninfo,no\n")
    assert counts() == [{"page": "no", "n": "2"}, {"page": "yes", "n": "1"}]
    (listed,) = logs.describe_lookup_tables(lookupTableNamePrefix="lev")["lookupTables"]
    assert (listed["lookupTableArn"], listed["recordsCount"]) == (table, 2)
    assert logs.get_lookup_table(lookupTableArn=table)["tableBody"] == "level,page\nerror,yes\ninfo,no\n"
    logs.delete_lookup_table(lookupTableArn=table)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_lookup_table(lookupTableArn=table)


def test_the_compile_error_has_its_place(server, groups):
    with pytest.raises(ClientError) as refused:
        server.client("logs").start_query(logGroupName=GROUP, queryString="fields a | filtre b", **window())
    error = refused.value.response
    assert error["Error"]["Code"] == "MalformedQueryException"
    assert error["queryCompileError"]["location"] == {"startCharOffset": 11, "endCharOffset": 17}
    assert "did you mean filter?" in error["Error"]["Message"]


def test_every_group_must_be_allowed(server, groups):
    iam = server.client("iam")
    iam.create_user(UserName="analyst")
    allowed = {"Effect": "Allow", "Action": "logs:*Quer*", "Resource": f"arn:aws:logs:*:*:log-group:{GROUP}:*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="analyst", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="analyst")["AccessKey"]
    logs = boto3.client(
        "logs",
        endpoint_url=server.service_url,
        region_name=server.credentials.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )
    assert logs.start_query(logGroupNames=[GROUP], queryString="fields a", **window())["queryId"]
    with pytest.raises(ClientError, match=f"logs:StartQuery on resource: .*{OTHER}"):
        logs.start_query(logGroupNames=[GROUP, OTHER], queryString="fields a", **window())


def test_results_survive_a_restart(tmp_path):
    server = RunningServer(tmp_path / "data").start()
    try:
        put(server, GROUP, ["kept"])
        started = server.client("logs").start_query(logGroupName=GROUP, queryString="fields @message", **window())
        before = results(server.client("logs"), started["queryId"])
        server.kill()
        server.start()
        after = server.client("logs").get_query_results(queryId=started["queryId"])
        assert after["results"] == before["results"] != []
        assert after["statistics"] == before["statistics"]
    finally:
        server.stop()
