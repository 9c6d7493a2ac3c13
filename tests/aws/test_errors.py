"""One error, every protocol: spelling, status, envelope, headers, and what an SDK makes of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from groundwatch.aws.error_codes import COMMON_ERRORS
from groundwatch.aws.errors import NotImplementedByServer, ServiceError

CLOUDWATCH = ("cloudwatch/smithy-rpc-v2-cbor", "cloudwatch/json", "cloudwatch/query")
SERVED = ("logs", "iam", "sts", "apigateway", *CLOUDWATCH)


def understood(codec, response):
    """Return code and message as botocore reads them."""
    parsed = create_parser(codec.protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}, None
    )
    return parsed["Error"]["Code"], parsed["Error"].get("Message")


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("common", COMMON_ERRORS, ids=lambda common: common.query_code)
def test_common_errors_are_spelled_by_the_protocol_whichever_way_they_were_raised(name, common, codecs):
    codec = codecs[name]
    if {common.query_code, common.json_code} & codec.service.errors.keys():
        pytest.skip("the service models this error itself")
    answers = [codec.serialize_error(ServiceError(code, "why"), "id") for code in (common.query_code, common.json_code)]
    assert answers[0] == answers[1]
    wanted = common.query_code if codec.protocol == "query" else common.json_code
    assert understood(codec, answers[0]) == (wanted, "why")
    by_protocol = {"query": common.query_status, "json": common.json_status, "rest-json": common.rest_status}
    by_protocol["smithy-rpc-v2-cbor"] = common.json_status
    assert answers[0].status == by_protocol[codec.protocol]


@pytest.mark.parametrize("name", SERVED)
def test_every_modelled_error_is_understood_by_both_its_names(name, codecs):
    codec = codecs[name]
    for error in codec.service.errors.values():
        # CloudWatch has one code for two shapes; the shape that is named like it wins.
        codes = [code for code in (error.name, error.code) if codec.service.errors[code] is error]
        for code in codes:
            response = codec.serialize_error(ServiceError(code, "why & <how>"), "the-id")
            wanted = error.name if codec.protocol in {"json", "smithy-rpc-v2-cbor"} else error.code
            assert understood(codec, response) == (wanted, "why & <how>")
            assert response.status == error.status
            assert response.header("x-amzn-requestid") == "the-id"


@pytest.mark.parametrize(
    ("name", "code", "wire_code", "status"),
    [
        pytest.param("logs", "ResourceNotFoundException", "ResourceNotFoundException", 400, id="logs answers 400"),
        pytest.param("logs", "ServiceUnavailableException", "ServiceUnavailableException", 500, id="a server's fault"),
        pytest.param("logs", "AccessDenied", "AccessDeniedException", 400, id="JSON denial"),
        pytest.param("iam", "AccessDenied", "AccessDenied", 403, id="query denial"),
        pytest.param("apigateway", "AccessDenied", "AccessDeniedException", 403, id="REST denial"),
        pytest.param("iam", "NoSuchEntityException", "NoSuchEntity", 404, id="shape name resolved to the wire code"),
        pytest.param("iam", "NoSuchEntity", "NoSuchEntity", 404, id="wire code"),
        pytest.param("sts", "ExpiredToken", "ExpiredToken", 403, id="the caller's token, not the modelled error"),
        pytest.param("sts", "ExpiredTokenException", "ExpiredTokenException", 400, id="the modelled error"),
        pytest.param("logs", "SignatureDoesNotMatch", "InvalidSignatureException", 400, id="JSON signature"),
        pytest.param("apigateway", "SignatureDoesNotMatch", "InvalidSignatureException", 403, id="REST signature"),
        pytest.param("sts", "InvalidClientTokenId", "InvalidClientTokenId", 403, id="query key"),
        pytest.param("logs", "InvalidClientTokenId", "UnrecognizedClientException", 400, id="JSON key"),
        pytest.param("apigateway", "NotFoundException", "NotFoundException", 404, id="REST modelled status"),
        pytest.param("logs", "SomethingElse", "SomethingElse", 400, id="unknown codes stay as they are"),
    ],
)
def test_codes_and_statuses(name, code, wire_code, status, codecs):
    response = codecs[name].serialize_error(ServiceError(code, "why"), "id")
    assert (understood(codecs[name], response), response.status) == ((wire_code, "why"), status)


@pytest.mark.parametrize("name", SERVED)
def test_refusals_of_what_is_missing_answer_501(name, codecs):
    response = codecs[name].serialize_error(NotImplementedByServer("StartLiveTail"), "id")
    assert response.status == 501
    assert understood(codecs[name], response) == (
        "NotImplementedException",
        "StartLiveTail is not implemented by Groundwatch.",
    )


def test_an_error_may_bring_its_own_status(codecs):
    response = codecs["logs"].serialize_error(ServiceError("ThrottlingException", "slow", status=429), "id")
    assert response.status == 429


def test_modelled_members_stand_beside_the_message_and_others_are_dropped(codecs):
    members = {
        "queryCompileError": {"location": {"startCharOffset": 1, "endCharOffset": 2}, "message": "m"},
        "internal": "secret",
    }
    error = ServiceError("MalformedQueryException", "bad", members=members)
    response = codecs["logs"].serialize_error(error, "id")
    del members["internal"]
    assert json.loads(response.body) == {"__type": "MalformedQueryException", **members, "message": "bad"}


def test_a_header_member_of_a_rest_error_becomes_a_header(codecs):
    error = ServiceError("TooManyRequestsException", "slow", members={"retryAfterSeconds": "7"})
    response = codecs["apigateway"].serialize_error(error, "id")
    assert response.header("retry-after") == "7"
    assert json.loads(response.body) == {"message": "slow"}


def test_an_error_without_message_has_none(codecs):
    assert codecs["logs"].serialize_error(ServiceError("ThrottlingException"), "id").body == (
        b'{"__type":"ThrottlingException"}'
    )


@pytest.mark.parametrize(("status", "kind"), [(400, "Sender"), (500, "Receiver")])
def test_query_errors_say_whose_fault_it_is(status, kind, codecs):
    response = codecs["iam"].serialize_error(ServiceError("Anything", "why", status=status), "id")
    namespace = "{https://iam.amazonaws.com/doc/2010-05-08/}"
    root = ET.fromstring(response.body)
    assert root.tag == f"{namespace}ErrorResponse"
    assert root.findtext(f"{namespace}Error/{namespace}Type") == kind
    assert root.findtext(f"{namespace}RequestId") == "id"
    assert response.header("content-type") == "text/xml"


@pytest.mark.parametrize(
    ("name", "content_type"), [("logs", "application/x-amz-json-1.1"), ("apigateway", "application/json")]
)
def test_content_types_of_errors(name, content_type, codecs):
    assert codecs[name].serialize_error(ServiceError("X"), "id").header("content-type") == content_type


def test_rest_errors_name_their_code_in_a_header(codecs):
    response = codecs["apigateway"].serialize_error(ServiceError("ConflictException", "taken"), "id")
    assert response.header("x-amzn-errortype") == "ConflictException"
    assert json.loads(response.body) == {"message": "taken"}
