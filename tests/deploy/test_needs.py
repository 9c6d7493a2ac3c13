"""What integrations need, and the policy that gives exactly that."""

from __future__ import annotations

import pytest
from tests.deploy.conftest import EXAMPLES, read

from groundwatch.deploy.needs import LogsCall, logs_calls
from groundwatch.deploy.policies import LOG_GROUP, derived_policy
from groundwatch.deploy.texts import Reference, RoleReference, parts_of, with_account_reference


def test_calls_of_a_definition(rich):
    found = {(call.verb, call.path): (call.operation, call.groups) for call in logs_calls(rich.api)}
    assert found == {
        ("GET", "/mine/events"): ("FilterLogEvents", ("/customers/*",)),
        ("GET", "/orders"): ("GetLogEvents", ("/svc/orders",)),
    }


def test_an_operation_of_the_requests_choice_is_the_one_of_the_uri():
    (call,) = logs_calls(read(EXAMPLES / "get-log-events.yaml").api)
    assert (call.operation, call.groups) == ("GetLogEvents", ("*",))


def call(operation, *groups):
    return LogsCall("/", "GET", operation, groups, "role")


POLICIES = [
    pytest.param([call("GetLogEvents", "/a")], [(["logs:GetLogEvents"], [f"{LOG_GROUP}/a:*"])], id="one group"),
    pytest.param(
        [call("GetLogEvents", "/a"), call("FilterLogEvents", "/a")],
        [(["logs:FilterLogEvents", "logs:GetLogEvents"], [f"{LOG_GROUP}/a:*"])],
        id="two actions on one group",
    ),
    pytest.param(
        [call("GetLogEvents", "/a"), call("FilterLogEvents", "/b")],
        [(["logs:GetLogEvents"], [f"{LOG_GROUP}/a:*"]), (["logs:FilterLogEvents"], [f"{LOG_GROUP}/b:*"])],
        id="an action of one group is not one of another",
    ),
    pytest.param([call("GetLogEvents", "*")], [(["logs:GetLogEvents"], [f"{LOG_GROUP}*"])], id="any group"),
    pytest.param(
        [call("FilterLogEvents", "/c/*")], [(["logs:FilterLogEvents"], [f"{LOG_GROUP}/c/*:*"])], id="a beginning"
    ),
    pytest.param([call("DescribeLogGroups", "*")], [(["logs:DescribeLogGroups"], ["*"])], id="no group of its own"),
]


@pytest.mark.parametrize(("calls", "expected"), POLICIES)
def test_derived_policies(calls, expected):
    policy = derived_policy(calls)
    assert [(each["Action"], each["Resource"]) for each in policy["Statement"]] == expected


def test_nothing_known_is_no_policy():
    assert derived_policy([call(None, "*")]) is None


ROLES = {"arn:aws:iam::1:role/a": "a", "arn:aws:iam::1:role/ab": "ab"}
TEXTS = [
    pytest.param("plain $x ${y}", ["plain $x ${y}"], id="no reference"),
    pytest.param("", [], id="empty"),
    pytest.param("arn:aws:iam::1:role/ab", [RoleReference("ab")], id="the longer of two roles"),
    pytest.param("x arn:aws:iam::1:role/a!", ["x ", RoleReference("a"), "!"], id="a role within"),
    pytest.param("${AWS::Region}${AWS::AccountId}", [Reference("AWS::Region"), Reference("AWS::AccountId")], id="two"),
    pytest.param("a ${AWS::StackName}", ["a ${AWS::StackName}"], id="not one of ours"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_parts(text, expected):
    assert parts_of(text, ROLES) == expected


ACCOUNTS = [
    ("arn:aws:logs:us-east-1:000000000000:log-group:x", "arn:aws:logs:us-east-1:${AWS::AccountId}:log-group:x"),
    ("arn:aws:logs:*:000000000000:log-group:*", "arn:aws:logs:*:${AWS::AccountId}:log-group:*"),
    ("arn:aws:iam::000000000000:role/x", "arn:aws:iam::${AWS::AccountId}:role/x"),
    ("arn:aws:iam::111111111111:role/x", "arn:aws:iam::111111111111:role/x"),
    ("call 000000000000", "call 000000000000"),
]


@pytest.mark.parametrize(("text", "expected"), ACCOUNTS)
def test_account_numbers_in_arns(text, expected):
    assert with_account_reference(text, "000000000000") == expected
