"""GetLogRecord with the AWS CLI and boto3 against a running server."""

import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from groundwatch.logs.events import EventKey, parse_event_id
from groundwatch.logs.pointers import Pointer

GROUP = "/records"
NO_STREAM = str(Pointer(GROUP, "i-2", EventKey(0, 0, 0, 0)))


@pytest.fixture(scope="module")
def pointer(server) -> str:
    """The pointer of the one event of the group, which queries will hand out."""
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="i-1")
    event = {"timestamp": int(time.time() * 1000), "message": '{"user":{"name":"é"},"n":[1,2.5]}'}
    logs.put_log_events(logGroupName=GROUP, logStreamName="i-1", logEvents=[event])
    (found,) = logs.filter_log_events(logGroupName=GROUP)["events"]
    return str(Pointer(GROUP, "i-1", parse_event_id(found["eventId"])))


def test_the_cli_gets_every_field(server, pointer):
    record = server.aws_json("logs", "get-log-record", "--log-record-pointer", pointer)["logRecord"]
    assert {"user.name": "é", "n.0": "1", "n.1": "2.5", "@logStream": "i-1", "@ptr": pointer}.items() <= record.items()
    assert record["@log"].endswith(f":{GROUP}")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--log-record-pointer", "bm8="], "InvalidParameterException"),
        (["--log-record-pointer", NO_STREAM], "ResourceNotFoundException"),
        (["--log-record-pointer", NO_STREAM, "--unmask"], "ResourceNotFoundException"),
    ],
    ids=["no pointer", "no stream", "no stream, unmasked"],
)
def test_refusals(server, pointer, words, code):
    assert f"({code})" in server.aws("logs", "get-log-record", *words).stderr


def test_a_pointer_gives_no_right_to_its_group(server, pointer):
    iam = server.client("iam")
    iam.create_user(UserName="reader")
    resource = "arn:aws:logs:*:*:log-group:/other:*"
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "logs:GetLogRecord", "Resource": resource}],
    }
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    logs = boto3.client(
        "logs",
        endpoint_url=server.service_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )
    with pytest.raises(ClientError, match=f"AccessDeniedException.*log-group:{GROUP}:log-stream:"):
        logs.get_log_record(logRecordPointer=pointer)
