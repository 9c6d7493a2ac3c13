"""Bodies made to cost much: refused or answered briefly, in time and memory that their size does not multiply."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from groundwatch.aws.errors import ServiceError, ValidationError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.json_values import MAX_VALUES, decode_document
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.json import JsonCodec
from groundwatch.aws.shapes import Shape
from groundwatch.aws.validation import MAX_QUOTED_CHARACTERS, MAX_VIOLATIONS

CODEC = JsonCodec(load_service("logs"))
JSON_1_0 = "application/x-amz-json-1.0"
BIG_BYTES = 4 * 1024 * 1024


def parse(operation: str, body: bytes) -> object:
    found = CODEC.service.find_operation(operation)
    assert found is not None
    assert found.input is not None
    return CODEC.parse_body(found, found.input, body)


def refusal(operation: str, body: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        parse(operation, body)
    return raised.value


def events(unit: bytes, count: int) -> bytes:
    head = b'{"logGroupName":"g","logStreamName":"s","logEvents":['
    return head + b",".join([unit] * count) + b"]}"


def test_an_answer_lists_only_so_many_violations():
    message = str(refusal("PutLogEvents", events(b'{"timestamp":1,"message":""}', 9_000)))

    assert message.startswith(f"{MAX_VIOLATIONS} validation errors detected: Value '' at 'logEvents.1.member.message'")
    assert message.count("failed to satisfy constraint") == MAX_VIOLATIONS


def test_an_answer_repeats_only_the_beginning_of_a_long_value():
    message = str(refusal("PutLogEvents", events(b'{"timestamp":1,"message":"a"}', 10_001)))

    assert message.startswith("1 validation error detected: Value '[InputLogEvent(timestamp=1, message=a), Input")
    assert message.endswith(
        "...' at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to 10000"
    )
    assert len(message) < MAX_QUOTED_CHARACTERS + 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(events(b"{}", BIG_BYTES // 3), id="structures"),
        pytest.param(events(b'{"timestamp":1,"message":""}', BIG_BYTES // 14), id="events"),
        pytest.param(b'{"logGroupName":' + b"[" + b"[]," * (BIG_BYTES // 3) + b"[]]}", id="lists"),
    ],
)
def test_a_body_of_very_many_values_is_refused_before_they_are_made(body):
    error = refusal("PutLogEvents", body)

    assert (error.code, error.status) == ("RequestEntityTooLarge", 413)
    assert str(error) == f"The request body holds more than {MAX_VALUES} values."


def test_commas_inside_texts_are_no_values():
    text = '",' * BIG_BYTES

    assert decode_document(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize("unit", [b'"', b'\\"', b'"\\', b"\\", b'a"'], ids=repr)
def test_counting_values_is_linear_in_broken_texts_too(unit):
    body = b'{"a":"' + unit * (2 * BIG_BYTES // len(unit))
    started = time.process_time()

    with pytest.raises(ServiceError):
        decode_document(body)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("where", ['"unknownMember":"%s"', '"%s":1', '"unknownMember":[{"a":"%s"}]'])
def test_bytes_that_are_not_utf8_are_refused_where_nobody_reads_them_too(where):
    body = ('{"logGroupName":"g",' + where % "\xff" + "}").encode("latin-1")

    error = refusal("CreateLogGroup", body)

    assert error.code == "SerializationException"


@pytest.mark.parametrize("digits", [310, 4_000])
def test_an_integer_beyond_all_doubles_is_no_double(digits, codecs):
    number = b"9" * digits
    body = b'{"Namespace":"N","MetricData":[{"MetricName":"m","Value":%b}]}' % number
    headers = (("x-amz-target", "GraniteServiceVersion20100801.PutMetricData"), ("content-type", JSON_1_0))

    with pytest.raises(ServiceError, match="NUMBER_VALUE can not be converted to a Double") as refused:
        codecs["cloudwatch/json"].parse(WireRequest("POST", "/", "", headers, body, "127.0.0.1"))

    assert refused.value.code == "SerializationException"


def test_an_ordinary_violation_is_quoted_whole():
    error = refusal("CreateLogGroup", json.dumps({"logGroupName": "a b"}).encode())

    assert isinstance(error, ValidationError)
    assert "Value 'a b' at 'logGroupName'" in str(error)


NUL_REFUSED = "failed to satisfy constraint: Member must not contain the character U+0000"


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        pytest.param(
            "CreateLogStream",
            {"logGroupName": "g", "logStreamName": "a\0"},
            f"1 validation error detected: Value 'a\0' at 'logStreamName' {NUL_REFUSED}",
            id="a name",
        ),
        pytest.param(
            "FilterLogEvents",
            {"logGroupName": "g", "logStreamNames": ["a", "b\0"]},
            "1 validation error detected: Value '[a, b\0]' at 'logStreamNames' failed to satisfy constraint: ",
            id="in a list",
        ),
        pytest.param(
            "PutResourcePolicy",
            {"policyName": "\0", "policyDocument": "{}"},
            f"1 validation error detected: Value '\0' at 'policyName' {NUL_REFUSED}",
            id="a string without constraints",
        ),
        pytest.param(
            "CreateLogGroup",
            {"logGroupName": "a\0"},
            "1 validation error detected: Value 'a\0' at 'logGroupName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
            id="a pattern tells once",
        ),
        pytest.param(
            "TagResource",
            {"resourceArn": "arn:x", "tags": {"a": "\0"}},
            "1 validation error detected: Value '{a=\0}' at 'tags' failed to satisfy constraint: Map value",
            id="a tag",
        ),
    ],
)
def test_a_nul_is_refused_where_it_would_become_metadata(operation, params, message):
    assert str(refusal(operation, json.dumps(params).encode())).startswith(message)


@pytest.mark.parametrize("message", ["a\0b", "\\u0000"], ids=["NUL", "what only looks like one"])
def test_messages_may_hold_a_nul(message):
    body = {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": message}]}
    assert parse("PutLogEvents", json.dumps(body).encode()) == body


def strings_with_nul(shape: Shape, depth: int = 0) -> Iterator[object]:
    """Yield values of the shape in which one string has a NUL."""
    if shape.kind == "string" and shape.name != "EventMessage":
        yield "\0"
    elif shape.kind == "list" and shape.element is not None:
        yield from ([wrong] for wrong in strings_with_nul(shape.element.shape, depth + 1))
    elif shape.kind == "map" and shape.key is not None and shape.value is not None:
        yield {"\0": "x"}
        yield from ({"k": wrong} for wrong in strings_with_nul(shape.value.shape, depth + 1))
    elif shape.kind == "structure" and depth < 5:
        for name, member in shape.members.items():
            yield from ({name: wrong} for wrong in strings_with_nul(member.shape, depth + 1))


@pytest.mark.parametrize("operation", CODEC.service.operation_names)
def test_no_string_of_an_operation_takes_a_nul(operation):
    found = CODEC.service.find_operation(operation)
    for params in strings_with_nul(found.input) if found.input is not None else ():
        with pytest.raises(ServiceError) as refused:
            CODEC.parse_body(found, found.input, json.dumps(params).encode())
        # A map of anything but strings has the wrong type before it has a key.
        told = str(refused.value)
        assert "\0" in told or refused.value.code == "SerializationException", (params, told)
