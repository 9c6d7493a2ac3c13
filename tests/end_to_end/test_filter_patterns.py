"""Filter patterns through the service port, with an SDK: the vectors' verdicts, pages, and the error."""

import json
import time
from itertools import groupby
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

VECTORS = Path(__file__).parents[1] / "logs" / "patterns" / "vectors.json"
ROWS = json.loads(VECTORS.read_text(encoding="utf-8"))
GROUP, STREAM = "/patterns", "all"


@pytest.fixture(scope="module")
def logs(server):
    client = server.client("logs")
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": message} for message in messages()]
    client.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    return client


def messages():
    return list(dict.fromkeys(row["message"] for row in ROWS))


def found(client, pattern, **choice):
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern=pattern, **choice)
    return [event["message"] for page in pages for event in page["events"]]


def test_the_vectors(logs):
    for pattern, rows in groupby(ROWS, key=lambda row: row["pattern"]):
        expected = {row["message"]: row["matches"] for row in rows}
        matching = set(found(logs, pattern))
        assert {message: message in matching for message in expected} == expected, pattern


def test_pages_hold_what_matches_and_nothing_is_missed(logs):
    pattern = "{ $.never NOT EXISTS }"
    assert found(logs, pattern, PaginationConfig={"PageSize": 3}) == found(logs, pattern)
    assert len(found(logs, pattern)) > 6


def test_a_malformed_pattern(logs):
    with pytest.raises(ClientError) as caught:
        found(logs, "{ $.a == 1 }")
    assert caught.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "Invalid filter pattern (at character 8: equality is a single =)",
    }
