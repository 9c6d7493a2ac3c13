"""Which documents are policies, and in which words the others are refused."""

import json

import pytest

from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError

ALLOW = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
SYNTAX = "Syntax errors in policy."


def document(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def allow(**changes):
    statement = ALLOW | changes
    return document({name: value for name, value in statement.items() if value is not None})


def condition(operator, key, value):
    return allow(Condition={operator: {key: value}})


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        pytest.param("identity", "", "This policy contains invalid Json", id="nothing"),
        pytest.param("identity", "{'a': 1}", "This policy contains invalid Json", id="single quotes"),
        pytest.param("identity", "[" * 100_000, "This policy contains invalid Json", id="nested without end"),
        pytest.param("identity", "NaN", "This policy contains invalid Json", id="not a JSON number"),
        pytest.param(
            "identity", allow(Action="logs:\ud800"), "This policy contains invalid Json", id="half of a surrogate pair"
        ),
        pytest.param("identity", "[]", SYNTAX, id="not an object"),
        pytest.param("identity", document(), SYNTAX, id="no statement"),
        pytest.param("identity", document(ALLOW, Version="2020-01-01"), SYNTAX, id="unknown version"),
        pytest.param("identity", document(ALLOW, Id="x"), SYNTAX, id="Id in an identity policy"),
        pytest.param("identity", document(ALLOW, Extra=1), SYNTAX, id="unknown element of the policy"),
        pytest.param("identity", allow(Extra="x"), SYNTAX, id="unknown element of a statement"),
        pytest.param("identity", allow(Effect="allow"), SYNTAX, id="Effect is case-sensitive"),
        pytest.param("identity", allow(Effect=["Allow"]), SYNTAX, id="Effect as a list"),
        pytest.param(
            "identity",
            '{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}',
            SYNTAX,
            id="an element twice",
        ),
        pytest.param("identity", allow(Action=None), "Policy statement must contain actions.", id="no action"),
        pytest.param("identity", allow(NotAction="s3:*"), SYNTAX, id="Action and NotAction"),
        pytest.param("identity", allow(Action=[]), SYNTAX, id="empty list of actions"),
        pytest.param(
            "identity", allow(Action="Get*"), "Actions/Conditions must be prefaced by a vendor", id="no service"
        ),
        pytest.param("identity", allow(Action="l*:Get"), "Actions/Conditions must be prefaced", id="service wildcard"),
        pytest.param("identity", allow(Resource=None), "Policy statement must contain resources.", id="no resource"),
        pytest.param("identity", allow(Resource="/app"), "must be in ARN format", id="resource without ARN"),
        pytest.param(
            "identity", allow(Resource="arn:aws:logs:*:${aws:userid}:x"), SYNTAX, id="variable in the account part"
        ),
        pytest.param("identity", allow(Resource="arn:aws:s3:::${aws:userid"), SYNTAX, id="unfinished variable"),
        pytest.param("identity", allow(Resource="arn:aws:s3:::${a:b, c}"), SYNTAX, id="default without quotes"),
        pytest.param("identity", allow(Resource="arn:aws:s3:::${}"), SYNTAX, id="variable without name"),
        pytest.param("identity", allow(Principal="*"), "should not specify a principal", id="principal in identity"),
        pytest.param("identity", document(ALLOW | {"Sid": "a b"}), "must be alpha-numeric", id="blank in Sid"),
        pytest.param(
            "identity", document(ALLOW | {"Sid": "a"}, ALLOW | {"Sid": "a"}), "must be unique", id="repeated Sid"
        ),
        pytest.param("identity", condition("StringMatches", "a:b", "c"), SYNTAX, id="unknown operator"),
        pytest.param("identity", condition("ForEachValue:StringLike", "a:b", "c"), SYNTAX, id="unknown qualifier"),
        pytest.param("identity", condition("NullIfExists", "a:b", "true"), SYNTAX, id="Null has no IfExists"),
        pytest.param("identity", condition("ForAllValues:Null", "a:b", "true"), SYNTAX, id="Null has no qualifier"),
        pytest.param("identity", condition("StringEquals", "b", "c"), "must be prefaced", id="key without service"),
        pytest.param("identity", condition("StringEquals", "a:b", []), SYNTAX, id="no values"),
        pytest.param("identity", condition("StringEquals", "a:b", {"c": 1}), SYNTAX, id="object as value"),
        pytest.param("identity", condition("NumericEquals", "a:b", "ten"), SYNTAX, id="not a number"),
        pytest.param("identity", condition("DateLessThan", "a:b", "soon"), SYNTAX, id="not a date"),
        pytest.param("identity", condition("Bool", "a:b", "yes"), SYNTAX, id="not a boolean"),
        pytest.param("identity", condition("IpAddress", "a:b", "10.0.0.300"), SYNTAX, id="not an address"),
        pytest.param("identity", condition("BinaryEquals", "a:b", "?"), SYNTAX, id="not base64"),
        pytest.param("identity", condition("ArnLike", "a:b", "arn:aws:s3"), SYNTAX, id="not an ARN"),
        pytest.param("identity", allow(Condition={"StringEquals": {}}), SYNTAX, id="operator without keys"),
        pytest.param("identity", allow(Condition=[]), SYNTAX, id="conditions as a list"),
        pytest.param("resource", allow(), "Missing required field Principal", id="resource policy without principal"),
        pytest.param("resource", allow(Principal={}), SYNTAX, id="empty principal"),
        pytest.param("resource", allow(Principal={"AWS": []}), SYNTAX, id="empty list of principals"),
        pytest.param(
            "resource", allow(Principal={"AWS": "arn:aws:iam::111122223333:user/*"}), "Invalid principal", id="wildcard"
        ),
        pytest.param(
            "resource", allow(Principal={"AWS": "arn:aws:iam::111122223333:group/g"}), "Invalid principal", id="group"
        ),
        pytest.param("resource", allow(Principal={"Everyone": "*"}), "Invalid principal", id="unknown kind"),
        pytest.param("resource", allow(Principal={"Service": "*"}), "Invalid principal", id="every service"),
        pytest.param("resource", allow(Principal="alice"), "Invalid principal", id="bare name"),
        pytest.param(
            "resource",
            allow(NotPrincipal={"AWS": "111122223333"}),
            "Allow with NotPrincipal",
            id="NotPrincipal with Allow",
        ),
        pytest.param(
            "trust",
            allow(Principal="*", Action="sts:AssumeRole"),
            "Has prohibited field Resource",
            id="trust, resource",
        ),
        pytest.param(
            "trust",
            allow(Principal="*", Resource=None),
            "AssumeRole policy may only specify STS AssumeRole actions.",
            id="trust, another service",
        ),
        pytest.param(
            "trust",
            allow(Principal="*", Resource=None, Action="*"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
            id="trust, every action",
        ),
    ],
)
def test_refused(kind, text, message):
    with pytest.raises(MalformedPolicyError) as refusal:
        parse_policy(text, kind)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param("identity", allow(Condition={}), id="no conditions"),
        pytest.param("identity", condition("NumericLessThan", "a:b", 5), id="JSON number"),
        pytest.param("identity", condition("Bool", "a:b", True), id="JSON boolean"),
        pytest.param("identity", condition("StringLikeIfExists", "a:b", ["x", "y*"]), id="IfExists"),
        pytest.param("identity", condition("ForAnyValue:StringLikeIfExists", "a:b", "x"), id="qualifier and IfExists"),
        pytest.param("resource", allow(Principal="*", Sid="__default_statement_ID"), id="Sid of a resource policy"),
        pytest.param("resource", allow(Principal="*", Resource="execute-api:/*"), id="the gateway's short form"),
        pytest.param(
            "resource",
            document(ALLOW | {"Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}}),
            id="NotPrincipal with Deny",
        ),
        pytest.param("trust", allow(Principal={"Federated": "x"}, Resource=None, Action="sts:*"), id="provider"),
    ],
)
def test_accepted(kind, text):
    assert parse_policy(text, kind).statements
