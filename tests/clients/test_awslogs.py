"""awslogs, the command line of its own for CloudWatch Logs."""

import subprocess
import threading

import pytest
from tests.clients.place import now_ms
from tests.live import SCRIPTS

TIMEOUT_S = 30
DAY_MS = 86_400_000


@pytest.fixture
def awslogs(server):
    """Run a command of awslogs, which must succeed, and return the lines that it printed."""

    def run(*words: str) -> list[str]:
        done = subprocess.run(
            [str(SCRIPTS / "awslogs"), *words],
            env=server.environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_groups(awslogs, place):
    for n in range(60):
        place.client.create_log_group(logGroupName=f"{place.group}/{n:02}")
    assert awslogs("groups", "--log-group-prefix", place.group) == [f"{place.group}/{n:02}" for n in range(60)]


def test_streams_of_the_time_asked_for(awslogs, place):
    place.make()
    place.put("now")
    assert awslogs("streams", place.group) == [place.stream]
    assert awslogs("streams", place.group, "--start", "2d", "--end", "1d") == []


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["ALL"], ["{group} stream one ERROR", "{group} stream two"]),
        (["str.*"], ["{group} stream one ERROR", "{group} stream two"]),
        (["ALL", "--filter-pattern", "ERROR"], ["{group} stream one ERROR"]),
        (["ALL", "--no-group", "--no-stream"], ["one ERROR", "two"]),
        (["ALL", "--start", "2d", "--no-group"], ["stream yesterday", "stream one ERROR", "stream two"]),
    ],
    ids=["all", "streams by expression", "by pattern", "messages alone", "since two days"],
)
def test_get(awslogs, place, words, printed):
    place.make()
    place.put("yesterday", at_ms=now_ms() - DAY_MS)
    place.put("one ERROR", "two")
    lines = awslogs("get", place.group, *words, "--color", "never")
    # Names of streams are padded.
    assert [" ".join(line.split()) for line in lines] == [line.format(group=place.group) for line in printed]


def test_get_walks_all_pages(awslogs, place):
    place.make()
    messages = [f"{n} {'x' * 100_000}" for n in range(15)]
    place.put(*messages[:8])
    place.put(*messages[8:])
    assert awslogs("get", place.group, "--no-group", "--no-stream") == messages


def test_watch_prints_what_arrives_once(place, server):
    place.make()
    place.put("before")
    command = [str(SCRIPTS / "awslogs"), "get", place.group, "--watch", "--no-group", "--no-stream"]
    running = subprocess.Popen(
        command, env=server.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    watchdog = threading.Timer(TIMEOUT_S, running.kill)
    watchdog.start()
    try:
        printed = [running.stdout.readline()]
        for message in ("second", "third"):
            place.put(message)
            printed.append(running.stdout.readline())
    finally:
        watchdog.cancel()
        running.kill()
        running.communicate()
    assert printed == ["before\n", "second\n", "third\n"]
