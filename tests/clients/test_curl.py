"""curl, which signs by itself, asks before it sends a large body, and speaks from any shell."""

import json
import re
import shutil
import subprocess

import pytest
from tests.clients.place import now_ms

OLDEST = (7, 75)
"""The first version with --aws-sigv4."""
LARGE = 1_100_000


@pytest.fixture
def curl(server):
    """Call an operation and return curl's log and the answer; skip where curl does not sign."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.match(r"curl (\d+)\.(\d+)", version).groups())) < OLDEST:
        pytest.skip(f"curl signs requests from version 7.75 on: {version.splitlines()[0]}")
    credentials = server.credentials

    def call(operation: str, *, secret: str = credentials.secret_access_key, **members) -> tuple[str, dict]:
        command = [
            *("curl", "--silent", "--show-error", "--verbose", "--max-time", "30", server.service_url),
            *("--aws-sigv4", f"aws:amz:{credentials.region}:logs"),
            *("--user", f"{credentials.access_key_id}:{secret}"),
            *("--header", "Content-Type: application/x-amz-json-1.1"),
            *("--header", f"X-Amz-Target: Logs_20140328.{operation}"),
            *("--data-binary", "@-"),
        ]
        done = subprocess.run(command, input=json.dumps(members), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr, json.loads(done.stdout or "{}")

    return call


def test_events_go_in_and_come_out(curl, place):
    place.make()
    curl("PutLogEvents", **place.names, logEvents=[{"timestamp": now_ms(), "message": "from a shell"}])
    _, page = curl("GetLogEvents", **place.names)
    assert [event["message"] for event in page["events"]] == ["from a shell"]


def test_a_large_body_is_asked_for(curl, place):
    place.make()
    events = [{"timestamp": now_ms(), "message": "x" * 1_000_000}]
    log, answer = curl("PutLogEvents", **place.names, logEvents=events, sequenceToken="1" * (LARGE - 1_000_000))
    assert "> Expect: 100-continue" in log
    assert "< HTTP/1.1 100 Continue" in log
    assert answer["nextSequenceToken"]
    assert len(place.messages()[0]) == 1_000_000


def test_a_wrong_secret_is_refused_before_anything_is_done(curl, place):
    place.make()
    _, answer = curl("DeleteLogGroup", secret="wrong", logGroupName=place.group)
    assert answer["__type"] == "InvalidSignatureException"
    assert place.messages() == []
