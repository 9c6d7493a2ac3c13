"""What is sent through the SDK, and which answers are worth another attempt."""

import base64
import gc
import json
import weakref

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from groundwatch.logs.sdk_clients import MAX_CLIENTS
from groundwatch.logs.subscriptions.targets import Record, TargetError, Targets
from groundwatch.logs.subscriptions.vendors import parse_target

ACCOUNT = "123456789012"
ARNS = {
    "kinesis": f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/s",
    "firehose": f"arn:aws:firehose:eu-west-1:{ACCOUNT}:deliverystream/f",
    "lambda": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f:live",
}


class Client:
    """Stands for botocore's clients; fails at the calls it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        self.answers: list[object] = []

    def _call(self, name: str, members: dict):
        self.calls.append((name, members))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        refused = answer or [False] * len(members.get("Records", ()))
        results = [{"ErrorCode": "ProvisionedThroughputExceededException"} if item else {} for item in refused]
        return {"Records": results, "RequestResponses": results}

    def put_records(self, **members):
        return self._call("put_records", members)

    def put_record_batch(self, **members):
        return self._call("put_record_batch", members)

    def invoke(self, **members):
        return self._call("invoke", members)

    def close(self) -> None:
        pass


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def targets(client, monkeypatch) -> Targets:
    made = Targets(dict.fromkeys(ARNS, "http://127.0.0.1:9"))
    monkeypatch.setattr(made, "_connect", lambda target, url: client)
    return made


def records(*sizes: int) -> list[Record]:
    return [Record(bytes(size), f"key{n}") for n, size in enumerate(sizes)]


def failure(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Put")


def test_kinesis_takes_name_and_arn(targets, client):
    assert targets.send(parse_target(ARNS["kinesis"]), [Record(b"a", "k")]) == []
    assert client.calls == [
        (
            "put_records",
            {
                "StreamName": "s",
                "StreamARN": ARNS["kinesis"],
                "Records": [{"Data": b"a", "PartitionKey": "k"}],
            },
        )
    ]


def test_firehose_takes_data_alone(targets, client):
    targets.send(parse_target(ARNS["firehose"]), [Record(b"a", "k")])
    assert client.calls == [("put_record_batch", {"DeliveryStreamName": "f", "Records": [{"Data": b"a"}]})]


def test_a_function_is_invoked_once_a_record(targets, client):
    targets.send(parse_target(ARNS["lambda"]), [Record(b"a", "k"), Record(b"b", "k")])
    events = [json.loads(members.pop("Payload")) for _, members in client.calls]
    assert [base64.b64decode(event["awslogs"]["data"]) for event in events] == [b"a", b"b"]
    assert client.calls == [("invoke", {"FunctionName": ARNS["lambda"], "InvocationType": "Event"})] * 2


@pytest.mark.parametrize(
    ("vendor", "sizes", "calls"),
    [
        ("kinesis", [1] * 501, [500, 1]),
        ("kinesis", [1_000_000] * 6, [5, 1]),
        ("firehose", [1_000_000] * 5, [4, 1]),
        ("firehose", [1] * 501, [500, 1]),
    ],
    ids=["500 records", "5 MB", "4 MB", "500 records of firehose"],
)
def test_calls_stay_within_the_limits(targets, client, vendor, sizes, calls):
    targets.send(parse_target(ARNS[vendor]), records(*sizes))
    assert [len(members["Records"]) for _, members in client.calls] == calls


@pytest.mark.parametrize("vendor", ["kinesis", "firehose"])
def test_records_that_were_throttled_are_returned(targets, client, vendor):
    sent = records(1, 2, 3)
    client.answers = [[True, False, True]]
    assert targets.send(parse_target(ARNS[vendor]), sent) == [sent[0], sent[2]]


def test_what_follows_a_failure_is_left_and_not_sent(targets, client):
    sent = records(1, 2, 3)
    client.answers = [None, failure("ThrottlingException")]
    assert targets.send(parse_target(ARNS["lambda"]), sent) == sent[1:]
    assert len(client.calls) == 2


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (failure("ProvisionedThroughputExceededException"), True),
        (failure("ThrottlingException"), True),
        (failure("TooManyRequestsException", 429), True),
        (failure("SomethingNew", 500), True),
        (failure("ServiceUnavailableException", 503), True),
        (EndpointConnectionError(endpoint_url="http://x"), True),
        (NoCredentialsError(), True),
        (failure("AccessDeniedException"), False),
        (failure("ResourceNotFoundException"), False),
        (failure("ValidationException"), False),
        (failure("UnrecognizedClientException"), False),
    ],
    ids=str,
)
def test_what_is_worth_another_attempt(targets, client, error, retryable):
    client.answers = [error]
    with pytest.raises(TargetError) as caught:
        targets.send(parse_target(ARNS["kinesis"]), records(1))
    assert caught.value.retryable is retryable


def test_the_test_of_a_function_does_not_run_it(targets, client):
    targets.probe(parse_target(ARNS["lambda"]), b"control")
    assert client.calls == [("invoke", {"FunctionName": ARNS["lambda"], "InvocationType": "DryRun"})]


def test_a_test_message_that_is_throttled_is_a_failure(targets, client):
    client.answers = [[True]]
    with pytest.raises(TargetError):
        targets.probe(parse_target(ARNS["kinesis"]), b"control")


@pytest.mark.parametrize("vendor", ARNS)
def test_without_an_endpoint_nothing_is_sent(vendor):
    with pytest.raises(TargetError, match=f"no endpoint is set for {vendor}"):
        Targets({vendor: "off"}).send(parse_target(ARNS[vendor]), records(1))


def test_clients_are_made_by_region_and_asked_once(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "peer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "peer")
    targets = Targets({"kinesis": "aws", "lambda": "http://127.0.0.1:9"})
    there = targets._client(parse_target(ARNS["kinesis"]))
    assert there.meta.endpoint_url == "https://kinesis.eu-west-1.amazonaws.com"
    assert targets._client(parse_target(ARNS["kinesis"])) is there
    here = targets._client(parse_target(ARNS["lambda"]))
    assert (here.meta.endpoint_url, here.meta.region_name) == ("http://127.0.0.1:9", "eu-west-1")
    assert here.meta.config.retries["total_max_attempts"] == 1
    targets.close()


@pytest.mark.parametrize("region", ["a b", "x.example.com", "\u00e9"])
def test_a_region_that_cannot_be_is_no_fault_of_the_server(region):
    targets = Targets({"kinesis": "http://127.0.0.1:9"})
    with pytest.raises(TargetError, match="region") as refused:
        targets.probe(parse_target(f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/s"), b"test")
    assert not refused.value.retryable


def test_clients_of_many_regions_are_bounded(monkeypatch):
    """Whoever writes ARNs chooses regions: each would keep a client for good."""
    targets, made = Targets({"kinesis": "http://127.0.0.1:9"}), weakref.WeakSet()

    def connect(target, url):
        client = Client()
        made.add(client)
        return client

    monkeypatch.setattr(targets, "_connect", connect)
    for number in range(3 * MAX_CLIENTS):
        targets.probe(parse_target(f"arn:aws:kinesis:r-{number}:{ACCOUNT}:stream/s"), b"test")
    gc.collect()
    assert len(made) == MAX_CLIENTS
