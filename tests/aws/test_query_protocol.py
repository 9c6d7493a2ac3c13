"""The query protocol's inputs and refusals."""

from __future__ import annotations

import tracemalloc
from xml.etree import ElementTree as ET

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.protocols.forms import form_tree
from groundwatch.aws.protocols.query import form_fields


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("Action=CreateUser&Version=2010-05-08&UserName=u", {"UserName": "u"}, id="a scalar"),
        pytest.param("Action=CreateUser&UserName=u", {"UserName": "u"}, id="the version may be missing"),
        pytest.param("Action=CreateUser&UserName=a&UserName=b", {"UserName": "b"}, id="the last of repeated fields"),
        pytest.param("Action=CreateUser&UserName=u&Other=1", {"UserName": "u"}, id="unknown fields are dropped"),
        pytest.param(
            "Action=CreateUser&UserName=u&Tags.member.2.Key=b&Tags.member.2.Value=2"
            "&Tags.member.1.Key=a&Tags.member.1.Value=",
            {"UserName": "u", "Tags": [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}]},
            id="lists in the order of their numbers",
        ),
        pytest.param(
            "Action=UntagUser&UserName=u&TagKeys.member.10=j&TagKeys.member.9=i",
            {"UserName": "u", "TagKeys": ["i", "j"]},
            id="numbers are not sorted as text",
        ),
        pytest.param(
            "Action=UntagUser&UserName=u&TagKeys=", {"UserName": "u", "TagKeys": []}, id="an empty list as SDKs send it"
        ),
        pytest.param("Action=ListUsers&MaxItems=10", {"MaxItems": 10}, id="numbers"),
        pytest.param(
            "Action=CreateLoginProfile&UserName=u&PasswordResetRequired=true",
            {"UserName": "u", "PasswordResetRequired": True},
            id="booleans",
        ),
    ],
)
def test_forms_become_inputs(body, expected, codecs, query_request):
    assert codecs["iam"].parse(query_request(body))[1] == expected


def test_a_query_string_will_do(codecs):
    wire = WireRequest("GET", "/", "Action=GetUser&Version=2010-05-08&UserName=a%2Bb", (), b"", "127.0.0.1")
    operation, params = codecs["iam"].parse(wire)
    assert (operation.name, params) == ("GetUser", {"UserName": "a+b"})


def test_query_string_and_body_are_read_together(codecs):
    wire = WireRequest("POST", "/", "Action=GetUser", (), b"UserName=u", "127.0.0.1")
    assert codecs["iam"].parse(wire)[1] == {"UserName": "u"}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param("UserName=u", "MissingAction", "The request must contain the parameter Action.", id="no action"),
        pytest.param(
            "Action=Nothing&Version=2010-05-08",
            "InvalidAction",
            "Could not find operation Nothing for version 2010-05-08",
            id="unknown action",
        ),
        pytest.param(
            "Action=GetUser&Version=2011-06-15",
            "InvalidAction",
            "Could not find operation GetUser for version 2011-06-15",
            id="another version",
        ),
        pytest.param(
            "Action=ListUsers&MaxItems=ten",
            "SerializationException",
            "'ten' can not be converted to a value of type integer",
            id="a number that is none",
        ),
        pytest.param(
            "Action=ListUsers&MaxItems=1_0",
            "SerializationException",
            "'1_0' can not be converted to a value of type integer",
            id="Python's underscores are no digits",
        ),
        pytest.param(
            f"Action=ListUsers&MaxItems={'0' * 32}5000",
            "SerializationException",
            f"'{'0' * 32}5000' can not be converted to a value of type integer",
            id="more digits than any number has",
        ),
        pytest.param(
            "Action=ListUsers&MaxItems=0",
            "ValidationError",
            "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
            id="a range",
        ),
        pytest.param(
            "Action=CreateUser",
            "ValidationError",
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: "
            "Member must not be null",
            id="a required member is missing",
        ),
        pytest.param(
            "Action=TagUser&UserName=u&Tags.member.1.Key=a",
            "ValidationError",
            "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: "
            "Member must not be null",
            id="a member of an element",
        ),
        pytest.param(
            "Action=CreateUser&UserName=%FF",
            "SerializationException",
            "The request's fields are not a UTF-8 form.",
            id="no UTF-8",
        ),
        pytest.param(
            "Action=UntagUser&UserName=u&TagKeys.member.x=a",
            "SerializationException",
            "List elements are numbered from 1",
            id="an element without number",
        ),
        pytest.param(
            "Action=CreateUser&UserName.x=u",
            "SerializationException",
            "UserName is not a structure",
            id="a structure for a scalar",
        ),
    ],
)
def test_refusals(body, code, message, codecs, query_request):
    with pytest.raises(ServiceError) as caught:
        codecs["iam"].parse(query_request(body))
    assert (caught.value.code, caught.value.message) == (code, message)


def test_as_many_fields_as_a_full_request_has_are_read(query_request):
    body = "Action=PutMetricData" + "".join(f"&Values.member.{number}=1" for number in range(25_000))
    assert len(form_fields(query_request(body))) == 25_001


def test_too_many_fields_are_counted_before_they_are_read(codecs, query_request):
    with pytest.raises(ServiceError, match="more than 50000 fields"):
        codecs["iam"].parse(query_request("Action=ListUsers" + "&a=1" * 50_000))


def test_names_of_as_many_parts_as_any_service_has_are_read(query_request):
    name = "MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Value"
    assert form_tree(form_fields(query_request(f"{name}=1")))["MetricDataQueries"]["member"]["1"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param("." * 500_000 + "=1", id="one name of very many parts"),
        pytest.param("&".join(f"{number:x}.a.b.c.d.e.f.g=1" for number in range(40_000)), id="many names"),
    ],
)
def test_names_that_would_become_very_many_nodes_are_refused_early(fields, codecs, query_request):
    # Anybody may call this operation, without a key.
    request = query_request(f"Action=AssumeRoleWithWebIdentity&{fields}")
    tracemalloc.start()
    try:
        with pytest.raises(ServiceError, match="more than"):
            codecs["sts"].parse(request)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_answers_escape_what_xml_would_change(codecs):
    codec = codecs["iam"]
    response = codec.serialize(codec.service.find_operation("GetUserPolicy"), {"PolicyDocument": "a<b>&\r\n"}, "id")
    assert b"<PolicyDocument>a&lt;b&gt;&amp;&#13;\n</PolicyDocument>" in response.body
    assert response.body.startswith(b'<GetUserPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">')
    assert b"<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>" in response.body


def test_characters_that_xml_cannot_write_are_replaced(codecs):
    answer = codecs["iam"].serialize_error(ServiceError("ValidationError", "a\x00\x0b\ud800\uffff<b>\r\n"), "id")

    message = ET.fromstring(answer.body).find(".//{*}Message")
    assert message.text == "a\ufffd\ufffd\ufffd\ufffd<b>\r\n"
