"""`groundwatch tail`: what is fetched, what is new, and how it looks."""

import contextlib
import datetime as dt
import io
import itertools
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import ManualClock

from groundwatch.cli import main, show, tail
from groundwatch.cli.follow import LOOKBACK_MS, Follower, Query, newest, since
from groundwatch.cli.times import moment_ms

NOW = 1_800_000_000_000


class Group:
    """A log group in memory that answers FilterLogEvents as the service does, a few events a page."""

    def __init__(self, page=3):
        self.events = []
        self.page = page
        self.requests = []
        self.ids = itertools.count()

    def put(self, timestamp_ms, message="m"):
        number = next(self.ids)
        self.events.append(
            {"timestamp": timestamp_ms, "eventId": f"{number:08}", "message": message, "logStreamName": "s"}
        )

    def fetch(self, request):
        self.requests.append(request)
        backwards = not request.get("startFromHead", True)
        if backwards:
            assert request["startTime"] >= 1704067200000
        matching = [event for event in self.events if event["timestamp"] >= request["startTime"]]
        matching.sort(key=lambda event: (event["timestamp"], event["eventId"]), reverse=backwards)
        start = int(request.get("nextToken", 0))
        end = start + min(self.page, request["limit"])
        answer = {"events": matching[start:end]}
        return answer | ({"nextToken": str(end)} if end < len(matching) else {})


QUERY = Query("g")


def times(events):
    return [event["timestamp"] - NOW for event in events]


@pytest.mark.parametrize(
    ("count", "since_ms", "expected"),
    [
        pytest.param(2, None, [8, 9], id="the newest, oldest first"),
        pytest.param(7, None, [3, 4, 5, 6, 7, 8, 9], id="over several pages"),
        pytest.param(99, None, list(range(10)), id="all when there are fewer"),
        pytest.param(99, NOW + 6, [6, 7, 8, 9], id="none from before a time"),
        pytest.param(99, 0, list(range(10)), id="a time before 2024 is not asked for backwards"),
    ],
)
def test_newest(count, since_ms, expected):
    group = Group()
    for number in range(10):
        group.put(NOW + number)
    assert times(newest(group.fetch, QUERY, count, since_ms)) == expected


def test_since():
    group = Group()
    for number in range(10):
        group.put(NOW + number)
    assert [times(page) for page in since(group.fetch, QUERY, NOW + 5)] == [[5, 6, 7], [8, 9]]


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        (Query("g"), {"logGroupName": "g", "startTime": 5}),
        (
            Query("g", "s", "ERROR -x"),
            {"logGroupName": "g", "startTime": 5, "logStreamNames": ["s"], "filterPattern": "ERROR -x"},
        ),
    ],
)
def test_requests(query, request_):
    assert query.request(5) == request_


def drain(pages):
    return [event for page in pages for event in page]


def test_following_shows_what_comes_once():
    group, clock = Group(), ManualClock(NOW)
    group.put(NOW - 5)
    follower = Follower(group.fetch, QUERY, clock)
    shown = newest(group.fetch, QUERY, 1)
    group.put(NOW)
    assert times(drain(follower.prime(shown))) == [0]
    assert drain(follower.poll()) == []
    group.put(NOW)
    group.put(NOW - 7)
    assert times(drain(follower.poll())) == [-7, 0]
    assert drain(follower.poll()) == []


def test_older_events_than_those_shown_first_are_not_shown_later():
    group, clock = Group(), ManualClock(NOW)
    for number in range(10):
        group.put(NOW + number)
    follower = Follower(group.fetch, QUERY, clock)
    assert drain(follower.prime(newest(group.fetch, QUERY, 2))) == []
    assert drain(follower.poll()) == []


def test_an_event_from_the_future_hides_nothing():
    group, clock = Group(), ManualClock(NOW)
    group.put(NOW + 3_600_000)
    follower = Follower(group.fetch, QUERY, clock)
    list(follower.prime(newest(group.fetch, QUERY, 1)))
    group.put(NOW)
    assert times(drain(follower.poll())) == [0]


def test_an_empty_group_is_followed_from_now_on():
    group, clock = Group(), ManualClock(NOW)
    group.put(NOW - LOOKBACK_MS - 1)
    follower = Follower(group.fetch, Query("g", None, "x"), clock)
    assert drain(follower.prime([])) == []
    group.put(NOW + 1)
    assert times(drain(follower.poll())) == [1]


def test_memory_is_bounded_by_the_time_looked_back():
    group, clock = Group(page=1000), ManualClock(NOW)
    follower = Follower(group.fetch, QUERY, clock)
    list(follower.prime([]))
    for second in range(100):
        clock.now_ms = NOW + second * 1000
        group.put(clock.now_ms)
        assert len(drain(follower.poll())) == 1
    assert len(follower._seen) <= LOOKBACK_MS / 1000 + 2


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-LOOKBACK_MS // 2, 0), max_size=8), max_size=8))
def test_every_event_that_is_late_by_less_than_the_lookback_is_shown_exactly_once(rounds):
    group, clock = Group(), ManualClock(NOW)
    follower = Follower(group.fetch, QUERY, clock)
    found = drain(follower.prime([]))
    for delays in rounds:
        clock.now_ms += 1000
        for delay in delays:
            group.put(clock.now_ms + delay)
        found += drain(follower.poll())
    assert sorted(event["eventId"] for event in found) == [event["eventId"] for event in group.events]


@pytest.mark.parametrize(
    ("text", "timestamp_ms"),
    [
        ("90s", NOW - 90_000),
        ("10m", NOW - 600_000),
        ("2h", NOW - 7_200_000),
        ("1d", NOW - 86_400_000),
        ("1w", NOW - 604_800_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("1700000000", 1_700_000_000_000),
    ],
)
def test_since_option(text, timestamp_ms):
    assert moment_ms("--since", text, NOW) == timestamp_ms


@pytest.mark.parametrize(
    ("since", "why"),
    [
        ("10 minutes", "'10 minutes' is no time; write 90s, 10m, 2h, 1d or ISO 8601"),
        ("99999999999d", "'99999999999d' is before 1970, from when on there are log events"),
        ("1969-12-31", "'1969-12-31' is before 1970, from when on there are log events"),
    ],
)
def test_a_wrong_since_is_a_wrong_call(capsys, since, why):
    assert main(["tail", "g", "--since", since]) == 2
    assert capsys.readouterr().err == f"groundwatch tail: --since: {why}\n"


# How events look


def event(message, stream="web-1", timestamp_ms=1_700_000_000_123):
    return {"timestamp": timestamp_ms, "logStreamName": stream, "message": message, "eventId": "1", "ingestionTime": 2}


def test_local_time():
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    assert show.local_time(1_700_000_000_123, zone) == "2023-11-15 03:43:20.123"
    assert show.local_time(1_700_000_000_007, dt.UTC) == "2023-11-14 22:13:20.007"


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        pytest.param("an ERROR here", [("ERROR", "bold red")], id="a level"),
        pytest.param("warn: x", [("warn", "yellow")], id="any case"),
        pytest.param("terror informs", [], id="whole words only"),
        pytest.param("[bold]x[/bold]", [], id="no markup"),
        pytest.param(
            '{"level":"info"}',
            [
                ("{", "json.brace"),
                ("}", "json.brace"),
                ('"level"', "json.key"),
                ('"level"', "json.str"),
                ('"info"', "json.str"),
                ("info", "green"),
            ],
            id="JSON",
        ),
    ],
)
def test_colours(message, parts):
    text = show.highlighted(message)
    assert text.plain == message
    found = [(text.plain[span.start : span.end], str(span.style)) for span in text.spans]
    assert sorted(found) == sorted(parts)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="escape sequences"),
        pytest.param("a\rb\x07", "a\\x0db\\x07", id="carriage return and bell"),
        pytest.param("a\x9b31m", "a\\x9b31m", id="eight-bit controls"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tabs and line ends stay"),
        pytest.param("Grüße 日本", "Grüße 日本", id="letters stay"),
    ],
)
def test_a_log_line_cannot_steer_the_terminal(message, shown):
    assert show.visible(message) == shown


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("raw", 'x "é"\n'),
        (
            "json",
            (
                '{"timestamp":1700000000123,"logStreamName":"web-1","message":"x \\"é\\"",'
                '"eventId":"1","ingestionTime":2}\n'
            ),
        ),
    ],
)
def test_formats(form, expected):
    output = io.StringIO()
    show.Printer(output, form).write([event('x "é"')])
    assert output.getvalue() == expected


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("output", "form", "coloured"),
    [(Terminal, "pretty", True), (io.StringIO, "pretty", False), (Terminal, "raw", False), (Terminal, "json", False)],
)
def test_colours_only_on_a_terminal(monkeypatch, output, form, coloured):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = output()
    show.Printer(stream, form).write([event("ERROR " + "x" * 300)])
    assert ("\x1b[" in stream.getvalue()) is coloured
    assert stream.getvalue().count("\n") == 1


# The command, against a real HTTP server


@pytest.fixture
def group(known_service):
    group = Group()
    known_service.handlers["FilterLogEvents"] = group.fetch
    return group


def test_the_last_ten(group, capsys):
    for number in range(12):
        group.put(NOW + number, f"event {number}")
    assert main(["tail", "/app/web", "--format", "raw"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"event {number}" for number in range(2, 12)]
    assert group.requests[0]["logGroupName"] == "/app/web"


def test_pretty_is_the_default(group, capsys, monkeypatch):
    monkeypatch.setattr(show, "local_time", lambda _: "2027-01-15 09:00:00.000")
    group.put(NOW, "hello")
    assert main(["tail", "g"]) == 0
    assert capsys.readouterr().out == "2027-01-15 09:00:00.000 s hello\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-n", "0"], []),
        (["-n", "1"], ["4"]),
        (["--since", "2027-01-15T08:00:00.003Z"], ["3", "4"]),
        (["--since", "2027-01-15T08:00:00Z", "-n", "2"], ["3", "4"]),
    ],
)
def test_what_is_shown(group, capsys, arguments, expected):
    for number in range(5):
        group.put(NOW + number, str(number))
    assert main(["tail", "g", "--format", "raw", *arguments]) == 0
    assert capsys.readouterr().out.split() == expected


def test_filter_and_stream_are_asked_of_the_server(group):
    assert main(["tail", "g", "--filter", "ERROR", "--stream", "web-1"]) == 0
    assert group.requests[0]["filterPattern"] == "ERROR"
    assert group.requests[0]["logStreamNames"] == ["web-1"]


def test_an_error_of_the_api_is_one_line(known_service, refuse, capsys):
    known_service.handlers["FilterLogEvents"] = refuse(
        "ResourceNotFoundException", "The specified log group does not exist."
    )
    assert main(["tail", "nowhere"]) == 1
    assert capsys.readouterr().err == (
        "groundwatch: ResourceNotFoundException: The specified log group does not exist.\n"
    )


@contextlib.contextmanager
def running(*arguments):
    """The command as a process; a test that fails leaves none behind, whose pipes would fail a later test."""
    program = "import sys; from groundwatch.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", program, "tail", "g", "--format", "raw", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_following_until_ctrl_c(group):
    group.put(NOW, "old")
    with running("-f") as process:
        assert process.stdout.readline() == "old\n"
        group.put(NOW + 1, "new")
        assert process.stdout.readline() == "new\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "")


class StrikesWhenFreed:
    """Ctrl-C that comes while a finalizer runs: Python reports the exception there and drops it."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_finalizer_is_not_lost(group, monkeypatch):
    polls = itertools.count()

    def write(_printer, _events):
        assert next(polls) < 10, "goes on"
        StrikesWhenFreed()

    group.put(NOW, "old")
    monkeypatch.setattr(tail, "POLL_INTERVAL_S", 0)
    monkeypatch.setattr(Follower, "poll", lambda _: [[event("x")]])
    monkeypatch.setattr(show.Printer, "write", write)
    assert main(["tail", "g", "-f", "-n", "0"]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("arguments", [["-f"], ["--since", "1d", "-n", "9999"]])
def test_a_closed_pipe_ends_it_quietly(group, arguments):
    group.page = 10_000
    for number in range(9000):
        group.put(NOW + number, "x" * 100)
    with running("-n", "9999", *arguments) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0
