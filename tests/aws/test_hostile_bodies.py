"""Bodies made to cost much: refused or answered briefly, in time and memory that their size does not multiply."""

from __future__ import annotations

import json
import time

import pytest

from groundwatch.aws.errors import ServiceError, ValidationError
from groundwatch.aws.json_values import MAX_VALUES, decode_document
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.json import JsonCodec
from groundwatch.aws.validation import MAX_QUOTED_CHARACTERS, MAX_VIOLATIONS

CODEC = JsonCodec(load_service("logs"))
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


def test_an_ordinary_violation_is_quoted_whole():
    error = refusal("CreateLogGroup", json.dumps({"logGroupName": "a b"}).encode())

    assert isinstance(error, ValidationError)
    assert "Value 'a b' at 'logGroupName'" in str(error)
