"""AWS JSON on the service port: bodies that are none, and wrong types anywhere in them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import botocore.session
import pytest
from tests.end_to_end.bad_input.hostile import JSON, connect, event, http, put, raw_put, read_answer

BAD_JSON = "The request body is not valid JSON."


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
