"""Every bound of every operation of CloudWatch Logs, at it and one beyond, nulls, and tokens of other requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import botocore.session
import pytest
from tests.end_to_end.bad_input.hostile import GROUP, JSON, STREAM, connect, http, now_ms, put, read_answer

LOGS = botocore.session.get_session().get_service_model("logs")
MAX_BUILT = 20_000
"""Longer values than this are left to the tests of batches."""
NOTHING_TOO_LONG = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
SIZED = ("string", "list", "map")
BAD_TOKEN = ("InvalidParameterException", "The specified nextToken is invalid.")


class Case(NamedTuple):
    params: dict[str, object]
    path: str
    rule: str
    """What the refusal says of the member; empty when its value is at the bound."""


def sized(shape, size: int) -> object:
    """Return a value of that length; only its length is meant to be right."""
    if shape.type_name == "string":
        return "é" * size
    if shape.type_name == "list":
        return [fitting(shape.member)] * size
    return {f"k{number}": fitting(shape.value) for number in range(size)}


def fitting(shape) -> object:
    if shape.type_name == "structure":
        return {name: fitting(shape.members[name]) for name in shape.required_members}
    if shape.type_name in SIZED:
        return shape.enum[0] if getattr(shape, "enum", None) else sized(shape, max(1, shape.metadata.get("min", 1)))
    return {"boolean": False, "double": 1.0, "blob": ""}.get(shape.type_name, 1)


def at_bounds(shape) -> Iterator[tuple[object, str]]:
    """Yield values at the shape's bounds and one beyond each, with the rule that they break."""
    is_sized = shape.type_name in SIZED
    noun = "length" if is_sized else "value"
    for bound, word, step in (("min", "greater", -1), ("max", "less", 1)):
        limit = shape.metadata.get(bound)
        if limit is None or (limit > MAX_BUILT and is_sized) or (is_sized and limit + step < 0):
            continue
        rule = f"Member must have {noun} {word} than or equal to {limit}"
        for value, broken in ((limit, ""), (limit + step, rule)):
            yield (sized(shape, value) if is_sized else value), broken


def cases(shape) -> Iterator[Case]:
    good = {name: fitting(shape.members[name]) for name in shape.required_members}
    for name, member in shape.members.items():
        if member.type_name in (*SIZED, "integer", "long") and not getattr(member, "enum", None):
            yield from (Case(good | {name: value}, name, rule) for value, rule in at_bounds(member))
        if name in good:
            yield Case(good | {name: None}, name, "Member must not be null")


@pytest.mark.parametrize("operation", [name for name in LOGS.operation_names if LOGS.operation_model(name).input_shape])
def test_bounds_are_kept_to_the_unit(caller, operation):
    headers = {"content-type": JSON, "x-amz-target": f"Logs_20140328.{operation}"}
    for case in cases(LOGS.operation_model(operation).input_shape):
        body = json.dumps(case.params).encode()
        with connect(caller.server.service_port, tls=False) as connection:
            connection.sendall(http("POST", "/", caller.signed(body, headers), body))
            answer = read_answer(connection)
        told = answer.body.decode()
        # The services name Java properties: `destinationNamePrefix` for the model's `DestinationNamePrefix`.
        place = f"at '{case.path[0].lower()}{case.path[1:]}' failed to satisfy constraint: "
        if case.rule:
            assert answer.status == 400, (case, told)
            assert (place in told and case.rule in told) or NOTHING_TOO_LONG in told, (case, told)
        else:
            assert answer.status < 500 or "NotImplementedException" in told, (case, told)
            assert f"{place}Member must have" not in told, (case, told)


@pytest.fixture(scope="module")
def tokens(caller) -> dict[str, str]:
    """A token of each operation that gives some, for a request with a second page."""
    for number in range(2):
        for operation, params in (
            ("CreateLogGroup", {"logGroupName": f"{GROUP}/{number}"}),
            ("CreateLogStream", {"logGroupName": GROUP, "logStreamName": f"of tokens {number}"}),
            ("PutQueryDefinition", {"name": f"of tokens {number}", "queryString": "x"}),
            ("PutLogEvents", put({"timestamp": now_ms(), "message": "x"})),
        ):
            assert caller.logs(operation, params).status == 200
    found = {}
    for operation, (params, size) in PAGED.items():
        answer = json.loads(caller.logs(operation, params | {size: 1}).body)
        found[operation] = answer.get("nextToken") or answer["nextForwardToken"]
    return found


PLACE = {"logGroupName": GROUP, "logStreamName": STREAM}
PAGED: dict[str, tuple[dict[str, object], str]] = {
    "DescribeLogGroups": ({}, "limit"),
    "ListLogGroups": ({}, "limit"),
    "DescribeLogStreams": ({"logGroupName": GROUP}, "limit"),
    "FilterLogEvents": ({"logGroupName": GROUP}, "limit"),
    "GetLogEvents": (PLACE, "limit"),
    "DescribeQueryDefinitions": ({}, "maxResults"),
}
OTHERS: dict[str, dict[str, object]] = {
    "DescribeSubscriptionFilters": {"logGroupName": GROUP},
    "DescribeDestinations": {},
    "DescribeResourcePolicies": {},
    "DescribeExportTasks": {},
    "DescribeAccountPolicies": {"policyType": "SUBSCRIPTION_FILTER_POLICY"},
}


@pytest.mark.parametrize("operation", [*PAGED, *OTHERS])
def test_tokens_of_other_operations_are_refused(caller, tokens, operation):
    params = PAGED[operation][0] if operation in PAGED else OTHERS[operation]
    for source, token in tokens.items():
        if source == operation:
            assert caller.logs(operation, params | {"nextToken": token}).status == 200
        else:
            answer = caller.logs(operation, params | {"nextToken": token})
            assert answer.error == BAD_TOKEN, (source, answer)


FORGED = [
    "x",
    "e30",
    "W10",
    "WyJ4IixbXV0",
    "WyJ4IixbInkiXV0",
    "[" * 1000,
    "😀",
    "f/" + "9" * 56 + "/s",
    "f/1/s",
    "null",
]


@pytest.mark.parametrize("operation", [*(name for name in PAGED if name != "GetLogEvents"), *OTHERS])
@pytest.mark.parametrize("token", FORGED)
def test_forged_tokens_are_refused(caller, operation, token):
    params = PAGED[operation][0] if operation in PAGED else OTHERS[operation]
    assert caller.logs(operation, params | {"nextToken": token}).error == BAD_TOKEN


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("DescribeLogGroups", {"logGroupNamePrefix": GROUP}),
        ("ListLogGroups", {"logGroupClass": "STANDARD"}),
        ("DescribeLogStreams", {"descending": True}),
        ("DescribeLogStreams", {"logGroupName": f"{GROUP}/0"}),
        ("FilterLogEvents", {"filterPattern": "x"}),
        ("FilterLogEvents", {"startTime": 1}),
        ("DescribeQueryDefinitions", {"queryDefinitionNamePrefix": "of"}),
    ],
)
def test_a_token_continues_only_its_own_request(caller, tokens, operation, change):
    params = PAGED[operation][0] | change | {"nextToken": tokens[operation]}
    assert caller.logs(operation, params).error == BAD_TOKEN
