"""Subscriptions against peers that no one here wrote, moto's Kinesis and Firehose, and a stand-in for functions."""

import base64
import gzip
import http.server
import json
import random
import socket
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.live import free_port, moto_client, wait_for

ACCOUNT = "123456789012"
REGION = "us-east-1"
GROUP = "/app/web"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
MAY_WRITE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["kinesis:PutRecord", "firehose:PutRecord"], "Resource": "*"},
    ],
}


class Door:
    """A TCP proxy before a port, which can be shut: then connections are refused."""

    def __init__(self, url: str) -> None:
        self._behind = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._port = free_port()
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        # Closing alone would leave the accepting thread in its call.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._behind)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            end.close()


class Stream:
    """A Kinesis stream of its own for a test, and what has arrived there."""

    def __init__(self, url: str, name: str) -> None:
        self.client = moto_client("kinesis", url)
        self.client.create_stream(StreamName=name, ShardCount=1)
        described = self.client.describe_stream(StreamName=name)["StreamDescription"]
        self.arn = described["StreamARN"]
        self._name = name
        self._shard = described["Shards"][0]["ShardId"]

    def raw(self) -> list[tuple[str, bytes]]:
        iterator = self.client.get_shard_iterator(
            StreamName=self._name, ShardId=self._shard, ShardIteratorType="TRIM_HORIZON"
        )
        records = self.client.get_records(ShardIterator=iterator["ShardIterator"], Limit=10_000)["Records"]
        return [(record["PartitionKey"], gzip.decompress(record["Data"])) for record in records]

    def data(self) -> list[dict]:
        payloads = [json.loads(data) for _, data in self.raw()]
        return [payload for payload in payloads if payload["messageType"] == "DATA_MESSAGE"]

    def messages(self, log_stream: str) -> list[str]:
        chosen = [payload for payload in self.data() if payload["logStream"] == log_stream]
        return [event["message"] for payload in chosen for event in payload["logEvents"]]


@pytest.fixture
def start(make_server, monkeypatch):
    """A server whose own credentials for its targets come from the environment, as an operator would give them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "peer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "peer")

    def started(*flags: str):
        server = make_server("--account", ACCOUNT, *flags).start()
        iam = server.client("iam")
        iam.create_role(RoleName="ship", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="ship", PolicyName="write", PolicyDocument=json.dumps(MAY_WRITE))
        logs = server.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="i-1")
        return server

    return started


ROLE = f"arn:aws:iam::{ACCOUNT}:role/ship"


def subscribe(logs, destination: str, pattern: str = "", name: str = "all", **more: str) -> None:
    role = {} if ":lambda:" in destination else {"roleArn": ROLE}
    logs.put_subscription_filter(
        logGroupName=GROUP, filterName=name, filterPattern=pattern, destinationArn=destination, **role, **more
    )


def put(logs, *messages: str, stream: str = "i-1") -> list[int]:
    now_ms = int(time.time() * 1000)
    times = [now_ms + n for n in range(len(messages))]
    events = [{"timestamp": at, "message": message} for at, message in zip(times, messages, strict=True)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return times


def test_kinesis_gets_the_documented_payload_byte_for_byte(start, moto):
    stream = Stream(moto, "documented")
    server = start("--kinesis-url", moto)
    logs = server.client("logs")
    subscribe(logs, stream.arn, pattern="ERROR", name="errors")
    put(logs, "ERROR one", "fine", 'ERROR "two" \u00fc')
    wait_for(stream.data, "a data message")
    stored = logs.filter_log_events(logGroupName=GROUP, filterPattern="ERROR")["events"]
    expected = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": GROUP,
        "logStream": "i-1",
        "subscriptionFilters": ["errors"],
        "logEvents": [
            {"id": event["eventId"], "timestamp": event["timestamp"], "message": event["message"]} for event in stored
        ],
    }
    (_, control), (key, data) = stream.raw()
    assert data == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
    assert [len(event["id"]) for event in expected["logEvents"]] == [56, 56]
    assert json.loads(control)["logEvents"][0]["message"] == (
        "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    )
    subscribe(logs, stream.arn, pattern="[level=ERROR, ...]", name="errors")
    put(logs, "ERROR three")
    wait_for(lambda: len(stream.data()) == 2, "the next record")
    assert stream.data()[1]["logEvents"][0]["extractedFields"] == {"level": "ERROR", "2": "three"}
    assert stream.raw()[-1][0] == key, "one partition key a log stream"


def test_firehose_gets_gzip_records(start, moto):
    moto_client("s3", moto).create_bucket(Bucket="archive")
    firehose = moto_client("firehose", moto)
    arn = firehose.create_delivery_stream(
        DeliveryStreamName="archive",
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::archive"},
    )["DeliveryStreamARN"]
    server = start("--firehose-url", moto)
    logs = server.client("logs")
    subscribe(logs, arn)
    put(logs, "hello")
    s3 = moto_client("s3", moto)

    def payloads() -> list[dict]:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="archive").get("Contents", [])]
        data = b"".join(s3.get_object(Bucket="archive", Key=key)["Body"].read() for key in keys)
        return [json.loads(line) for line in gzip.decompress(data).replace(b"}{", b"}\n{").splitlines()]

    delivered = wait_for(lambda: [item for item in payloads() if item["messageType"] == "DATA_MESSAGE"], "an object")
    assert [event["message"] for event in delivered[0]["logEvents"]] == ["hello"]


class Functions(http.server.ThreadingHTTPServer):
    """The invoke call of Lambda's API, which remembers what it was called with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FunctionCall)
        self.calls: list[tuple[str, str, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def messages(self) -> list[str]:
        events = [json.loads(body) for _, kind, body in self.calls if kind == "Event"]
        payloads = [json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"]))) for event in events]
        return [event["message"] for payload in payloads for event in payload["logEvents"]]


class FunctionCall(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        kind = self.headers["X-Amz-Invocation-Type"]
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.calls.append((self.path, kind, body))
        self.send_response(204 if kind == "DryRun" else 202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture
def functions():
    with Functions() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ship"


def test_a_function_gets_awslogs_data_and_is_not_run_for_the_test(start, functions):
    server = start("--lambda-url", functions.url)
    logs = server.client("logs")
    subscribe(logs, FUNCTION)
    put(logs, "hello")
    wait_for(lambda: functions.messages() == ["hello"], "an invocation")
    (path, first, _), (_, second, _) = functions.calls
    assert (first, second) == ("DryRun", "Event")
    assert path.endswith("function%3Aship/invocations")


def test_what_waits_when_the_server_is_killed_arrives_in_order(start, moto):
    stream = Stream(moto, "killed")
    door = Door(moto)
    door.open()
    server = start("--kinesis-url", door.url)
    logs = server.client("logs")
    subscribe(logs, stream.arn)
    put(logs, "before")
    wait_for(lambda: stream.messages("i-1"), "the first event")
    door.shut()
    expected = ["before"]
    for number in range(30):
        messages = [f"{number}/{n}" for n in range(10)]
        put(logs, *messages)
        expected += messages
    # The last batch was acknowledged a moment ago: it need not have come into the queue.
    server.kill()
    door.open()
    server.start()
    wait_for(lambda: set(stream.messages("i-1")) == set(expected), "everything that was acknowledged")
    arrived = stream.messages("i-1")
    assert list(dict.fromkeys(arrived)) == expected, "each event first arrives in its place"
    put(logs, "after")
    wait_for(lambda: stream.messages("i-1")[-1] == "after", "the next event")
    assert server.stop() == 0
    server.start()
    put(logs, "again")
    wait_for(lambda: stream.messages("i-1")[-1] == "again", "an event after an orderly restart")
    assert stream.messages("i-1") == [*arrived, "after", "again"], "an orderly restart repeats nothing"


def put_until_it_dies(logs, prefix: str, acknowledged: list[str]) -> None:
    for number in range(100_000):
        try:
            put(logs, f"{prefix}/{number}")
        except (BotoCoreError, ClientError):
            return
        acknowledged.append(f"{prefix}/{number}")


def check_kills(start, moto, name: str, rounds: int) -> None:
    stream = Stream(moto, name)
    server = start("--kinesis-url", moto)
    subscribe(server.client("logs"), stream.arn)
    acknowledged: list[str] = []
    for round_number in range(rounds):
        logs = server.client("logs")
        arguments = (logs, str(round_number), acknowledged)
        writer = threading.Thread(target=put_until_it_dies, args=arguments, daemon=True)
        before = len(acknowledged)
        writer.start()
        wait_for(lambda before=before: len(acknowledged) > before + 5, "some puts")
        time.sleep(random.uniform(0, 0.5))
        server.kill()
        writer.join(30)
        server.start()
    wait_for(lambda: set(acknowledged) <= set(stream.messages("i-1")), "everything that was acknowledged")
    first = [message for message in dict.fromkeys(stream.messages("i-1")) if message in set(acknowledged)]
    assert first == acknowledged


def test_kills_under_load_lose_no_delivery(start, moto):
    check_kills(start, moto, "kills", rounds=2)


@pytest.mark.soak
def test_kills_again_and_again_lose_no_delivery(start, moto):
    check_kills(start, moto, "soak", rounds=25)


def test_a_dead_target_delays_no_other_and_catches_up(start, moto, functions):
    alive = Stream(moto, "alive")
    door = Door(functions.url)
    door.open()
    server = start("--kinesis-url", moto, "--lambda-url", door.url)
    logs = server.client("logs")
    subscribe(logs, FUNCTION, name="mortal")
    subscribe(logs, alive.arn, name="alive")
    door.shut()
    expected = []
    for number in range(20):
        put(logs, f"{number}/a", f"{number}/b")
        expected += [f"{number}/a", f"{number}/b"]
    wait_for(lambda: alive.messages("i-1") == expected, "everything at the other target")
    assert functions.messages() == []
    door.open()
    wait_for(lambda: functions.messages() == expected, "everything at the target that was dead")


def test_an_account_policy_subscribes_every_group_but_the_named(start, moto):
    stream = Stream(moto, "account")
    server = start("--kinesis-url", moto)
    logs = server.client("logs")
    logs.put_account_policy(
        policyName="ship",
        policyType="SUBSCRIPTION_FILTER_POLICY",
        policyDocument=json.dumps({"DestinationArn": stream.arn, "RoleArn": ROLE, "FilterPattern": ""}),
        selectionCriteria='LogGroupName NOT IN ["/quiet", "/groundwatch/server", "/groundwatch/access"]',
    )
    logs.create_log_group(logGroupName="/quiet")
    logs.create_log_stream(logGroupName="/quiet", logStreamName="q")
    now_ms = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/quiet", logStreamName="q", logEvents=[{"timestamp": now_ms, "message": "not this"}]
    )
    put(logs, "this")
    (payload,) = wait_for(stream.data, "a data message")
    assert (payload["logGroup"], payload["policyLevel"]) == (GROUP, "ACCOUNT_LEVEL_POLICY")


def test_a_destination_passes_on_what_is_sent_to_it(start, moto):
    stream = Stream(moto, "behind")
    logs = start("--kinesis-url", moto).client("logs")
    arns = [
        logs.put_destination(destinationName=name, targetArn=stream.arn, roleArn=ROLE)["destination"]["arn"]
        for name in ("central", "spare")
    ]
    allow = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "logs:PutSubscriptionFilter", "Resource": "*"}
    logs.put_destination_policy(
        destinationName="central", accessPolicy=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    pages = list(logs.get_paginator("describe_destinations").paginate(PaginationConfig={"PageSize": 1}))
    assert [destination["arn"] for page in pages for destination in page["destinations"]] == arns
    logs.put_subscription_filter(logGroupName=GROUP, filterName="all", filterPattern="", destinationArn=arns[0])
    put(logs, "through")
    wait_for(lambda: stream.messages("i-1") == ["through"], "the event behind the destination")
    logs.delete_destination(destinationName="spare")
    assert len(logs.describe_destinations()["destinations"]) == 1


def test_the_aws_cli_puts_and_describes(start, moto):
    stream = Stream(moto, "cli")
    server = start("--kinesis-url", moto)
    place = ("--log-group-name", GROUP)
    server.aws_json(
        *("logs", "put-subscription-filter", *place, "--filter-name", "f", "--filter-pattern", ""),
        *("--destination-arn", stream.arn, "--role-arn", ROLE),
    )
    (described,) = server.aws_json("logs", "describe-subscription-filters", *place)["subscriptionFilters"]
    assert described["destinationArn"] == stream.arn
    server.aws_json("logs", "delete-subscription-filter", *place, "--filter-name", "f")
    assert server.aws_json("logs", "describe-subscription-filters", *place) == {"subscriptionFilters": []}


def test_without_an_endpoint_the_test_message_fails(start):
    server = start()
    with pytest.raises(ClientError) as caught:
        subscribe(server.client("logs"), f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/none")
    assert caught.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "Could not deliver test message to specified Kinesis stream. "
        "Check if the given kinesis stream is in ACTIVE state.",
    }
