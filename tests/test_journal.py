"""The server's own log: what is shown, what is stored, and that it never hurts the server."""

import asyncio
import io
import json
import logging
import threading

import msgspec
import pytest

from groundwatch import journal
from groundwatch.journal import ACCESS_GROUP, SERVER_GROUP, Journal


class Sink:
    """Remembers what was appended; fails as often as told."""

    def __init__(self, failures=0, log_to=None):
        self.appended = []
        self.failures = failures
        self.log_to = log_to

    async def append(self, group, stream, events):
        if self.log_to:
            self.log_to.info("storing %d events", len(events))
        if self.failures:
            self.failures -= 1
            raise ConnectionError("store is away")
        self.appended.append((group, stream, list(events)))

    def events(self, group):
        return [json.loads(message) for name, _, events in self.appended if name == group for _, message in events]


class Terminal(io.StringIO):
    """Text that is told apart from a file."""

    def isatty(self):
        return True


@pytest.fixture
def logger():
    return logging.getLogger("groundwatch.test")


@pytest.fixture
def make(logger, monkeypatch):
    """Return a function that makes a journal on a logger of its own, and drains only when asked."""
    monkeypatch.setattr(journal, "DRAIN_INTERVAL_S", 3600)
    made = []

    def make(**options):
        defaults = {"stream": "host", "clock_ms": lambda: 1700000000000, "output": io.StringIO()}
        one = Journal(**{**defaults, **options})
        one.install("debug", logger.parent)
        logger.parent.setLevel(logging.DEBUG)
        made.append(one)
        return one

    yield make
    for one in made:
        one.uninstall()
    logging.getLogger("groundwatch").setLevel(logging.NOTSET)


async def test_records_from_before_the_start_are_stored(make, logger):
    one, sink = make(), Sink()
    logger.info("listening on %s", "127.0.0.1:4580")
    one.start(sink)
    logger.warning("slow", extra={"request_id": "r-1"})
    await one.close()
    assert [{**event, "timestamp_ms": 0} for event in sink.events(SERVER_GROUP)] == [
        {"timestamp_ms": 0, "level": "INFO", "logger": "groundwatch.test", "message": "listening on 127.0.0.1:4580"},
        {"timestamp_ms": 0, "level": "WARNING", "logger": "groundwatch.test", "message": "slow", "request_id": "r-1"},
    ]
    assert {stream for _, stream, _ in sink.appended} == {"host"}


async def test_access_events(make):
    one, sink = make(), Sink()
    one.start(sink)
    one.access({"request_id": "r", "ip": "127.0.0.1", "method": "GET", "path": "/v1/groups", "status": 200})
    await one.flush()
    assert sink.appended == [
        (
            ACCESS_GROUP,
            "host",
            [
                (
                    1700000000000,
                    '{"request_id":"r","ip":"127.0.0.1","method":"GET","path":"/v1/groups","status":200}',
                )
            ],
        )
    ]
    await one.close()


class AccessEvent(msgspec.Struct, omit_defaults=True):
    path: str
    missing: str | None = None


async def test_an_access_event_may_be_a_struct_and_leaves_its_defaults_out(make):
    one, sink = make(), Sink()
    one.start(sink)
    one.access(AccessEvent("/v1"))
    await one.close()
    assert list(sink.events(ACCESS_GROUP)) == [{"path": "/v1"}]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"path": "/\udcff"}, id="lone surrogate"),
        pytest.param(AccessEvent("/\udcff"), id="lone surrogate in a struct"),
        pytest.param({"path": object}, id="a value without JSON form"),
    ],
)
async def test_an_odd_access_event_does_not_hurt_the_request(make, event):
    one, sink = make(), Sink()
    one.start(sink)
    one.access(event)
    await one.close()
    assert list(sink.events(ACCESS_GROUP)[0]) == ["path"]


def log_failure(logger, error, message):
    try:
        raise error
    except type(error):
        logger.exception(message)


async def test_an_exception_is_stored_with_its_traceback(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink()
    one.start(sink)
    log_failure(logger, ZeroDivisionError("oh"), "failed")
    await one.close()
    (event,) = sink.events(SERVER_GROUP)
    assert event["message"] == "failed"
    assert event["exception"].endswith("ZeroDivisionError: oh")
    assert output.getvalue().endswith("ZeroDivisionError: oh\n")


def test_a_line_on_stderr(make, logger):
    output = io.StringIO()
    make(output=output)
    logger.warning("slow", extra={"request_id": "r-1"})
    clock, rest = output.getvalue().split(" ", 1)
    assert len(clock) == len("12:00:00.000")
    assert rest == "WARNING  groundwatch.test: slow [r-1]\n"


@pytest.mark.parametrize(("terminal", "coloured"), [(Terminal, True), (io.StringIO, False)])
def test_colours_only_on_a_terminal(make, logger, monkeypatch, terminal, coloured):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output = terminal()
    make(output=output)
    logger.error("[bold]no markup[/bold]")
    assert ("\x1b[" in output.getvalue()) is coloured
    assert "[bold]no markup[/bold]" in output.getvalue()


@pytest.mark.parametrize("limit", [{"max_events": 2}, {"max_bytes": 400}])
async def test_a_full_queue_drops_counts_and_reports(make, logger, limit):
    one, sink = make(**limit), Sink()
    for number in range(5):
        logger.info("event number %d %s", number, "." * 60)
    one.start(sink)
    await one.close()
    events = sink.events(SERVER_GROUP)
    assert one.dropped == 3
    assert events[0]["message"] == "3 events of the server's logs were lost: more came than could be stored"
    assert [event["message"].split()[2] for event in events[1:]] == ["0", "1"]


async def test_a_store_that_fails_once_is_tried_again(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink(failures=1)
    one.start(sink)
    logger.info("kept")
    await one.flush()
    assert sink.appended == []
    logger.info("later")
    await one.close()
    assert [event["message"] for event in sink.events(SERVER_GROUP)] == ["kept", "later"]
    assert "trying again: ConnectionError: store is away" in output.getvalue()
    assert one.dropped == 0


async def test_a_store_that_keeps_failing_is_given_up_without_recursion(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink(failures=journal.ATTEMPTS)
    one.start(sink)
    logger.info("lost")
    for _ in range(journal.ATTEMPTS):
        await one.flush()
    assert one.dropped == 1
    assert "giving up 1 events" in output.getvalue()
    logger.info("after")
    await one.close()
    assert [event["message"] for event in sink.events(SERVER_GROUP)] == [
        "1 events of the server's logs were lost: more came than could be stored",
        "after",
    ]


async def test_what_the_store_logs_while_storing_is_shown_but_not_stored(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink(log_to=logger)
    one.start(sink)
    logger.info("first")
    await one.flush()
    await one.flush()
    assert [event["message"] for event in sink.events(SERVER_GROUP)] == ["first"]
    assert "storing 1 events" in output.getvalue()
    await one.close()


async def test_a_store_that_hangs_does_not_hold_up_the_stop(make, logger, monkeypatch):
    monkeypatch.setattr(journal, "CLOSE_TIMEOUT_S", 0)
    output = io.StringIO()
    one = make(output=output)

    class Hanging:
        async def append(self, group, stream, events):
            await asyncio.Event().wait()

    one.start(Hanging())
    logger.info("x")
    await one.close()
    assert "the store does not answer" in output.getvalue()


async def test_after_the_close_records_are_only_shown(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink()
    one.start(sink)
    await one.close()
    logger.info("the end")
    assert sink.appended == []
    assert "the end" in output.getvalue()


async def test_events_are_handed_over_in_order_of_time_and_in_batches(make, monkeypatch):
    monkeypatch.setattr(journal, "BATCH_EVENTS", 2)
    times = iter([30, 10, 20])
    one, sink = make(clock_ms=lambda: next(times)), Sink()
    for number in range(3):
        one.access({"n": number})
    one.start(sink)
    await one.close()
    assert [events for _, _, events in sink.appended] == [[(10, '{"n":1}'), (30, '{"n":0}')], [(20, '{"n":2}')]]


async def test_many_events_wait_for_company_while_there_is_room(make, monkeypatch):
    for name, value in {"DRAIN_INTERVAL_S": 0, "FEW_EVENTS": 2, "BUSY_WAITS": 1_000_000}.items():
        monkeypatch.setattr(journal, name, value)
    stored = asyncio.Event()

    class Telling(Sink):
        async def append(self, group, stream, events):
            await super().append(group, stream, events)
            stored.set()

    one, sink = make(max_events=20), Telling()
    one.start(sink)
    for number in range(3):
        one.access({"n": number})
    for _ in range(50):
        await asyncio.sleep(0)
    assert sink.appended == []
    for number in range(3, 10):
        one.access({"n": number})
    await stored.wait()
    await one.close()
    assert [len(events) for _, _, events in sink.appended] == [10]


async def test_events_that_come_while_others_are_stored_wait_for_company(make):
    class Busy(Sink):
        async def append(self, group, stream, events):
            await super().append(group, stream, events)
            if len(self.appended) < 10:
                one.access({"n": len(self.appended)})

    one, sink = make(), Busy()
    one.start(sink)
    one.access({"n": 0})
    await one.flush()
    assert [event["n"] for event in sink.events(ACCESS_GROUP)] == [0]
    await one.close()
    assert [event["n"] for event in sink.events(ACCESS_GROUP)] == list(range(10))


async def test_records_of_other_threads(make, logger):
    one, sink = make(), Sink()
    threads = [threading.Thread(target=logger.info, args=("from %d", number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.start(sink)
    await one.close()
    assert {event["message"] for event in sink.events(SERVER_GROUP)} == {f"from {number}" for number in range(4)}


async def test_the_background_task_drains_by_itself(make, logger, monkeypatch):
    monkeypatch.setattr(journal, "DRAIN_INTERVAL_S", 0)
    stored = asyncio.Event()

    class Telling(Sink):
        async def append(self, group, stream, events):
            stored.set()

    one = make()
    one.start(Telling())
    logger.info("x")
    await stored.wait()
    await one.close()


@pytest.mark.parametrize(
    ("level", "record_level", "name", "shown"),
    [
        pytest.param("info", logging.INFO, "groundwatch.test.x", True, id="the server's own information"),
        pytest.param("info", logging.DEBUG, "groundwatch.test.x", False, id="not below the level"),
        pytest.param("error", logging.WARNING, "groundwatch.test.x", False, id="not below error"),
        pytest.param("debug", logging.DEBUG, "groundwatch.test.x", True, id="debug"),
    ],
)
def test_levels(level, record_level, name, shown):
    output = io.StringIO()
    one = Journal(output=output)
    package = logging.getLogger("groundwatch")
    try:
        one.install(level, package)
        package.setLevel(level.upper())
        logging.getLogger(name).log(record_level, "text")
    finally:
        one.uninstall()
        package.setLevel(logging.NOTSET)
    assert bool(output.getvalue()) is shown


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_libraries_are_heard_from_warning_upwards(level):
    library = logging.getLogger("libraries")
    output = io.StringIO()
    one = Journal(output=output)
    try:
        one.install(level, library)
        logging.getLogger("libraries.sql").info("INSERT … secret")
        logging.getLogger("libraries.sql").warning("trouble")
    finally:
        one.uninstall()
        logging.getLogger("groundwatch").setLevel(logging.NOTSET)
    assert output.getvalue().endswith("libraries.sql: trouble\n")
    assert "secret" not in output.getvalue()


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("GET http://127.0.0.1:4580/x?a=b@c", "GET http://127.0.0.1:4580/x?a=b@c", id="a plain URL"),
        pytest.param("https://u:pass@h:1/d", "https://u:***@h:1/d", id="password in a URL"),
        pytest.param("https://u:p@ss@h:1/d", "https://u:***@h:1/d", id="password with an at sign in a URL"),
        pytest.param("/?X-Amz-Signature=ab12&x=1", "/?X-Amz-Signature=***&x=1", id="signature in a query"),
        pytest.param("/?X-Amz-Security-Token=ab%2F", "/?X-Amz-Security-Token=***", id="token in a query"),
        pytest.param("AWS4 Credential=AK/x, Signature=0f", "AWS4 Credential=AK/x, Signature=***", id="authorization"),
        pytest.param('{"x-api-key":"k1","a":1}', '{"x-api-key":"***","a":1}', id="API key in JSON"),
        pytest.param("authorization: Bearer ey.J0", "authorization: Bearer ***", id="bearer token"),
        pytest.param("aws_secret_access_key = wJa/lr", "aws_secret_access_key = ***", id="secret key in a file"),
        pytest.param("SecretAccessKey: 'wJa'", "SecretAccessKey: '***'", id="secret key in an answer"),
        pytest.param("{'SecretAccessKey': 'wJa'}", "{'SecretAccessKey': '***'}", id="secret key as Python shows it"),
        pytest.param("{'SessionToken': 'IQo'}", "{'SessionToken': '***'}", id="session token as Python shows it"),
        pytest.param("[('x-api-key', 'k1'), ('a', 'b')]", "[('x-api-key', '***'), ('a', 'b')]", id="API key in pairs"),
        pytest.param("[(b'X-Api-Key', b'k1')]", "[(b'X-Api-Key', b'***')]", id="API key in pairs of bytes"),
        pytest.param(r'{"b":"{\"password\": \"p1\"}"}', r'{"b":"{\"password\": \"***\"}"}', id="JSON within JSON"),
        pytest.param("Authorization: Basic dTpw", "Authorization: Basic ***", id="basic authentication"),
        pytest.param("a basic mistake", "a basic mistake", id="the word basic"),
        pytest.param("password, please", "password, please", id="a word and a comma"),
        pytest.param("the password is wrong", "the password is wrong", id="the word alone"),
    ],
)
def test_redact(text, redacted):
    assert journal.redact(text) == redacted


async def test_no_secret_is_shown_or_stored(make, logger):
    output = io.StringIO()
    one, sink = make(output=output), Sink()
    one.start(sink)
    log_failure(logger, ConnectionError("http://u:hidden@h/"), "cannot reach http://u:hidden@h/")
    one.access({"path": "/x", "query": "X-Amz-Signature=hidden"})
    await one.close()
    assert "hidden" not in output.getvalue() + json.dumps(sink.appended)
