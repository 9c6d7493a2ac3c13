"""Conditions beyond the vectors: what one operator says of one key, present, absent, or unreadable."""

import pytest

from groundwatch.identity.policy.conditions import parse_condition
from groundwatch.identity.policy.keys import KeyTable


@pytest.mark.parametrize(
    ("operator", "values", "request_keys", "holds"),
    [
        pytest.param("StringLike", ["${a:v}*"], {"a:k": "xy", "a:v": "x"}, True, id="variable and wildcard"),
        pytest.param("StringLike", ["${a:v}"], {"a:k": "xy", "a:v": "*"}, False, id="value is no pattern"),
        pytest.param("StringEquals", ["${*}${$}"], {"a:k": "*$"}, True, id="literal characters"),
        pytest.param("StringEquals", ["${a:v,'d'}"], {"a:k": "d"}, True, id="default"),
        pytest.param("StringEquals", ["${a:v}"], {"a:k": "x", "a:v": ["x", "y"]}, False, id="set as variable"),
        pytest.param("StringEquals", ["${a:v, 'x'}"], {"a:k": "x", "a:v": ["x", "y"]}, False, id="set, default"),
        pytest.param("StringNotEqualsIgnoreCase", ["${a:v}"], {"a:k": "x"}, True, id="negated, no value"),
        pytest.param("StringEquals", ["x"], {"a:k": ["x", "y"]}, False, id="set without qualifier"),
        pytest.param("StringNotEquals", ["z"], {"a:k": ["x", "y"]}, False, id="set without qualifier, negated"),
        pytest.param("StringEquals", ["x"], {"a:k": ["x"]}, True, id="one value in a list is one value"),
        pytest.param("ForAnyValue:StringEqualsIfExists", ["x"], {}, True, id="any, IfExists, absent"),
        pytest.param("ForAnyValue:StringNotEquals", ["x"], {}, False, id="any, negated, absent"),
        pytest.param("ForAllValues:StringNotEquals", ["x"], {"a:k": ["y", "x"]}, False, id="all, negated"),
        pytest.param("ForAllValues:StringNotLike", ["x*"], {"a:k": ["y", "z"]}, True, id="all, negated, none"),
        pytest.param("Null", ["true", "false"], {}, True, id="absent or present"),
        pytest.param("Null", ["false"], {"a:k": []}, False, id="an empty set is absent"),
        pytest.param("NumericEquals", ["1"], {"a:k": "one"}, False, id="request value is no number"),
        pytest.param("NumericNotEquals", ["1"], {"a:k": "1.0"}, False, id="equal as numbers"),
        pytest.param("NumericGreaterThanEquals", ["-1.5"], {"a:k": "-1.5"}, True, id="decimal at the bound"),
        pytest.param("DateEquals", ["2026-01-02T03:04:05+01:00"], {"a:k": "2026-01-02T02:04:05Z"}, True, id="zone"),
        pytest.param("DateLessThan", ["2026-01-02"], {"a:k": "later"}, False, id="request value is no date"),
        pytest.param("DateGreaterThan", ["1767323045"], {"a:k": "2026-01-02T03:04:06Z"}, True, id="epoch in policy"),
        pytest.param("Bool", ["TRUE"], {"a:k": "true"}, True, id="booleans ignore case"),
        pytest.param("Bool", ["${a:v}"], {"a:k": "true", "a:v": "True"}, True, id="boolean variable"),
        pytest.param("IpAddress", ["203.0.113.0/24"], {"a:k": "::ffff:203.0.113.9"}, True, id="IPv4 in IPv6"),
        pytest.param("IpAddress", ["::/0"], {"a:k": "203.0.113.9"}, False, id="families do not mix"),
        pytest.param("IpAddress", ["0.0.0.0/0"], {"a:k": "unknown"}, False, id="request value is no address"),
        pytest.param("ArnLike", ["arn:aws:s3:::a*"], {"a:k": "arn:aws:s3:x::ab"}, False, id="components are apart"),
        pytest.param("ArnLike", ["arn:aws:*:*:*:a:b*"], {"a:k": "arn:aws:s3:r:1:a:bc"}, True, id="colon in the sixth"),
        pytest.param("ArnLike", ["arn:*:*:*:*:*"], {"a:k": "x"}, False, id="request value is no ARN"),
        pytest.param(
            "ArnEquals", ["arn:aws:s3:::${a:v}"], {"a:k": "arn:aws:s3:::b", "a:v": "b"}, True, id="ARN variable"
        ),
        pytest.param("ArnNotEquals", ["arn:aws:s3:::${a:v}"], {"a:k": "arn:aws:s3:::b"}, True, id="ARN, no value"),
        pytest.param("BinaryEquals", ["QQ=="], {"a:k": "!"}, False, id="request value is no base64"),
    ],
)
def test_condition(operator, values, request_keys, holds):
    condition = parse_condition(operator, "A:K", values, variables=True)
    assert condition.holds(KeyTable(request_keys)) is holds


def test_a_set_by_definition_needs_a_qualifier():
    condition = parse_condition("StringEquals", "aws:TagKeys", ["x"], variables=True)
    assert not condition.holds(KeyTable({"aws:TagKeys": ["x"]}))
