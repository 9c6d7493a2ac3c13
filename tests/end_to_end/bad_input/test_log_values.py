"""Values of CloudWatch Logs: batches around the limits, and names, ARNs and tokens that lead nowhere."""

from __future__ import annotations

import json

import pytest
from tests.end_to_end.bad_input.hostile import GROUP, INVALID, STREAM, event, put

NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."
TOO_LONG = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
BAD_TOKEN = "The specified nextToken is invalid."


@pytest.mark.parametrize(
    ("events", "message"),
    [
        pytest.param([], "1 validation error detected: Value '[]' at 'logEvents' failed", id="no event"),
        pytest.param([event()] * 10_001, "1 validation error detected: Value '[InputLogEvent(", id="10,001 events"),
        pytest.param([event("")], "1 validation error detected: Value '' at 'logEvents.1.member.message'", id="empty"),
        pytest.param(
            [event("x" * 1_048_551)], "Upload too large: 1048577 bytes exceeds limit of 1048576", id="batch and one"
        ),
        pytest.param(
            [event("x" * 1_048_577)], "Log event too large: 1048577 bytes exceeds limit of 1048576", id="event and one"
        ),
        pytest.param(
            [event(), event(at_ms=-5000)],
            "Log events in a single PutLogEvents request must be in chronological order.",
            id="out of order",
        ),
        pytest.param(
            [event(at_ms=-86_400_500), event()],
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            id="more than a day",
        ),
        pytest.param(
            [{"timestamp": -1, "message": "x"}],
            "1 validation error detected: Value '-1' at 'logEvents.1.member.timestamp' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            id="before 1970",
        ),
    ],
)
def test_a_batch_beyond_a_limit(caller, events, message):
    answer = caller.logs("PutLogEvents", put(*events))
    code, told = answer.error
    assert (answer.status, code) == (400, "InvalidParameterException")
    assert told.startswith(message)
    assert len(answer.body) < 20_000, "a refusal does not repeat megabytes"


@pytest.mark.parametrize(
    ("events", "rejected"),
    [
        pytest.param([event("x" * 1_048_550)], None, id="the largest batch"),
        pytest.param([event()] * 10_000, None, id="10,000 events"),
        pytest.param([event("a\0b")], None, id="a NUL"),
        pytest.param([{"timestamp": 0, "message": "x"}], {"tooOldLogEventEndIndex": 1}, id="1970"),
        pytest.param([{"timestamp": 2**63 - 1, "message": "x"}], {"tooNewLogEventStartIndex": 0}, id="the last one"),
    ],
)
def test_a_batch_at_a_limit(caller, events, rejected):
    answer = caller.logs("PutLogEvents", put(*events))
    assert answer.status == 200, answer
    assert json.loads(answer.body).get("rejectedLogEventsInfo") == rejected


def test_a_body_of_very_many_values(caller):
    body = b'{"logGroupName":"g","logStreamName":"s","logEvents":[' + b"{}," * 2_000_000 + b"{}]}"
    answer = caller.logs("PutLogEvents", body)
    assert (answer.status, answer.error[0]) == (413, "RequestEntityTooLargeException")


PLACE = {"logGroupName": GROUP, "logStreamName": STREAM}
MISSING = "ResourceNotFoundException"
ARN = "arn:aws:logs:us-east-1:{}:log-group:" + GROUP


@pytest.mark.parametrize(
    ("operation", "body", "code", "message"),
    [
        ("CreateLogGroup", {"logGroupName": "a" * 513}, INVALID, TOO_LONG),
        ("GetLogEvents", PLACE | {"logStreamName": "a" * 513}, INVALID, TOO_LONG),
        ("GetLogEvents", PLACE | {"logGroupName": "a" * 512}, MISSING, NO_GROUP),
        ("GetLogEvents", PLACE | {"logStreamName": "a" * 512}, MISSING, NO_STREAM),
        ("CreateLogGroup", {"logGroupName": "aws/x"}, INVALID, "Log groups starting with AWS/ are reserved for AWS."),
        ("CreateLogGroup", {"logGroupName": "a b"}, INVALID, "1 validation error detected: Value 'a b'"),
        ("CreateLogGroup", {"logGroupName": "a\0"}, INVALID, "1 validation error detected: Value 'a\0'"),
        ("CreateLogStream", PLACE | {"logStreamName": "a*"}, INVALID, "1 validation error detected: Value 'a*'"),
        ("DescribeLogStreams", {"logGroupIdentifier": "arn:x"}, INVALID, "Invalid log group ARN: arn:x"),
        ("DescribeLogStreams", {"logGroupIdentifier": ARN.format("1" * 12)}, MISSING, NO_GROUP),
        (
            "TagResource",
            {"resourceArn": "x", "tags": {"a": "b"}},
            INVALID,
            "'x' is not an ARN: it does not start with 'arn:'.",
        ),
        ("GetLogEvents", PLACE | {"limit": 10_001}, INVALID, "1 validation error detected: Value '10001' at 'limit'"),
        ("GetLogEvents", PLACE | {"nextToken": "x"}, INVALID, BAD_TOKEN),
        ("GetLogEvents", PLACE | {"nextToken": "f/" + "٣" * 56 + "/s"}, INVALID, BAD_TOKEN),
        ("GetLogEvents", PLACE | {"nextToken": "f/" + "1" * 5000 + "/s"}, INVALID, BAD_TOKEN),
        ("FilterLogEvents", {"logGroupName": GROUP, "nextToken": "e30"}, INVALID, BAD_TOKEN),
        ("DescribeLogGroups", {"nextToken": "\0"}, INVALID, "1 validation error detected: Value '\0' at 'nextToken'"),
        ("DescribeLogGroups", {"nextToken": "\x01"}, INVALID, BAD_TOKEN),
        ("FilterLogEvents", {"logGroupName": GROUP, "filterPattern": '"'}, INVALID, "Invalid filter pattern"),
        (
            "FilterLogEvents",
            {"logGroupName": GROUP, "filterPattern": "{" + "(" * 505 + "$.a>1" + ")" * 505 + "}"},
            INVALID,
            "Invalid filter pattern",
        ),
    ],
)
def test_values_that_name_nothing(caller, operation, body, code, message):
    answer = caller.logs(operation, body)
    assert (answer.status, answer.error[0]) == (400, code)
    assert answer.error[1].startswith(message)
