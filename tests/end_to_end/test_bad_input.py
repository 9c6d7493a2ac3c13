"""Whatever a client sends: the service's own refusal, no 5xx, no traceback, and a server that others go on using.

Over real sockets, with bodies made by hand where an SDK would not send them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import botocore.exceptions
import botocore.session
import pytest
import yaml

from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import SigningCredential, sign_headers

JSON = "application/x-amz-json-1.1"
GROUP, STREAM = "/bad/input", "stream"
BAD_JSON = "The request body is not valid JSON."
NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."
TOO_LONG = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
BAD_TOKEN = "The specified nextToken is invalid."
WRONG_SIGNATURE = "The request signature we calculated does not match the signature you provided."
LEAKS = re.compile(rb'Traceback|File "|\.py\b|object has no attribute|NoneType|sqlalchemy|msgspec')
EXAMPLES = Path(__file__).parents[2] / "examples"
UNREAD_BYTES = 1 << 30


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes

    @property
    def error(self) -> tuple[str, str | None]:
        told = json.loads(self.body)
        return told["__type"], told.get("message")


def connect(port: int, *, tls: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    if not tls:
        return plain
    trust = ssl._create_unverified_context()
    return trust.wrap_socket(plain, server_hostname="localhost")


def read_answer(connection: socket.socket) -> Answer:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        assert piece, f"the connection was closed after {got!r}"
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    pieces, missing = [body], int(length[1]) - len(body) if length else 0
    while missing > 0:
        pieces.append(connection.recv(65536))
        assert pieces[-1], "the body was cut off"
        missing -= len(pieces[-1])
    return Answer(int(head.split()[1]), head.lower(), b"".join(pieces))


def exchange(port: int, request: bytes, *, tls: bool = False) -> Answer:
    with connect(port, tls=tls) as connection:
        # A server that refuses early may close before everything is sent.
        with contextlib.suppress(OSError):
            connection.sendall(request)
        return read_answer(connection)


def http(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body


class Caller:
    """Signs requests by hand, with whatever in them."""

    def __init__(self, server) -> None:
        self.server = server
        credentials = server.credentials
        self.key = SigningCredential(credentials.access_key_id, credentials.secret_access_key, None)

    def signed(
        self, body: bytes, headers: dict[str, str], *, service="logs", target="/", moment=None, key=None, method="POST"
    ) -> dict[str, str]:
        """Return the headers of a request, its signature among them."""
        stamp = f"{moment or dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
        path, _, query = target.partition("?")
        sent = {"host": f"127.0.0.1:{self.server.service_port}", **headers}
        wire = WireRequest(method, path, query, tuple(sent.items()), body, "127.0.0.1")
        added = sign_headers(wire, key or self.key, region="us-east-1", service=service, timestamp=stamp)
        return {**sent, **dict(added)}

    def send(self, body: bytes, headers: dict[str, str], *, target="/", method="POST", **how) -> Answer:
        signed = self.signed(body, headers, target=target, method=method, **how)
        return exchange(self.server.service_port, http(method, target, signed, body))

    def logs(self, operation: str, body: object, extra: dict[str, str] | None = None, **how) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": JSON, "x-amz-target": f"Logs_20140328.{operation}", **(extra or {})}
        return self.send(raw, headers, **how)


@pytest.fixture(scope="module")
def caller(server) -> Caller:
    caller = Caller(server)
    assert caller.logs("CreateLogGroup", {"logGroupName": GROUP}).status == 200
    assert caller.logs("CreateLogStream", {"logGroupName": GROUP, "logStreamName": STREAM}).status == 200
    return caller


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(message: str = "x", at_ms: int = 0) -> dict[str, object]:
    return {"timestamp": now_ms() + at_ms, "message": message}


def put(*events: object, **more: object) -> dict[str, object]:
    return {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": list(events), **more}


def raw_put(message: bytes = b"x", timestamp: bytes | None = None) -> bytes:
    at = timestamp or b"%d" % now_ms()
    start = b'{"logGroupName":"%s","logStreamName":"%s",' % (GROUP.encode(), STREAM.encode())
    return start + b'"logEvents":[{"timestamp":%s,"message":"%s"}]}' % (at, message)


# --- bodies of AWS JSON ---


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{} x", id="something behind"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param(raw_put(timestamp=b"NaN"), id="NaN"),
        pytest.param(raw_put(timestamp=b"1e400"), id="a float without end"),
        pytest.param(raw_put(timestamp=b"9" * 5000), id="an integer without end"),
        pytest.param(raw_put(b"\xff"), id="not utf-8"),
        pytest.param(raw_put(b"\xc0\xaf"), id="overlong utf-8"),
        pytest.param(raw_put(b"\xed\xa0\x80"), id="a surrogate in utf-8"),
        pytest.param(raw_put(b"\\ud800"), id="half of a surrogate pair"),
        pytest.param(b'{"unknown":"\xff"}', id="not utf-8 where nobody reads"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b'{"a":' * 100_000, id="100,000 braces"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="100,000 brackets, closed"),
    ],
)
def test_a_body_that_is_no_json(caller, body):
    answer = caller.logs("PutLogEvents", body)
    assert (answer.status, answer.error) == (400, ("SerializationException", BAD_JSON))


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"true"])
def test_json_that_is_no_object(caller, body):
    answer = caller.logs("PutLogEvents", body)
    assert (answer.status, answer.error[0]) == (400, "SerializationException")


WRONG = {
    "string": [1, 1.5, True, [], {}],
    "integer": ["1", 1.5, True, [], {}, 2**31],
    "long": ["1", 1.5, True, [], {}, 2**63],
    "double": ["x", True, [], {}],
    "boolean": ["true", 1, [], {}],
    "list": ["x", 1, True, {}, [None]],
    "map": ["x", 1, True, ["a"]],
    "structure": ["x", 1, True, ["a"]],
    "blob": [1, "%"],
}
LOGS = botocore.session.get_session().get_service_model("logs")


def fitting(shape, depth: int = 0):
    """Return the smallest value that has the shape's type."""
    if shape.type_name == "structure":
        return {name: fitting(shape.members[name], depth + 1) for name in shape.required_members} if depth < 6 else {}
    if shape.type_name == "list":
        return [fitting(shape.member, depth + 1)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "g" * max(1, shape.metadata.get("min", 1))
    return {"map": {}, "boolean": False, "double": 1.0, "blob": ""}.get(shape.type_name, 1)


def misfits(shape, depth: int = 0) -> Iterator[object]:
    """Yield values in which one part has another type."""
    yield from WRONG[shape.type_name]
    if depth > 5:
        return
    if shape.type_name == "structure":
        good = fitting(shape)
        for name, member in shape.members.items():
            yield from (good | {name: wrong} for wrong in misfits(member, depth + 1))
    elif shape.type_name == "list":
        yield from ([wrong] for wrong in misfits(shape.member, depth + 1))
    elif shape.type_name == "map":
        yield from ({"k": wrong} for wrong in misfits(shape.value, depth + 1))


@pytest.mark.parametrize("operation", LOGS.operation_names)
def test_a_wrong_type_anywhere_in_the_input(caller, operation):
    shape = LOGS.operation_model(operation).input_shape
    headers = {"content-type": JSON, "x-amz-target": f"Logs_20140328.{operation}"}
    with connect(caller.server.service_port, tls=False) as connection:
        for wrong in misfits(shape) if shape is not None else ():
            body = json.dumps(wrong).encode()
            connection.sendall(http("POST", "/", caller.signed(body, headers), body))
            answer = read_answer(connection)
            assert (answer.status, answer.error[0]) == (400, "SerializationException"), (wrong, answer)


@pytest.mark.parametrize(
    "body", [put(event() | {"unknown": [1]}), put(event(), unknown={"a": None})], ids=["in an event", "at the top"]
)
def test_unknown_members_are_ignored(caller, body):
    assert caller.logs("PutLogEvents", body).status == 200


# --- what PutLogEvents limits ---


@pytest.mark.parametrize(
    ("events", "message"),
    [
        pytest.param([], "1 validation error detected: Value '[]' at 'logEvents' failed", id="no event"),
        pytest.param([event()] * 10_001, "1 validation error detected: Value '[InputLogEvent(", id="10,001 events"),
        pytest.param([event("")], "1 validation error detected: Value '' at 'logEvents.1.member.message'", id="empty"),
        pytest.param(
            [event("x" * 1_048_551)], "Upload too large: 1048577 bytes exceeds limit of 1048576", id="batch and one"
        ),
        pytest.param(
            [event("x" * 1_048_577)], "Log event too large: 1048577 bytes exceeds limit of 1048576", id="event and one"
        ),
        pytest.param(
            [event(), event(at_ms=-5000)],
            "Log events in a single PutLogEvents request must be in chronological order.",
            id="out of order",
        ),
        pytest.param(
            [event(at_ms=-86_400_500), event()],
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            id="more than a day",
        ),
        pytest.param(
            [{"timestamp": -1, "message": "x"}],
            "1 validation error detected: Value '-1' at 'logEvents.1.member.timestamp' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            id="before 1970",
        ),
    ],
)
def test_a_batch_beyond_a_limit(caller, events, message):
    answer = caller.logs("PutLogEvents", put(*events))
    code, told = answer.error
    assert (answer.status, code) == (400, "InvalidParameterException")
    assert told.startswith(message)
    assert len(answer.body) < 20_000, "a refusal does not repeat megabytes"


@pytest.mark.parametrize(
    ("events", "rejected"),
    [
        pytest.param([event("x" * 1_048_550)], None, id="the largest batch"),
        pytest.param([event()] * 10_000, None, id="10,000 events"),
        pytest.param([event("a\0b")], None, id="a NUL"),
        pytest.param([{"timestamp": 0, "message": "x"}], {"tooOldLogEventEndIndex": 1}, id="1970"),
        pytest.param([{"timestamp": 2**63 - 1, "message": "x"}], {"tooNewLogEventStartIndex": 0}, id="the last one"),
    ],
)
def test_a_batch_at_a_limit(caller, events, rejected):
    answer = caller.logs("PutLogEvents", put(*events))
    assert answer.status == 200, answer
    assert json.loads(answer.body).get("rejectedLogEventsInfo") == rejected


def test_a_body_of_very_many_values(caller):
    body = b'{"logGroupName":"g","logStreamName":"s","logEvents":[' + b"{}," * 2_000_000 + b"{}]}"
    answer = caller.logs("PutLogEvents", body)
    assert (answer.status, answer.error[0]) == (413, "RequestEntityTooLargeException")


# --- names, ARNs, tokens ---

PLACE = {"logGroupName": GROUP, "logStreamName": STREAM}
INVALID = "InvalidParameterException"
MISSING = "ResourceNotFoundException"
ARN = "arn:aws:logs:us-east-1:{}:log-group:" + GROUP


@pytest.mark.parametrize(
    ("operation", "body", "code", "message"),
    [
        ("CreateLogGroup", {"logGroupName": "a" * 513}, INVALID, TOO_LONG),
        ("GetLogEvents", PLACE | {"logStreamName": "a" * 513}, INVALID, TOO_LONG),
        ("GetLogEvents", PLACE | {"logGroupName": "a" * 512}, MISSING, NO_GROUP),
        ("GetLogEvents", PLACE | {"logStreamName": "a" * 512}, MISSING, NO_STREAM),
        ("CreateLogGroup", {"logGroupName": "aws/x"}, INVALID, "Log groups starting with AWS/ are reserved for AWS."),
        ("CreateLogGroup", {"logGroupName": "a b"}, INVALID, "1 validation error detected: Value 'a b'"),
        ("CreateLogGroup", {"logGroupName": "a\0"}, INVALID, "1 validation error detected: Value 'a\0'"),
        ("CreateLogStream", PLACE | {"logStreamName": "a*"}, INVALID, "1 validation error detected: Value 'a*'"),
        ("DescribeLogStreams", {"logGroupIdentifier": "arn:x"}, INVALID, "Invalid log group ARN: arn:x"),
        ("DescribeLogStreams", {"logGroupIdentifier": ARN.format("1" * 12)}, MISSING, NO_GROUP),
        ("TagResource", {"resourceArn": "x", "tags": {"a": "b"}}, MISSING, NO_GROUP),
        ("GetLogEvents", PLACE | {"limit": 10_001}, INVALID, "1 validation error detected: Value '10001' at 'limit'"),
        ("GetLogEvents", PLACE | {"nextToken": "x"}, INVALID, BAD_TOKEN),
        ("GetLogEvents", PLACE | {"nextToken": "f/" + "٣" * 56 + "/s"}, INVALID, BAD_TOKEN),
        ("GetLogEvents", PLACE | {"nextToken": "f/" + "1" * 5000 + "/s"}, INVALID, BAD_TOKEN),
        ("FilterLogEvents", {"logGroupName": GROUP, "nextToken": "e30"}, INVALID, BAD_TOKEN),
        ("DescribeLogGroups", {"nextToken": "\0"}, INVALID, "1 validation error detected: Value '\0' at 'nextToken'"),
        ("DescribeLogGroups", {"nextToken": "\x01"}, INVALID, BAD_TOKEN),
        ("FilterLogEvents", {"logGroupName": GROUP, "filterPattern": '"'}, INVALID, "Invalid filter pattern"),
        (
            "FilterLogEvents",
            {"logGroupName": GROUP, "filterPattern": "{" + "(" * 505 + "$.a>1" + ")" * 505 + "}"},
            INVALID,
            "Invalid filter pattern",
        ),
    ],
)
def test_values_that_name_nothing(caller, operation, body, code, message):
    answer = caller.logs(operation, body)
    assert (answer.status, answer.error[0]) == (400, code)
    assert answer.error[1].startswith(message)


# --- who is it? ---


def unsigned(**headers: str) -> dict[str, str]:
    return {"host": "x", "content-type": JSON, "x-amz-target": "Logs_20140328.DescribeLogGroups"} | headers


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        pytest.param({}, "MissingAuthenticationTokenException", "Request is missing Authentication Token", id="none"),
        pytest.param(
            {"authorization": "Bearer x"},
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm': 'Bearer'.",
            id="another scheme",
        ),
        pytest.param(
            {"authorization": "AWS4-HMAC-SHA256 x"},
            "IncompleteSignatureException",
            "'x' not a valid key=value pair (missing equal-sign) in Authorization header: 'x'.",
            id="no parts",
        ),
        pytest.param(
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
                "date": "Sun, 22 Nov 99999999999 14:00:00 GMT",
            },
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'. Got 'Sun, 22 Nov 99999999999 14:00:00 GMT'.",
            id="a date beyond the calendar",
        ),
    ],
)
def test_requests_without_a_usable_signature(caller, headers, code, message):
    answer = exchange(caller.server.service_port, http("POST", "/", unsigned(**headers), b"{}"))
    assert (answer.status, answer.error[0]) == (400, code)
    assert answer.error[1].startswith(message)


LIST = {"content-type": JSON, "x-amz-target": "Logs_20140328.DescribeLogGroups"}
MINUTES = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        pytest.param(lambda h: {"x-amz-extra": "1"}, "InvalidSignatureException", WRONG_SIGNATURE, id="unsigned x-amz"),
        pytest.param(
            lambda h: {"x-amz-target": "Logs_20140328.DeleteLogGroup"},
            "InvalidSignatureException",
            WRONG_SIGNATURE,
            id="another operation",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("Signature=", "Signature=\xe9")},
            "InvalidSignatureException",
            WRONG_SIGNATURE,
            id="a signature that is not ASCII",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("/us-east-1/", "/US EAST/")},
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'US EAST'.",
            id="region",
        ),
        pytest.param(
            lambda h: {"authorization": h["authorization"].replace("/logs/", "/s3/")},
            "InvalidSignatureException",
            "Credential should be scoped to correct service",
            id="service",
        ),
        pytest.param(
            lambda h: {"authorization": re.sub(r"/\d{8}/", "/20200101/", h["authorization"])},
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD",
            id="date of the scope",
        ),
        pytest.param(
            lambda h: {"x-amz-security-token": "x"},
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            id="a token for a key that has none",
        ),
        pytest.param(
            lambda h: {"Authorization ": "x"}, None, None, id="a second header with a blank in its name is no HTTP"
        ),
        pytest.param(
            lambda h: {"Authorization": "AWS4-HMAC-SHA256 a=b"},
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter.",
            id="authorization twice",
        ),
    ],
)
def test_requests_changed_after_signing(caller, change, code, message):
    signed = caller.signed(b"{}", LIST)
    answer = exchange(caller.server.service_port, http("POST", "/", {**signed, **change(signed)}, b"{}"))
    assert answer.status == 400
    if code is not None:
        assert answer.error[0] == code
        assert answer.error[1].startswith(message)


@pytest.mark.parametrize(
    ("shift", "message"), [(-16 * MINUTES, "Signature expired: "), (16 * MINUTES, "Signature not yet current: ")]
)
def test_requests_of_another_time(caller, shift, message):
    answer = caller.send(b"{}", LIST, moment=dt.datetime.now(dt.UTC) + shift)
    assert answer.error[0] == "InvalidSignatureException"
    assert answer.error[1].startswith(message)


@pytest.fixture(scope="module")
def eve(server):
    """A user without any permission, and its key."""
    iam = server.client("iam")
    iam.create_user(UserName="eve")
    return iam.create_access_key(UserName="eve")["AccessKey"]


def key_of(made: dict[str, str], token: str | None = None) -> SigningCredential:
    return SigningCredential(made["AccessKeyId"], made["SecretAccessKey"], token)


def test_keys_and_tokens_that_do_not_belong_together(caller, server, eve):
    iam, sts = server.client("iam"), server.client("sts")
    arn = sts.get_caller_identity()["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="trusting", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
    role = arn.rpartition(":")[0] + ":role/trusting"
    first, second = (sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"] for name in ("one", "two"))
    inactive = iam.create_access_key(UserName="eve")["AccessKey"]
    iam.update_access_key(UserName="eve", AccessKeyId=inactive["AccessKeyId"], Status="Inactive")

    refused = [
        key_of(first, second["SessionToken"]),
        key_of(first),
        key_of(first, "x" * 100),
        key_of(eve, first["SessionToken"]),
        key_of(inactive),
        SigningCredential("AKIA' OR 1=1", "x", None),
    ]
    for key in refused:
        answer = caller.send(b"{}", LIST, key=key)
        expected = ("UnrecognizedClientException", "The security token included in the request is invalid.")
        assert answer.error == expected, key


# --- what may they? ---


def test_a_role_cannot_be_had_without_being_handed_over(server, eve):
    iam = server.client("iam")
    allow = {"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}
    iam.put_user_policy(
        UserName="eve",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}),
    )
    account = server.client("sts").get_caller_identity()["Account"]
    role = f"arn:aws:iam::{account}:role/groundwatch-logs-api"
    session = botocore.session.get_session()
    places = {"region_name": "us-east-1", "endpoint_url": server.service_url}
    keys = {"aws_access_key_id": eve["AccessKeyId"], "aws_secret_access_key": eve["SecretAccessKey"]}
    apis, sts = (session.create_client(name, **places, **keys) for name in ("apigateway", "sts"))
    api = apis.create_rest_api(name="eve")["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    apis.put_method(**at, authorizationType="NONE")
    uri = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
    document = {"openapi": "3.0.1", "info": {"title": "e", "version": "1"}}
    integration = {"type": "aws", "httpMethod": "POST", "uri": uri, "credentials": role}
    document["paths"] = {"/": {"get": {"x-amazon-apigateway-integration": integration}}}
    attempts: list[Callable[[], object]] = [
        lambda: apis.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=uri, credentials=role),
        lambda: apis.put_integration(**at, type="MOCK", credentials=role),
        lambda: apis.import_rest_api(body=json.dumps(document)),
        lambda: apis.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(document)),
        lambda: sts.assume_role(RoleArn=role, RoleSessionName="eve"),
    ]
    for attempt in attempts:
        with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*not authorized to perform"):
            attempt()
    with pytest.raises(botocore.exceptions.ClientError, match="Role ARN must be specified for AWS integrations"):
        apis.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=uri)


def policy(**changes: object) -> str:
    statement = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"} | changes
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{", "MalformedPolicyDocument", id="no JSON"),
        pytest.param('{"Statement":' + "[" * 30_000, "MalformedPolicyDocument", id="brackets"),
        pytest.param(policy(Action="logs:\ud800"), "MalformedPolicyDocument", id="half of a surrogate pair"),
        pytest.param(policy(Effect="allow"), "MalformedPolicyDocument", id="effect"),
        pytest.param(policy(Condition={"Nope": {"aws:x": "y"}}), "MalformedPolicyDocument", id="unknown operator"),
        pytest.param(policy(Condition={"Bool": {"aws:x": {"y": 1}}}), "MalformedPolicyDocument", id="value"),
        pytest.param(policy(Principal="*"), "MalformedPolicyDocument", id="principal"),
        pytest.param(policy(Resource=["arn:aws:logs:::" + "a" * 100] * 30), "LimitExceeded", id="too large"),
    ],
)
def test_policies_that_are_none(server, eve, document, code):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("iam").put_user_policy(UserName="eve", PolicyName="bad", PolicyDocument=document)
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("resource", ["*a" * 900, "*?a" * 600 + "b", "${aws:username}" * 100], ids=["*", "?", "$"])
def test_a_policy_of_wildcards_takes_no_time(caller, server, eve, resource):
    document = policy(Resource="arn:aws:logs:us-east-1:000000000000:" + resource)
    server.client("iam").put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document)
    started = time.monotonic()
    answer = caller.logs("DescribeLogStreams", {"logGroupName": "a" * 512}, key=key_of(eve))
    assert answer.error[0] == "AccessDeniedException"
    assert time.monotonic() - started < 1


# --- the wire ---


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(gzip.compress(b"{}"), 200, None, id="gzip"),
        pytest.param(b"x", 400, "SerializationException", id="no gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], 400, "SerializationException", id="cut off"),
        pytest.param(gzip.compress(b"{}") + b"x", 400, "SerializationException", id="something behind"),
        pytest.param(gzip.compress(b"") * 1000, 400, "SerializationException", id="a thousand members"),
        pytest.param(gzip.compress(bytes(64 << 20), 1), 413, "RequestEntityTooLargeException", id="bomb"),
    ],
)
def test_content_encoding(caller, body, status, code):
    started = time.monotonic()
    answer = caller.logs("DescribeLogGroups", body, {"content-encoding": "gzip"})
    assert answer.status == status
    assert code is None or answer.error[0] == code
    assert time.monotonic() - started < 2


PORTS = pytest.mark.parametrize("port", ["service", "gateway"])


def open_port(server, port: str) -> socket.socket:
    return connect(server.service_port if port == "service" else server.gateway_port, tls=port == "gateway")


REFUSED = (400, 403, 404)


@PORTS
@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(b"GET /health HTTP/1.0\r\n\r\n", (200,), id="HTTP/1.0"),
        pytest.param(b"GET http://other/health HTTP/1.1\r\nHost: a\r\n\r\n", (200,), id="absolute target"),
        pytest.param(b"GET /x HTTP/1.1\r\n\r\n", REFUSED, id="no host"),
        pytest.param(b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", REFUSED, id="two hosts"),
        pytest.param(b"PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="another method"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="no method"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="asterisk"),
        pytest.param(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="connect"),
        pytest.param(b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="traversal"),
        pytest.param(b"GET /%2e%2e%2f%c0%af%00%zz% HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="escapes"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED, id="raw bytes"),
        pytest.param(b"\x16\x03\x01 garbage\r\n\r\n", REFUSED, id="no HTTP"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", REFUSED, id="length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            REFUSED,
            id="two lengths",
        ),
        pytest.param(
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", REFUSED, id="upgrade"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000, (431,), id="a header without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200_000, (431,), id="headers without end"),
    ],
)
def test_odd_http(server, port, request_bytes, statuses):
    with open_port(server, port) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request_bytes)
        answer = read_answer(connection)
    assert answer.status in statuses
    assert not LEAKS.search(answer.body)


@PORTS
def test_pipelined_requests_are_answered_in_order(server, port):
    with open_port(server, port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 20 + b"GET / HTTP/1.0\r\n\r\n")
        got = b""
        while piece := connection.recv(65536):
            got += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", got)[:20] == [b"200"] * 20


@PORTS
@pytest.mark.parametrize("form", ["length", "chunks"])
def test_a_body_over_the_limit_is_not_read(server, port, form):
    header = b"Content-Length: %d" % UNREAD_BYTES if form == "length" else b"Transfer-Encoding: chunked"
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    sent = 0
    with open_port(server, port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n\r\n")
        if form == "chunks":
            with contextlib.suppress(OSError):
                # The larger of the two limits, and what lies in buffers.
                while sent < 14 << 20:
                    connection.sendall(piece)
                    sent += len(piece)
        assert read_answer(connection).status == 413
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while sent < UNREAD_BYTES:
                connection.sendall(piece)
                sent += len(piece)
    assert sent < UNREAD_BYTES
    assert time.monotonic() - started < 5


def test_half_requests_hold_nobody_up(server):
    with contextlib.ExitStack() as held:
        for number in range(100):
            port = ("service", "gateway")[number % 2]
            held.enter_context(open_port(server, port)).sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Le")
        started = time.monotonic()
        assert server.healthy()
        assert server.get("/health").status == 200
        assert time.monotonic() - started < 2


def test_form_fields_that_are_none(caller):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body, code in [
        (b"Action=Nope&Version=2010-05-08", b"InvalidAction"),
        (b"Action=GetUser&Version=2010-05-08&UserName=%ff", b"MalformedInput"),
        (b"Action=GetUser&Version=2010-05-08&UserName=%00%0b", b"ValidationError"),
        (b"Action=ListUsers&Version=2010-05-08&MaxItems=1e3", b"MalformedInput"),
        (b"Action=CreateUser&UserName=z&Tags.member.x.Key=a", b"MalformedInput"),
        (b"Action=GetUser&" + b"a=b&" * 100_000, b"MalformedInput"),
    ]:
        answer = caller.send(body, headers, service="iam")
        assert 400 <= answer.status < 500
        assert b"<Code>%s</Code>" % code in answer.body


# --- definitions ---

IMPORT = "/restapis?mode=import"


def import_definition(caller: Caller, document: bytes) -> Answer:
    headers = {"content-type": "application/json", "accept": "application/json"}
    return caller.send(document, headers, service="apigateway", target=IMPORT)


ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b" ", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"a: [", id="cut off"),
        pytest.param(b'openapi: "\xff"', id="not utf-8"),
        pytest.param(b"[" * 50_000, id="brackets"),
        pytest.param(ALIASES.encode(), id="aliases of aliases"),
        pytest.param(b"a: !!python/object/apply:os.system [x]", id="a tag"),
        pytest.param(b"a: !!int 1" + b":59" * 100_000, id="a number to the base of sixty"),
        pytest.param(b"openapi: 3.0.1\nx: 0x" + b"f" * 5000, id="a long number"),
    ],
)
def test_definitions_that_do_not_parse(caller, document):
    started = time.monotonic()
    answer = import_definition(caller, document)
    assert answer.status == 400
    assert json.loads(answer.body)["message"].startswith("Invalid OpenAPI input.")
    assert time.monotonic() - started < 3


def test_a_definition_over_the_limit(caller):
    assert import_definition(caller, b" " * (6 * 1024 * 1024 + 1)).status == 413


ODD_VALUES = (
    *(None, True, 0, -1, 1.5, 2**70, "", "x", "$input.path(", "\0", "a" * 5000, [], {}, [None], {"a": None}),
    *("${stageVariables.x}", "method.request.body", "(", ".*", "#foreach($x in", "\r\nX: y", "../..", ["x"]),
    *({"$ref": "#/x"}, {"$ref": "#"}, "aws", "mock", "200", "default"),
)


def places(tree: object, at: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    if at:
        yield at
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def mutated(tree: dict[str, object], chance: random.Random) -> bytes:
    """Return a definition in which some parts are replaced or removed."""
    copy = json.loads(json.dumps(tree))
    for _ in range(chance.choice((1, 1, 2, 4))):
        *path, last = chance.choice(list(places(copy)))
        holder = copy
        for key in path:
            holder = holder[key]
        if chance.random() < 0.2:
            del holder[last]
        else:
            holder[last] = chance.choice(ODD_VALUES)
    return json.dumps(copy).encode()


@pytest.mark.parametrize(("name", "seed"), [("logs-api.yaml", 1), ("get-log-events.yaml", 2)])
def test_mutated_definitions_are_refused_or_serve_documented_answers(caller, server, name, seed):
    chance = random.Random(seed)
    text = (EXAMPLES / name).read_text().replace("role/logs-reader", "role/groundwatch-logs-api")
    tree = yaml.safe_load(text)
    apis = server.client("apigateway")
    outcomes = {201: 0, 400: 0}
    with connect(server.gateway_port, tls=True) as gateway:
        for _ in range(100):
            document = mutated(tree, chance)
            answer = import_definition(caller, document)
            assert answer.status in (201, 400, 403), document
            outcomes[answer.status] = outcomes.get(answer.status, 0) + 1
            assert not LEAKS.search(answer.body)
            if answer.status == 201:
                api = json.loads(answer.body)["id"]
                check_deployed(apis, api, gateway)
                apis.delete_rest_api(restApiId=api)
    assert min(outcomes[201], outcomes[400]) > 10, "the mutations are either harmless or hopeless"


def check_deployed(apis, api: str, gateway: socket.socket) -> None:
    try:
        apis.create_deployment(restApiId=api, stageName="t")
    except apis.exceptions.BadRequestException:
        return
    for resource in apis.get_resources(restApiId=api, embed=["methods"])["items"]:
        path = re.sub(r"\{[^}]*\}", "%2Fa%0d%0a", resource["path"]).replace(" ", "%20")
        if not path.isascii() or not path.isprintable():
            continue
        for method in resource.get("resourceMethods", {}):
            verb = "GET" if method == "ANY" else method
            gateway.sendall(http(verb, f"/{api}/t{path}?limit=%0d&a=%zz", {"host": "a"}))
            answer = read_answer(gateway)
            assert answer.status in (200, 400, 403, 404, 415, 500), (path, answer)
            assert not LEAKS.search(answer.body), answer.body
            if answer.status == 500:
                assert answer.body == b'{"message": "Internal server error"}'


# --- templates and mappings ---

LOOP = "#set($l=[" + ",".join("1" * 1000) + "])" + "#foreach($i in $l)" * 3 + "#end" * 3
HOSTILE: dict[str, dict[str, object]] = {
    "a syntax error": {"request": "#if("},
    "an error at run time": {"request": "$util.exec('ls')"},
    "an endless loop": {"request": LOOP},
    "a long range": {"request": "#foreach($i in [1..1000000000])x#end"},
    "doubling": {"request": "#set($a='xxxxxxxxxx')" + '#set($a="$a$a")' * 60 + "$a"},
    "recursion": {"request": "#macro(a)#a()#end#a()"},
    "a search that repeats itself": {"request": "$input.json('$..*')"},
    "matches": {"request": "#if($input.body.matches('(a+)+$'))#end#if("},
    "split": {"request": "$input.body.split('(a*)*b')"},
    "replaceAll": {"request": "$input.body.replaceAll('','" + "b" * 10_000 + "')"},
    "a pattern that explodes": {"request": "$input.body.matches('((a{1,1000}){1,1000}){1,1000}')"},
    "a selection pattern that is none": {"pattern": "("},
    "an error in the response": {"response": "#if("},
    "a loop in the response": {"response": LOOP},
    "a header of two lines": {
        "request": "#set($context.responseOverride.header.X-R=$input.params('q')){\"statusCode\":200}"
    },
    "a header name of two lines": {
        "request": "#set($context.responseOverride.header[$input.params('q')]='1'){\"statusCode\":200}"
    },
    "a status that is none": {"request": '{"statusCode":1e999}'},
    "a status of brackets": {"request": "[" * 50_000},
}


@pytest.fixture(scope="module")
def hostile_api(caller, server) -> str:
    """One API with a method for every hostile mapping."""
    paths = {}
    for number, mappings in enumerate(HOSTILE.values()):
        response = {"statusCode": "200", "responseTemplates": {"application/json": mappings.get("response", "{}")}}
        integration = {
            "type": "mock",
            "requestTemplates": {"application/json": mappings.get("request", '{"statusCode":200}')},
            "responses": {mappings.get("pattern", "default"): response},
        }
        operation = {"responses": {"200": {"description": ""}}, "x-amazon-apigateway-integration": integration}
        paths[f"/{number}"] = {"post": operation}
    document = {"openapi": "3.0.1", "info": {"title": "hostile", "version": "1"}, "paths": paths}
    answer = import_definition(caller, json.dumps(document).encode())
    assert answer.status == 201, answer
    api = json.loads(answer.body)["id"]
    server.client("apigateway").create_deployment(restApiId=api, stageName="t")
    return api


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + json.dumps("a" * 30_000).encode() + b"}" * depth


def call_hostile(server, api: str, name: str) -> Answer:
    number = list(HOSTILE).index(name)
    headers = {"host": "a", "content-type": "application/json"}
    body = nested(800)
    return exchange(
        server.gateway_port, http("POST", f"/{api}/t/{number}?q=a%0d%0aX-Evil:%201", headers, body), tls=True
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mappings_answer_like_the_service(server, hostile_api, name):
    started = time.monotonic()
    answer = call_hostile(server, hostile_api, name)
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
    assert b"x-evil" not in answer.head
    assert time.monotonic() - started < 5


def test_other_clients_are_served_during_an_attack(server, caller, hostile_api):
    over = threading.Event()

    def attack() -> None:
        while not over.is_set():
            call_hostile(server, hostile_api, "an endless loop")

    attackers = [threading.Thread(target=attack) for _ in range(3)]
    for attacker in attackers:
        attacker.start()
    waits: list[float] = []
    for _ in range(20):
        started = time.monotonic()
        assert caller.logs("DescribeLogGroups", {"limit": 1}).status == 200
        waits.append(time.monotonic() - started)
    over.set()
    for attacker in attackers:
        attacker.join()
    assert max(waits) < 1


# --- paths of the bundled API ---


@pytest.fixture(scope="module")
def bundled(server) -> tuple[str, str]:
    """The bundled API's id and its key."""
    apis = server.client("apigateway")
    (api,) = [item["id"] for item in apis.get_rest_apis()["items"] if item["name"].startswith("groundwatch")]
    return api, apis.get_api_keys(includeValues=True)["items"][0]["value"]


@pytest.mark.parametrize(
    "group",
    [
        "%00",
        "%ff",
        "%c0%af",
        "..%2f..%2fetc",
        "%252e%252e",
        "%22%7d%2c",
        "a%0d%0ab",
        "%24context",
        "a" * 600,
        "%ed%a0%80",
    ],
)
def test_group_names_from_paths(server, bundled, group):
    api, key = bundled
    request = http("GET", f"/{api}/v1/groups/{group}/streams", {"host": "a", "x-api-key": key})
    answer = exchange(server.gateway_port, request, tls=True)
    assert answer.status in (400, 404), answer
    assert not LEAKS.search(answer.body)
    json.loads(answer.body)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/nosuchapi0/v1/groups", "Forbidden"),
        ("/{api}/nosuchstage/groups", "Forbidden"),
        ("/{api}/v1/no/such/path", "Missing Authentication Token"),
        ("/{api}/v1/groups", "Forbidden"),
    ],
    ids=["API", "stage", "path", "no key"],
)
def test_unknown_places_of_the_gateway(server, bundled, target, message):
    answer = exchange(server.gateway_port, http("GET", target.format(api=bundled[0]), {"host": "a"}), tls=True)
    assert (answer.status, json.loads(answer.body)) == (403, {"message": message})


def test_a_payload_over_the_limit(server, bundled):
    request = http("POST", f"/{bundled[0]}/v1/groups", {"host": "a"}, bytes(10 * 1024 * 1024 + 1))
    assert exchange(server.gateway_port, request, tls=True).status == 413


# --- and after all that ---


def test_the_server_is_well_and_wrote_no_traceback(server):
    assert server.healthy()
    assert "Traceback" not in server.output.read_text()
