"""The AWS CLI: version 1 from PyPI for single operations, version 2 from Debian for `logs tail`, which only it has."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.clients.debian import Unpacked, unpack
from tests.clients.place import now_ms

FOLLOW_TIMEOUT_S = 30


@pytest.fixture
def aws(server):
    """Run a command of `aws logs` of version 1, which must succeed, and return what it printed."""

    def run(*words: str) -> str:
        done = server.aws("logs", *words)
        assert done.returncode == 0, f"aws logs {' '.join(words)}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def aws_v2(client_cache) -> Unpacked:
    unpacked = unpack(client_cache, "usr/bin/aws", "awscli")
    version = subprocess.run(
        ["/usr/bin/env", "aws", "--version"], env=unpacked.environment(), capture_output=True, text=True, check=False
    )
    if not version.stdout.startswith("aws-cli/2"):
        pytest.skip(f"`aws logs tail` needs version 2 of the AWS CLI: {version.stdout or version.stderr}")
    return unpacked


@pytest.fixture
def tail(aws_v2, server):
    """Start `aws logs tail GROUP …` of version 2, and stop it at the end."""
    environment = server.environment() | aws_v2.environment() | {"PYTHONUNBUFFERED": "1"}

    @contextmanager
    def start(*words: str) -> Iterator[subprocess.Popen]:
        # Versions before 2.13 do not read AWS_ENDPOINT_URL.
        command = ["/usr/bin/env", "aws", "--endpoint-url", server.service_url, "logs", "tail", *words]
        running = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        watchdog = threading.Timer(FOLLOW_TIMEOUT_S, running.kill)
        watchdog.start()
        try:
            yield running
        finally:
            watchdog.cancel()
            running.kill()
            running.communicate()

    return start


def test_tail_follows_until_it_is_interrupted(place, tail):
    place.make()
    place.put("before")
    with tail(place.group, "--follow", "--since", "5m") as running:
        assert running.stdout.readline().split(" ", 2)[1:] == [place.stream, "before\n"]
        place.put("while it runs")
        assert running.stdout.readline().endswith(f"{place.stream} while it runs\n")
        running.send_signal(signal.SIGINT)
        # 0 between two requests, 130 in the middle of one.
        assert running.wait(10) in {0, 130}


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["--since", "1h"], ["ERROR late", "fine"]),
        (["--since", "1d"], ["early", "ERROR late", "fine"]),
        (["--since", "1h", "--filter-pattern", "ERROR"], ["ERROR late"]),
        (["--since", "1d", "--log-stream-name-prefix", "other"], []),
    ],
    ids=["since an hour", "since a day", "by pattern", "by stream"],
)
def test_tail_since(place, tail, options, printed):
    place.make()
    place.put("early", at_ms=now_ms() - 2 * 3_600_000)
    place.put("ERROR late", "fine")
    with tail(place.group, "--format", "short", *options) as running:
        output, errors = running.communicate()
    assert running.returncode == 0, errors
    assert [line.partition(" ")[2] for line in output.splitlines()] == printed


def test_put_and_get_with_pages(aws, place):
    place.make()
    now = now_ms()
    events = [{"timestamp": now + n, "message": f"m{n}"} for n in range(5)]
    aws("put-log-events", *place.words, "--log-events", json.dumps(events))
    seen, token = [], None
    while True:
        more = ["--next-token", token] if token else []
        page = json.loads(aws("get-log-events", *place.words, "--start-from-head", "--limit", "2", *more))
        seen += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert seen == ["m0", "m1", "m2", "m3", "m4"]


def test_filter_log_events_pages_by_itself(aws, place):
    place.make()
    place.put(*(f"{n} {'ERROR' if n % 2 else 'ok'}" for n in range(10)))
    words = ("filter-log-events", "--log-group-name", place.group, "--filter-pattern", "ERROR")
    found = json.loads(aws(*words, "--page-size", "2"))
    assert [event["message"] for event in found["events"]] == [f"{n} ERROR" for n in (1, 3, 5, 7, 9)]
    limited = json.loads(aws(*words, "--page-size", "2", "--max-items", "3"))
    assert [event["message"] for event in limited["events"]] == ["1 ERROR", "3 ERROR", "5 ERROR"]
    rest = json.loads(aws(*words, "--page-size", "2", "--starting-token", limited["NextToken"]))
    assert [event["message"] for event in rest["events"]] == ["7 ERROR", "9 ERROR"]


def test_query_and_output(aws, place):
    place.make()
    place.put("x")
    aws("put-retention-policy", "--log-group-name", place.group, "--retention-in-days", "30")
    described = ("describe-log-groups", "--log-group-name-prefix", place.group)
    assert aws(*described, "--query", "logGroups[].retentionInDays", "--output", "text") == "30\n"
    table = aws(*described, "--output", "table")
    assert "|  retentionInDays           |  30" in table
    streams = ("describe-log-streams", "--log-group-name", place.group)
    assert aws(*streams, "--query", "logStreams[].logStreamName", "--output", "text") == f"{place.stream}\n"


def test_an_error_is_told_as_the_service_tells_it(server):
    done = server.aws("logs", "get-log-events", "--log-group-name", "none", "--log-stream-name", "none")
    assert done.returncode == 255
    assert "An error occurred (ResourceNotFoundException) when calling the GetLogEvents operation" in done.stderr
    assert "The specified log group does not exist." in done.stderr
