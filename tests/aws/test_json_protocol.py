"""AWS JSON: the fast way and the walk agree, and refusals have AWS's words (logs reference, section 1)."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.json import JsonCodec, has_null_member

CODEC = JsonCodec(load_service("logs"))
TARGET = "Logs_20140328."
CONTENT_TYPE = "application/x-amz-json-1.1"


def wire(body: bytes, operation: str | None = "PutLogEvents", content_type: str | None = CONTENT_TYPE) -> WireRequest:
    headers = [("x-amz-target", TARGET + operation)] if operation else []
    headers += [("content-type", content_type)] if content_type else []
    return WireRequest("POST", "/", "", tuple(headers), body, "127.0.0.1")


def outcome(parse, operation: str, body: bytes) -> object:
    found = CODEC.service.find_operation(operation)
    try:
        return parse(found, found.input, body)
    except ServiceError as error:
        return error.code, error.message


OPERATIONS = st.sampled_from(CODEC.service.operation_names)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["name", "a b", "", "NaN", "STANDARD", "x" * 600, "é", "tag:1"]),
)


def values_for(shape, depth: int = 0):
    """Return values that mostly fit the shape, and often miss it by a little."""
    if depth > 4:
        return SCALARS
    if shape.kind == "structure":
        fitting = st.fixed_dictionaries(
            {},
            optional={name: values_for(member.shape, depth + 1) for name, member in shape.members.items()}
            | {"unknownMember": SCALARS},
        )
    elif shape.kind == "list":
        fitting = st.lists(values_for(shape.element.shape, depth + 1), max_size=3)
    elif shape.kind == "map":
        fitting = st.dictionaries(st.text(max_size=4), values_for(shape.value.shape, depth + 1), max_size=3)
    elif shape.kind == "boolean":
        fitting = st.booleans()
    elif shape.kind in {"integer", "long"}:
        fitting = st.integers(-5, 20_000) | st.sampled_from([2**31, 2**63, -(2**63), 1.0, 2.5])
    elif shape.kind == "double":
        fitting = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
    else:
        choices = st.sampled_from([*shape.enum, "name", "name:*", "1" * 12, "é/-_#", "a" * 513])
        fitting = choices | st.text(max_size=6)
    return st.one_of(fitting, fitting, fitting, SCALARS)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), operation=OPERATIONS)
def test_the_fast_way_and_the_walk_give_the_same_answer(data, operation):
    shape = CODEC.service.find_operation(operation).input
    body = json.dumps(data.draw(values_for(shape))).encode()
    assert outcome(CODEC.parse_body, operation, body) == outcome(CODEC.walk_body, operation, body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="an empty body is an empty structure"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"x"', id="a string"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b'{"limit":1}x', id="trailing text"),
        pytest.param(b'{"limit":NaN}', id="NaN is no JSON"),
        pytest.param(b'{"limit":1,"limit":"x"}', id="a repeated member, wrong at last"),
        pytest.param(b'{"limit":"x","limit":1}', id="a repeated member, right at last"),
        pytest.param(b'{"logGroupNamePrefix":"\xff"}', id="bytes that are no UTF-8"),
        pytest.param(b'{"logGroupNamePrefix":"\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'\xef\xbb\xbf{"limit":1}', id="a byte order mark"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b'{"x":' + b"[" * 100_000, id="too deep in an unknown member"),
        pytest.param(b'{"limit":null}', id="null is absent"),
        pytest.param(b'{"limit":1e1}', id="an integer in scientific form"),
        pytest.param(b'{"limit":1e400}', id="a number out of range"),
        pytest.param(b'{"logGroupIdentifiers":["a",null]}', id="a null element"),
        pytest.param(b'{"logGroupIdentifiers":{}}', id="a map for a list"),
    ],
)
def test_odd_bodies_are_judged_alike(body):
    operation = "DescribeLogGroups"
    assert outcome(CODEC.parse_body, operation, body) == outcome(CODEC.walk_body, operation, body)


@pytest.mark.parametrize(
    ("operation", "body", "code", "message"),
    [
        pytest.param(
            "GetLogEvents",
            {},
            "InvalidParameterException",
            "1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: "
            "Member must not be null",
            id="a required member is missing",
        ),
        pytest.param(
            "CreateLogGroup",
            {"logGroupName": ""},
            "InvalidParameterException",
            "2 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+; "
            "Value '' at 'logGroupName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="pattern before length",
        ),
        pytest.param(
            "CreateLogGroup",
            {"logGroupName": "a" * 513},
            "InvalidParameterException",
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
            id="a name that is too long has its own text",
        ),
        pytest.param(
            "GetLogEvents",
            {"logStreamName": "s", "limit": 10_001},
            "InvalidParameterException",
            "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 10000",
            id="a range",
        ),
        pytest.param(
            "DescribeLogStreams",
            {"logGroupName": "g", "orderBy": "Name"},
            "InvalidParameterException",
            "1 validation error detected: Value 'Name' at 'orderBy' failed to satisfy constraint: "
            "Member must satisfy enum value set: [LogStreamName, LastEventTime]",
            id="an enumeration",
        ),
        pytest.param(
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": ""}]},
            "InvalidParameterException",
            "1 validation error detected: Value '' at 'logEvents.1.member.message' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="list elements count from one",
        ),
        pytest.param(
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": []},
            "InvalidParameterException",
            "1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="an empty list",
        ),
        pytest.param(
            "CreateDelivery",
            {"deliverySourceName": "s"},
            "ValidationException",
            "1 validation error detected: Value null at 'deliveryDestinationArn' failed to satisfy constraint: "
            "Member must not be null",
            id="the delivery family has its own code",
        ),
        pytest.param(
            "GetLogEvents",
            {"logStreamName": "s", "limit": "10"},
            "SerializationException",
            "STRING_VALUE can not be converted to an Integer",
            id="a quoted number",
        ),
        pytest.param(
            "GetLogEvents",
            {"logStreamName": "s", "startFromHead": "true"},
            "SerializationException",
            "STRING_VALUE can not be converted to a Boolean",
            id="a quoted boolean",
        ),
        pytest.param(
            "GetLogEvents",
            {"logStreamName": 5},
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
            id="a number for a string",
        ),
        pytest.param(
            "GetLogEvents",
            {"logStreamName": ["s"]},
            "SerializationException",
            "Start of list found where not expected",
            id="a list for a string",
        ),
        pytest.param(
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": "x"},
            "SerializationException",
            "Expected list or null",
            id="a string for a list",
        ),
        pytest.param(
            "TagResource",
            {"resourceArn": "arn:aws:logs:us-east-1:1:log-group:g", "tags": {"a^": "b"}},
            "InvalidParameterException",
            "1 validation error detected: Value '{a^=b}' at 'tags' failed to satisfy constraint: "
            "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
            "Member must have length greater than or equal to 1, "
            r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$]",
            id="map keys are judged together",
        ),
    ],
)
def test_refusals_have_the_words_of_the_service(operation, body, code, message):
    with pytest.raises(ServiceError) as caught:
        CODEC.parse(wire(json.dumps(body).encode(), operation))
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        pytest.param(
            wire(b"{}", None),
            404,
            b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException","message":null},"Version":"1.0"}',
            id="no target",
        ),
        pytest.param(
            wire(b"{}", "GetLogEvents", "application/json"),
            404,
            b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException","message":null},"Version":"1.0"}',
            id="another content type",
        ),
        pytest.param(wire(b"{}", "Nothing"), 400, b'{"__type":"UnknownOperationException"}', id="unknown operation"),
    ],
)
def test_requests_for_no_operation(request_, status, body):
    with pytest.raises(ServiceError) as caught:
        CODEC.parse(request_)
    answer = CODEC.serialize_error(caught.value, "id")
    assert (answer.status, answer.body, answer.header("content-type")) == (status, body, CONTENT_TYPE)


def test_the_content_type_may_have_parameters():
    request_ = wire(b'{"logStreamName":"s"}', "GetLogEvents", "Application/X-Amz-Json-1.1; charset=utf-8")
    assert CODEC.parse(request_)[1] == {"logStreamName": "s"}


def test_unicode_patterns_admit_letters_of_all_scripts():
    body = json.dumps({"resourceArn": "arn:aws:logs:us-east-1:1:log-group:g", "tags": {"équipe": "ログ"}}).encode()
    assert CODEC.parse(wire(body, "TagResource"))[1]["tags"] == {"équipe": "ログ"}


class Event(msgspec.Struct, rename="camel", omit_defaults=True):
    log_stream_name: str
    timestamp: int
    message: str | None = None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param({"nextToken": "t", "events": []}, {"nextToken": "t", "events": []}, id="a mapping"),
        pytest.param({"nextToken": None, "events": [{"message": None}]}, {"events": [{}]}, id="nulls inside"),
        pytest.param({"events": [Event("s", 1)]}, {"events": [{"logStreamName": "s", "timestamp": 1}]}, id="structs"),
        pytest.param(
            {"nextToken": None, "events": [Event("s", 1)]},
            {"events": [{"logStreamName": "s", "timestamp": 1}]},
            id="structs and a null",
        ),
        pytest.param({"events": msgspec.Raw(b'[{"message":"m"}]')}, {"events": [{"message": "m"}]}, id="raw JSON"),
        pytest.param(
            {"events": msgspec.Raw(b'[{"message":"m"}]'), "nextToken": None},
            {"events": [{"message": "m"}]},
            id="raw JSON and a null",
        ),
        pytest.param(
            {"events": [{"message": '{"a":null}'}]}, {"events": [{"message": '{"a":null}'}]}, id="null in a message"
        ),
        pytest.param(None, {}, id="nothing"),
    ],
)
def test_outputs_may_be_mappings_structs_or_raw(output, expected):
    answer = CODEC.serialize(CODEC.service.find_operation("FilterLogEvents"), output, "id")
    assert json.loads(answer.body) == expected
    assert answer.headers == (("x-amzn-RequestId", "id"), ("Content-Type", CONTENT_TYPE))


@pytest.mark.parametrize(
    ("operation", "output", "has_members"),
    [
        pytest.param("GetLogEvents", {"events": [{"timestamp": 1, "message": "{ }"}]}, True, id="integers and texts"),
        pytest.param("GetQueryResults", {"statistics": {"bytesScanned": 1.0}}, False, id="decimals are possible"),
        pytest.param("CreateLogGroup", None, False, id="no output"),
    ],
)
def test_the_members_of_a_body_are_known_where_no_number_has_two_forms(operation, output, has_members):
    answer = CODEC.serialize(CODEC.service.find_operation(operation), output, "id")
    assert answer.members == (output if has_members else None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"a":null}', True, id="a member"),
        pytest.param(rb'{"a":"{\"b\":null}"}', False, id="inside a string"),
        pytest.param(rb'{"a":"{\"b\":null}","c":null}', True, id="inside and outside"),
        pytest.param(b'{"a":[null]}', False, id="an element"),
        pytest.param(b"{}", False, id="nothing"),
    ],
)
def test_null_members_are_found(body, expected):
    assert has_null_member(body) is expected


def test_a_thousand_events_are_parsed_in_well_under_two_milliseconds():
    events = [{"timestamp": 1_700_000_000_000 + i, "message": 'GET /x {"status": 200} ' * 12} for i in range(1000)]
    body = msgspec.json.encode({"logGroupName": "g", "logStreamName": "s", "logEvents": events})
    request_ = wire(body)
    CODEC.parse(request_)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        CODEC.parse(request_)
        best = min(best, time.perf_counter() - started)
    assert best < 0.002
