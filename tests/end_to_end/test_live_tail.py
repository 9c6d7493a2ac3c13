"""Live tail with the clients that people use, and with clients that misbehave."""

import contextlib
import http.client
import json
import queue
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import EventStreamError
from urllib3.exceptions import HTTPError

SCRIPTS = Path(sys.executable).parent
ATTEMPT_S = 30


class Tail:
    """A live tail of boto3, read by a thread of its own until it ends, fails or is closed."""

    def __init__(self, logs, **members) -> None:
        self._stream = logs.start_live_tail(**members)["responseStream"]
        self.events: queue.Queue[dict] = queue.Queue()
        self.end: Exception | None = None
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        assert "sessionStart" in self.next()

    def _read(self) -> None:
        try:
            for event in self._stream:
                self.events.put({**event, "received_s": time.time()})
        except (HTTPError, OSError, EventStreamError) as failure:
            self.end = failure
        self.ended.set()

    def close(self) -> None:
        # Closing the socket alone would not wake the thread that reads from it.
        connection = self._stream._raw_stream._connection
        if connection is not None and connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(ATTEMPT_S)
        self._stream.close()

    def next(self) -> dict:
        return self.events.get(timeout=ATTEMPT_S)

    def messages(self, count: int) -> list[str]:
        """Return the next so many messages."""
        found = []
        while len(found) < count:
            found += [shown["message"] for shown in self.next().get("sessionUpdate", {}).get("sessionResults", [])]
        return found


@pytest.fixture
def logs(server):
    return server.client("logs")


@pytest.fixture
def start_tail():
    """Live tails that end with the test."""
    tails = []

    def start(server, **members) -> Tail:
        tails.append(Tail(server.client("logs"), **members))
        return tails[-1]

    yield start
    for tail in tails:
        tail.close()


@pytest.fixture
def group(logs, request):
    """A group of the test's own with two streams: its name."""
    name = re.sub(r"[^\w/]+", "-", f"live-tail/{request.node.name}")
    logs.create_log_group(logGroupName=name)
    for stream in ("one", "two"):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    yield name
    logs.delete_log_group(logGroupName=name)


@pytest.fixture
def arn(logs, group):
    return logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]


def put(logs, group, *messages, stream="one"):
    now_ms = int(time.time() * 1_000)
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_boto3_sees_what_is_put_after_the_start(server, logs, group, arn, start_tail):
    put(logs, group, "before")
    tail = start_tail(server, logGroupIdentifiers=[arn])
    put(logs, group, "ä", "b", stream="two")
    (update,) = [event["sessionUpdate"] for event in [tail.next()]]
    assert update["sessionMetadata"] == {"sampled": False}
    shown = update["sessionResults"]
    assert [(event["message"], event["logStreamName"]) for event in shown] == [("ä", "two"), ("b", "two")]
    assert all(event["logGroupIdentifier"] == arn and event["ingestionTime"] for event in shown)
    assert tail.next()["sessionUpdate"]["sessionResults"] == []


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"logStreamNames": ["two"]}, id="stream names"),
        pytest.param({"logStreamNamePrefixes": ["tw"]}, id="stream prefixes"),
        pytest.param({"logEventFilterPattern": "wanted -not"}, id="pattern"),
    ],
)
def test_boto3_sees_what_it_asked_for(server, logs, group, arn, start_tail, members):
    tail = start_tail(server, logGroupIdentifiers=[arn], **members)
    put(logs, group, "not wanted", stream="one")
    put(logs, group, "wanted", stream="two")
    assert tail.messages(1) == ["wanted"]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        pytest.param({"logGroupIdentifiers": ["name"]}, "InvalidParameterException", id="a name"),
        pytest.param({"logGroupIdentifiers": ["{arn}:*"]}, "InvalidParameterException", id="an asterisk"),
        pytest.param({"logGroupIdentifiers": ["{arn}"] * 11}, "InvalidParameterException", id="eleven groups"),
        pytest.param({"logGroupIdentifiers": ["{arn}/none"]}, "ResourceNotFoundException", id="no such group"),
        pytest.param(
            {"logGroupIdentifiers": ["{arn}"], "logStreamNames": ["a"], "logStreamNamePrefixes": ["a"]},
            "InvalidParameterException",
            id="names and prefixes",
        ),
    ],
)
def test_bad_requests_are_ordinary_errors(server, logs, arn, members, error):
    given = members | {"logGroupIdentifiers": [name.format(arn=arn) for name in members["logGroupIdentifiers"]]}
    with pytest.raises(logs.exceptions.ClientError) as caught:
        logs.start_live_tail(**given)
    assert caught.value.response["Error"]["Code"] == error


def test_every_group_must_be_allowed(server, logs, group, arn):
    other = f"{group}/other"
    logs.create_log_group(logGroupName=other)
    iam = server.client("iam")
    iam.create_user(UserName="tailer")
    allow = {"Effect": "Allow", "Action": "logs:StartLiveTail", "Resource": f"{arn}:*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="tailer", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="tailer")["AccessKey"]
    tailer = server.client("logs")
    tailer._request_signer._credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    Tail(tailer, logGroupIdentifiers=[arn]).close()
    with pytest.raises(logs.exceptions.ClientError) as caught:
        tailer.start_live_tail(logGroupIdentifiers=[arn, f"{arn}/other"])
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert f"{arn}/other:log-stream:" in str(caught.value)


def cli_environment(server) -> dict[str, str]:
    """Return what `groundwatch env` puts into a shell."""
    command = [str(SCRIPTS / "groundwatch"), "env", "--data", str(server.data), "--format", "json"]
    exported = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {"PATH": str(SCRIPTS), "HOME": str(server.data), **exported}


def test_the_aws_cli_prints_events_until_it_is_interrupted(server, logs, group, arn):
    command = [str(SCRIPTS / "aws"), "logs", "start-live-tail", "--log-group-identifiers", arn]
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen(command, env=cli_environment(server), stdout=subprocess.PIPE, text=True) as tailing:
        reading = threading.Thread(target=lambda: [lines.put(line) for line in tailing.stdout], daemon=True)
        reading.start()
        deadline_s = time.monotonic() + ATTEMPT_S
        while lines.empty() and time.monotonic() < deadline_s:
            # The client does not say when its session has started.
            put(logs, group, "hello from the CLI")
            with contextlib.suppress(queue.Empty):
                lines.put(lines.get(timeout=1))
        tailing.terminate()
        reading.join(ATTEMPT_S)
    assert lines.get_nowait() == "hello from the CLI\n"
    assert tailing.returncode == 0


def signed_request(server, arn, host):
    """Return headers and body of StartLiveTail, signed for this host."""
    credentials = server.credentials
    body = json.dumps({"logGroupIdentifiers": [arn]}).encode()
    headers = {"X-Amz-Target": "Logs_20140328.StartLiveTail", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"http://{host}/", data=body, headers=headers)
    keys = Credentials(credentials.access_key_id, credentials.secret_access_key)
    SigV4Auth(keys, "logs", credentials.region).add_auth(request)
    return {**dict(request.headers.items()), "Host": host}, body


@pytest.mark.parametrize("prefix", ["stream-", "streaming-"])
def test_the_host_names_of_sdks_are_accepted(server, arn, prefix):
    host = f"{prefix}localhost:{server.service_port}"
    headers, body = signed_request(server, arn, host)
    connection = http.client.HTTPConnection("127.0.0.1", server.service_port, timeout=ATTEMPT_S)
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
    buffer, types = EventStreamBuffer(), []
    while len(types) < 2:
        buffer.add_data(answer.read1())
        types += [message.headers[":event-type"] for message in buffer]
    assert types[:2] == ["initial-response", "sessionStart"]
    connection.close()


def deaf_tail(server, arn) -> socket.socket:
    """Start a live tail and never read what comes."""
    host = urlsplit(server.service_url).netloc
    headers, body = signed_request(server, arn, host)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.connect(("127.0.0.1", server.service_port))
    lines = [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
    deaf.sendall("\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + body)
    return deaf


def test_clients_that_do_not_read_slow_nobody(server, logs, group, arn, start_tail):
    deaf = [deaf_tail(server, arn) for _ in range(3)]
    tail = start_tail(server, logGroupIdentifiers=[arn], logEventFilterPattern="last")
    for _ in range(12):
        put(logs, group, *["x" * 200_000] * 5)
    put(logs, group, "the last one")
    acknowledged_s = time.time()
    while not (update := tail.next())["sessionUpdate"]["sessionResults"]:
        pass
    assert update["sessionUpdate"]["sessionResults"][0]["message"] == "the last one"
    assert update["received_s"] - acknowledged_s < 1
    for client in deaf:
        client.close()


def test_sessions_are_limited_and_a_client_that_leaves_makes_room(make_server):
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    arn = logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["logGroupArn"]
    deaf = [deaf_tail(server, arn) for _ in range(15)]
    for client in deaf:
        assert client.recv(12) == b"HTTP/1.1 200"
    with pytest.raises(logs.exceptions.LimitExceededException):
        logs.start_live_tail(logGroupIdentifiers=[arn])
    deaf.pop().close()
    deadline_s = time.monotonic() + ATTEMPT_S
    while True:
        try:
            Tail(logs, logGroupIdentifiers=[arn]).close()
            break
        except logs.exceptions.LimitExceededException:
            assert time.monotonic() < deadline_s
    for client in deaf:
        client.close()


def test_a_server_that_stops_ends_its_sessions_at_once(make_server, start_tail):
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="one")
    arn = logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["logGroupArn"]
    tails = [start_tail(server, logGroupIdentifiers=[arn]) for _ in range(3)]
    put(logs, "g", "last words")
    assert [tail.messages(1) for tail in tails] == [["last words"]] * 3
    began_s = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began_s < 10
    assert all(tail.ended.wait(5) for tail in tails)
    assert [tail.end for tail in tails] == [None] * 3
