"""Filter policies: what they match, and what is refused as one."""

import json

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.filters.match import MAX_LOOKED_AT, Candidate
from groundwatch.notifications.filters.parse import parse_filter
from groundwatch.notifications.records import Message, MessageAttribute


def candidate(body="x", **attributes):
    given = {name: MessageAttribute(*value) for name, value in attributes.items()}
    return Candidate(Message("id", "Notification", body, 0, attributes=given), body)


def text(value):
    return ("String", value)


ATTRIBUTES = [
    # policy, attributes, wanted
    pytest.param({}, {}, True, id="no key"),
    pytest.param({"k": ["a"]}, {"k": text("a")}, True, id="equal"),
    pytest.param({"k": ["a"]}, {"k": text("b")}, False, id="another"),
    pytest.param({"k": ["a"]}, {"k": text("A")}, False, id="case counts"),
    pytest.param({"k": ["a"]}, {}, False, id="missing"),
    pytest.param({"k": ["a", "b"]}, {"k": text("b")}, True, id="any element"),
    pytest.param({"k": ["a"], "l": ["b"]}, {"k": text("a")}, False, id="every key"),
    pytest.param({"k": ["a"], "l": ["b"]}, {"k": text("a"), "l": text("b")}, True, id="both keys"),
    pytest.param({"k": [300]}, {"k": ("Number", "3.0e2")}, True, id="numbers by value"),
    pytest.param({"k": [300]}, {"k": text("300")}, False, id="a text is no number"),
    pytest.param({"k": ["300"]}, {"k": ("Number", "300")}, False, id="a number is no text"),
    pytest.param({"k": [1]}, {"k": ("Number.int", "1")}, True, id="custom label of a type"),
    pytest.param({"k": ["a"]}, {"k": ("String.x", "a")}, True, id="custom label of a text"),
    pytest.param({"k": [{"prefix": "ab"}]}, {"k": text("abc")}, True, id="prefix"),
    pytest.param({"k": [{"prefix": "ab"}]}, {"k": text("cab")}, False, id="not the prefix"),
    pytest.param({"k": [{"suffix": "bc"}]}, {"k": text("abc")}, True, id="suffix"),
    pytest.param({"k": [{"suffix": "bc"}]}, {"k": text("bca")}, False, id="not the suffix"),
    pytest.param({"k": [{"equals-ignore-case": "Ab"}]}, {"k": text("aB")}, True, id="ignoring case"),
    pytest.param({"k": [{"anything-but": "a"}]}, {"k": text("b")}, True, id="anything but"),
    pytest.param({"k": [{"anything-but": ["a", "b"]}]}, {"k": text("b")}, False, id="one of those"),
    pytest.param({"k": [{"anything-but": ["a"]}]}, {}, False, id="anything but nothing"),
    pytest.param({"k": [{"anything-but": [100, 500]}]}, {"k": ("Number", "100.0")}, False, id="but these numbers"),
    pytest.param({"k": [{"anything-but": {"prefix": "a"}}]}, {"k": text("abc")}, False, id="but this prefix"),
    pytest.param({"k": [{"anything-but": {"prefix": "a"}}]}, {"k": text("bc")}, True, id="another prefix"),
    pytest.param({"k": [{"numeric": ["=", 5]}]}, {"k": ("Number", "5.0")}, True, id="numeric equal"),
    pytest.param({"k": [{"numeric": [">", 5]}]}, {"k": ("Number", "5")}, False, id="greater, at the bound"),
    pytest.param({"k": [{"numeric": [">=", 5]}]}, {"k": ("Number", "5")}, True, id="not less, at the bound"),
    pytest.param({"k": [{"numeric": [">=", 1, "<", 10]}]}, {"k": ("Number", "10")}, False, id="range, at the top"),
    pytest.param({"k": [{"numeric": [">=", 1, "<=", 10]}]}, {"k": ("Number", "10")}, True, id="closed range"),
    pytest.param({"k": [{"numeric": ["<", 0]}]}, {"k": ("Number", "-1.5")}, True, id="negative"),
    pytest.param({"k": [{"exists": True}]}, {"k": text("")}, True, id="is there"),
    pytest.param({"k": [{"exists": False}]}, {"k": text("a")}, False, id="must not be there"),
    pytest.param({"k": [{"exists": False}]}, {}, True, id="is not there"),
    pytest.param({"k": [{"cidr": "10.0.0.0/24"}]}, {"k": text("10.0.0.255")}, True, id="address in a network"),
    pytest.param({"k": [{"cidr": "10.0.0.0/24"}]}, {"k": text("10.0.1.0")}, False, id="address beside it"),
    pytest.param({"k": [{"cidr": "2001:db8::/32"}]}, {"k": text("2001:db8::1")}, True, id="IPv6"),
    pytest.param({"k": [{"cidr": "10.0.0.0/24"}]}, {"k": text("nonsense")}, False, id="no address"),
    pytest.param({"k": ["b"]}, {"k": ("String.Array", '["a","b"]')}, True, id="any element of an array"),
    pytest.param({"k": [None]}, {"k": ("String.Array", '["a",null]')}, True, id="null in an array"),
    pytest.param({"k": [True]}, {"k": ("String.Array", "[1]")}, False, id="true is not 1"),
    pytest.param({"k": ["YQ=="]}, {"k": ("Binary", "YQ==")}, False, id="binary is not looked at"),
    pytest.param({"k": [{"exists": False}]}, {"k": ("Binary", "YQ==")}, True, id="binary is as if absent"),
    pytest.param({"$or": [{"k": ["a"]}, {"l": ["b"]}]}, {"l": text("b")}, True, id="either key"),
    pytest.param({"$or": [{"k": ["a"]}, {"l": ["b"]}]}, {"l": text("c")}, False, id="neither key"),
    pytest.param({"m": ["x"], "$or": [{"k": ["a"]}, {"l": ["b"]}]}, {"l": text("b")}, False, id="and the third"),
]


@pytest.mark.parametrize(("policy", "attributes", "wanted"), ATTRIBUTES)
def test_attributes(policy, attributes, wanted):
    group = parse_filter(json.dumps(policy), "MessageAttributes")
    assert candidate(**attributes).matches(group, "MessageAttributes") is wanted


BODIES = [
    pytest.param({"a": ["x"]}, '{"a":"x"}', True, id="a member"),
    pytest.param({"a": ["x"]}, "x", False, id="no JSON"),
    pytest.param({"a": ["x"]}, '["x"]', False, id="no object"),
    pytest.param({"a": [{"exists": False}]}, "no JSON", False, id="nothing matches what is no JSON"),
    pytest.param({"a": {"b": ["x"]}}, '{"a":{"b":"x"}}', True, id="nested"),
    pytest.param({"a": {"b": ["x"]}}, '{"a":"x"}', False, id="not nested"),
    pytest.param({"a": {"b": ["x"]}}, '{"a":[{"b":"y"},{"b":"x"}]}', True, id="within an array"),
    pytest.param({"a": {"b": ["x"], "c": ["y"]}}, '{"a":[{"b":"x"},{"c":"y"}]}', False, id="in one element"),
    pytest.param({"a": {"b": [{"exists": False}]}}, '{"c":1}', True, id="absent below what is absent"),
    pytest.param({"a": [{"exists": True}]}, '{"a":{"b":1}}', False, id="an object is no leaf"),
    pytest.param({"a": [True]}, '{"a":true}', True, id="true"),
    pytest.param({"a": [1]}, '{"a":true}', False, id="1 is not true"),
    pytest.param({"a": [None]}, '{"a":null}', True, id="null"),
    pytest.param({"a": ["x"]}, '{"a":["z","x"]}', True, id="an element of an array"),
    pytest.param({"a": [{"numeric": [">", 1]}]}, '{"a":' + "9" * 400 + "}", True, id="an integer beyond all floats"),
    pytest.param({"a": ["x"]}, "[" * 100_000, False, id="brackets without end"),
]


@pytest.mark.parametrize(("policy", "body", "wanted"), BODIES)
def test_bodies(policy, body, wanted):
    group = parse_filter(json.dumps(policy), "MessageBody")
    assert candidate(body).matches(group, "MessageBody") is wanted


REFUSED = [
    pytest.param("{", "failed to parse JSON.", id="no JSON"),
    pytest.param("[]", "Filter policy must be a JSON object", id="no object"),
    pytest.param('{"a":"x"}', '"a" must be an object or an array', id="no array"),
    pytest.param('{"a":[]}', "Empty arrays are not allowed", id="empty"),
    pytest.param('{"a":[["x"]]}', "Match value must be String, number, true, false, or null", id="array in array"),
    pytest.param('{"a":{"b":["x"]}}', "does not support nested filter policy", id="nested attributes"),
    pytest.param('{"a":[{"like":"x"}]}', "Unrecognized match type like", id="unknown operator"),
    pytest.param('{"a":[{"prefix":"x","suffix":"y"}]}', "Only one key allowed in match expression", id="two"),
    pytest.param('{"a":[{"prefix":1}]}', "prefix match pattern must be a string", id="prefix"),
    pytest.param('{"a":[{"suffix":1}]}', "suffix match pattern must be a string", id="suffix"),
    pytest.param('{"a":[{"exists":"x"}]}', "exists match pattern must be either true or false.", id="exists"),
    pytest.param('{"a":[{"cidr":"10.0.0.0/99"}]}', "Malformed CIDR", id="cidr"),
    pytest.param('{"a":[{"numeric":["~",1]}]}', "Unrecognized numeric range operator: ~", id="numeric operator"),
    pytest.param('{"a":[{"numeric":[">=","1"]}]}', "Value of >= must be numeric", id="numeric text"),
    pytest.param('{"a":[{"numeric":[">="]}]}', "Value of >= must be numeric", id="numeric without a value"),
    pytest.param('{"a":[{"numeric":[">",5,"<",5]}]}', "Bottom must be less than top", id="numeric empty range"),
    pytest.param('{"a":[{"numeric":["<",5,">",1]}]}', "Bad numeric range operator", id="numeric order"),
    pytest.param('{"a":[{"numeric":[">",1,"<",5,"<",6]}]}', "Too many terms", id="numeric too long"),
    pytest.param('{"a":[10000000000]}', "Value must be between", id="a number too large"),
    pytest.param('{"a":[{"anything-but":{"suffix":"x"}}]}', "Unsupported anything-but pattern", id="but suffix"),
    pytest.param('{"a":[{"anything-but":[null]}]}', "Inside anything-but", id="but null"),
    pytest.param(json.dumps({k: ["x"] for k in "abcdef"}), "Filter policy can not have more than 5 keys", id="keys"),
    pytest.param(
        json.dumps({k: list(map(str, range(6))) for k in "abc"}), "Filter policy is too complex", id="combinations"
    ),
    pytest.param('{"a":' * 300 + '["x"]' + "}" * 300, "Filter policy is too complex", id="deep"),
    pytest.param(json.dumps({"a": ["x" * 300_000]}), "Filter policy is too complex", id="long"),
]


@pytest.mark.parametrize(("policy", "message"), REFUSED)
def test_what_is_no_policy(policy, message):
    with pytest.raises(ServiceError) as refused:
        parse_filter(policy, "MessageAttributes")
    assert refused.value.code == "InvalidParameter"
    assert str(refused.value).startswith("Invalid parameter: Attributes Reason: FilterPolicy: ")
    assert message in str(refused.value)


def test_depth_counts_in_bodies_only():
    policy = json.dumps({"a": {"b": {"c": [str(n) for n in range(60)]}}})
    with pytest.raises(ServiceError, match="too complex"):
        parse_filter(policy, "MessageBody")


@pytest.mark.parametrize(("blanks", "is_kept"), [(100, True), (200_000, False)])
def test_long_policies_are_not_kept(blanks, is_kept):
    policy = json.dumps({"a": ["x"]}) + " " * blanks
    assert (parse_filter(policy, "MessageBody") is parse_filter(policy, "MessageBody")) == is_kept


def test_a_message_may_not_keep_the_server_busy():
    group = parse_filter('{"a":{"b":["x"]}}', "MessageBody")
    slow = candidate(json.dumps({"a": [{"b": "y"}] * MAX_LOOKED_AT}))
    with pytest.raises(ServiceError, match="too many values for the filter policies"):
        slow.matches(group, "MessageBody")
