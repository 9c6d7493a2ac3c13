"""`groundwatch put` against a real HTTP server."""

import json
import subprocess
import sys
import threading

import pytest

from groundwatch.cli import batches, main, put
from groundwatch.cli.lines import Rejection
from groundwatch.cli.sender import REJECTIONS_KEPT, Account


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


def messages(service):
    """Every message that arrived, in the order of time, as a client would read them."""
    events = [event for request in service.requests("PutLogEvents") for event in request["logEvents"]]
    return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]


def test_lines_of_files(known_service, write, capsys):
    assert main(["put", "/app/web", "host-1", write("a.log", "one\ntwo\n"), write("b.log", "three")]) == 0
    assert messages(known_service) == ["one", "two", "three"]
    (request,) = known_service.requests("PutLogEvents")
    assert (request["logGroupName"], request["logStreamName"]) == ("/app/web", "host-1")
    assert capsys.readouterr() == ("3 events stored\n", "")


def test_the_stream_is_the_machine_unless_named(known_service, monkeypatch):
    monkeypatch.setattr(put.socket, "gethostname", lambda: "a:b*c")
    assert put.own_stream_name() == "a_b_c"


def test_the_same_file_twice(known_service, write):
    name = write("a.log", "one\ntwo")
    assert main(["put", "g", "s", name, name]) == 0
    assert messages(known_service) == ["one", "two"] * 2


@pytest.mark.parametrize("in_flight", ["1", "4"])
def test_many_batches_keep_their_order(known_service, write, monkeypatch, capsys, in_flight):
    monkeypatch.setattr(batches, "BATCH_EVENTS", 3)
    lines = [f"line {number}" for number in range(100)]
    assert main(["put", "g", "s", write("a.log", "\n".join(lines)), "--in-flight", in_flight]) == 0
    assert len(known_service.requests("PutLogEvents")) == 34
    assert messages(known_service) == lines
    assert capsys.readouterr().out == "100 events stored\n"


def test_several_batches_are_on_their_way_at_once(known_service, write, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_EVENTS", 1)
    together = threading.Barrier(3, timeout=20)

    def handler(request):
        if request["logEvents"][0]["message"] != "first":
            together.wait()
        return {}

    known_service.handlers["PutLogEvents"] = handler
    assert main(["put", "g", "s", write("a.log", "first\na\nb\nc\n"), "--in-flight", "3"]) == 0


def test_times_from_a_field(known_service, write):
    rows = [{"at": "2023-11-14T22:13:21Z", "n": 2}, {"at": 1700000000, "n": 1}]
    assert main(["put", "g", "s", write("a", "\n".join(map(json.dumps, rows))), "--timestamp-field", "at"]) == 0
    (request,) = known_service.requests("PutLogEvents")
    assert [(event["timestamp"], json.loads(event["message"])["n"]) for event in request["logEvents"]] == [
        (1700000000000, 1),
        (1700000001000, 2),
    ]


def test_what_is_rejected_here_or_by_the_server_is_said(known_service, write, capsys):
    known_service.handlers["PutLogEvents"] = lambda _: {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}
    rows = ['{"t":1}', "", '{"t":1700000000}', '{"t":"?"}', "plain"]
    assert main(["put", "g", "s", write("a", "\n".join(rows)), "--timestamp-field", "t"]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "rejected: a:1: is older than 14 days",
        "rejected: a:3: is older than 14 days",
        "rejected: a:4: 't' is '?', which is no time: Invalid isoformat string: '?'",
        "rejected: a:5: is not a JSON object, so it has no 't'",
    ]
    assert out == "0 events stored, 4 rejected, 1 blank line skipped\n"


def test_a_long_list_of_rejections_is_cut(known_service, write, capsys):
    assert main(["put", "g", "s", write("a", b"\xff\n" * 25 + b"good\n")]) == 1
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 21
    assert err.splitlines()[-1] == "rejected: 5 more"
    assert out == "1 event stored, 25 rejected\n"


def test_a_file_of_the_wrong_form_takes_no_memory_for_each_of_its_lines():
    account = Account()
    for number in range(3):
        account.reject(*(Rejection("a", number * 900 + line, "no") for line in range(900)))
    assert (account.rejected, len(account.rejections)) == (2_700, REJECTIONS_KEPT)


def test_a_missing_group_is_made(known_service, write, refuse):
    known_service.handlers["PutLogEvents"] = refuse("ResourceNotFoundException", times=1)
    known_service.handlers["CreateLogGroup"] = refuse("ResourceAlreadyExistsException")
    assert main(["put", "g", "s", write("a", "one\n")]) == 0
    assert [name for name, _ in known_service.calls] == [
        "PutLogEvents",
        "CreateLogGroup",
        "CreateLogStream",
        "PutLogEvents",
    ]
    assert known_service.requests("CreateLogStream") == [{"logGroupName": "g", "logStreamName": "s"}]


def test_no_create(known_service, write, refuse, capsys):
    known_service.handlers["PutLogEvents"] = refuse(
        "ResourceNotFoundException", "The specified log group does not exist."
    )
    assert main(["put", "g", "s", write("a", "one\ntwo\n"), "--no-create"]) == 1
    assert [name for name, _ in known_service.calls] == ["PutLogEvents"]
    out, err = capsys.readouterr()
    assert err == ("stopped: ResourceNotFoundException: The specified log group does not exist. (at a:1 to a:2)\n")
    assert out == "0 events stored\n"


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailableException"])
def test_throttling_and_outages_are_tried_again(known_service, write, refuse, monkeypatch, code):
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    known_service.handlers["PutLogEvents"] = refuse(code, status=503, times=2)
    assert main(["put", "g", "s", write("a", "one\n")]) == 0
    assert len(known_service.requests("PutLogEvents")) == 3


def test_after_a_failure_no_more_is_sent(known_service, write, refuse, monkeypatch, capsys):
    monkeypatch.setattr(batches, "BATCH_EVENTS", 1)
    known_service.handlers["PutLogEvents"] = refuse("AccessDeniedException", "User is not authorized")
    assert main(["put", "g", "s", write("a", "one\ntwo\nthree\n")]) == 1
    assert len(known_service.requests("PutLogEvents")) == 1
    assert capsys.readouterr().err == "stopped: AccessDeniedException: User is not authorized (at a:1 to a:1)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["g", "a.log"], "a.log is a file; write `groundwatch put GROUP STREAM a.log`", id="stream forgotten"
        ),
        pytest.param(["g", "s", "none.log"], "no such file: none.log", id="no file"),
        pytest.param(["g", "s", "."], ". is a directory", id="a directory"),
    ],
)
def test_wrong_calls(write, capsys, arguments, message):
    write("a.log", "x")
    assert main(["put", *arguments]) == 2
    assert capsys.readouterr().err == f"groundwatch put: {message}\n"


def test_nothing_to_send(known_service, write, capsys):
    assert main(["put", "g", "s", write("a", "")]) == 0
    assert known_service.calls == []
    assert capsys.readouterr().out == "0 events stored\n"


def test_standard_input_that_pauses_is_sent_while_it_pauses(known_service):
    arrived = threading.Semaphore(0)
    known_service.handlers["PutLogEvents"] = lambda _: arrived.release() or {}
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from groundwatch.cli import main; sys.exit(main())", "put", "g", "s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write("one\n")
    process.stdin.flush()
    assert arrived.acquire(timeout=30)
    out, _ = process.communicate("two\n", timeout=30)
    assert (process.returncode, out) == (0, "2 events stored\n")
    assert messages(known_service) == ["one", "two"]


def test_a_progress_bar_on_a_terminal(known_service, write, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert main(["put", "g", "s", write("a", "one\n")]) == 0
    assert "events stored" in capsys.readouterr().err


def test_put_and_tail_do_not_import_the_server():
    program = (
        "import sys, groundwatch.cli.put, groundwatch.cli.tail;"
        "print([name for name in sys.modules if name.split('.')[0] in ('uvicorn', 'chdb', 'sqlalchemy')"
        " or name.startswith(('groundwatch.logs', 'groundwatch.gateway', 'groundwatch.identity', 'groundwatch.app'))])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"
