"""Lambda functions behind methods: AWS_PROXY with events of format 1.0, and AWS with mapped payloads."""

from __future__ import annotations

import base64
import json

import pytest

from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse
from groundwatch.gateway.functions import FunctionAnswer, FunctionTimeoutError, FunctionUnavailableError

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
ROLE = "arn:aws:iam::123456789012:role/logs"


def uri(arn: str = ARN) -> str:
    return f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}/invocations"


def function_method(kind: str = "AWS_PROXY", verb: str = "ANY", *, parameters=(), **changes) -> Method:
    settings = {"type": kind, "http_method": "POST", "uri": uri()} | changes
    return Method(
        verb,
        request_parameters=dict.fromkeys(parameters, False),
        responses={status: MethodResponse(status) for status in ("200", "400", "500")},
        integration=Integration(**settings),
    )


@pytest.fixture
def make_functions(make_gateway):
    def make(answer=None, path="/", kind="AWS_PROXY", *, api=None, variables=None, **changes):
        gateway = make_gateway({path: function_method(kind, **changes)}, variables=variables, **(api or {}))
        gateway.functions.answers[ARN] = {"statusCode": 200} if answer is None else answer
        return gateway

    return make


EVENT = {
    "resource": "/groups/{group}/{rest+}",
    "path": "/groups/%2Fsvc/a/b%20c",
    "httpMethod": "POST",
    "headers": {
        "Host": "localhost:8443",
        "User-Agent": "tests",
        "X-API-thing": "t",
        "Accept": "*/*",
        "Authorization": "Bearer t",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Port": "8443",
        "X-Forwarded-Proto": "https",
    },
    "queryStringParameters": {"q": " x y"},
    "multiValueQueryStringParameters": {"q": ["1", " x y"]},
    "pathParameters": {"group": "%2Fsvc", "rest": "a/b%20c"},
    "stageVariables": {"v": "1"},
    "body": '{"a":"ü"}',
    "isBase64Encoded": False,
}
CONTEXT = {
    "resourcePath": "/groups/{group}/{rest+}",
    "httpMethod": "POST",
    "path": "/v1/groups/%2Fsvc/a/b%20c",
    "stage": "v1",
    "protocol": "HTTP/1.1",
    "apiId": "abcdef1234",
}


async def test_the_event(make_functions):
    gateway = make_functions(
        path="/groups/{group}/{rest+}", variables={"v": "1"}, parameters=["method.request.header.X-API-thing"]
    )
    await gateway.request(
        "/groups/%2Fsvc/a/b%20c?q=1&q=%20x+y",
        "POST",
        body=b'{"a":"\xc3\xbc"}',
        headers={"x-api-thing": "t", "Accept": "*/*", "Content-Length": "9", "Authorization": "Bearer t"},
    )
    ((arn, event),) = gateway.functions.calls
    assert arn == ARN
    context = event.pop("requestContext")
    trace = event["headers"].pop("X-Amzn-Trace-Id")
    assert event.pop("multiValueHeaders") == {
        **{name: [value] for name, value in event["headers"].items()},
        "X-Amzn-Trace-Id": [trace],
    }
    assert event == EVENT
    identity = context.pop("identity")
    assert (identity["sourceIp"], identity["userAgent"], identity["userArn"]) == ("203.0.113.9", "tests", None)
    assert {name: context[name] for name in CONTEXT} == CONTEXT
    assert {"resourceId", "accountId", "requestId", "requestTime", "requestTimeEpoch", "domainName"} <= set(context)
    assert not {"requestOverride", "responseOverride", "error"} & set(context)


async def test_what_there_is_not_is_null_in_the_event(make_functions):
    gateway = make_functions()
    await gateway.request("/")
    ((_, event),) = gateway.functions.calls
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert [event[name] for name in absent] == [None] * 5


REQUEST_BODIES = [
    pytest.param(["image/png"], "image/png", b"\xff\x00", ("/wA=", True), id="a binary type"),
    pytest.param(["image/*"], "image/png", b"\xff\x00", ("/wA=", True), id="a kind of types"),
    pytest.param([], "image/png", b"\xff", ("\ufffd", False), id="everything is text"),
    pytest.param(["image/png"], "text/plain", b"text", ("text", False), id="text"),
]


@pytest.mark.parametrize("handling", [None, "CONVERT_TO_TEXT"])
@pytest.mark.parametrize(("types", "content_type", "body", "expected"), REQUEST_BODIES)
async def test_binary_requests(handling, types, content_type, body, expected, make_functions):
    gateway = make_functions(api={"binary_media_types": types}, content_handling=handling)
    await gateway.request("/", "POST", body=body, headers={"content-type": content_type})
    ((_, event),) = gateway.functions.calls
    assert (event["body"], event["isBase64Encoded"]) == expected


RESULTS = [
    pytest.param({"statusCode": 201, "body": "made"}, 201, "made", id="status and body"),
    pytest.param({"statusCode": "404"}, 404, "", id="a status as text"),
    pytest.param({}, 200, "", id="nothing is required"),
    pytest.param({"body": None, "headers": None, "multiValueHeaders": None}, 200, "", id="nulls"),
    pytest.param({"body": "text", "isBase64Encoded": False}, 200, "text", id="not encoded"),
]


@pytest.mark.parametrize(("result", "status", "body"), RESULTS)
async def test_results(result, status, body, make_functions):
    answer = await make_functions(result).request("/")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (status, body, "application/json")
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")


MALFORMED = [
    pytest.param("text", id="a text"),
    pytest.param(None, id="null"),
    pytest.param([], id="a list"),
    pytest.param({"statusCode": 200, "cookies": []}, id="an unknown member, as of format 2.0"),
    pytest.param({"statusCode": "x"}, id="a status that is no number"),
    pytest.param({"statusCode": 20}, id="a status out of range"),
    pytest.param({"statusCode": 100}, id="a status that ends nothing"),
    pytest.param({"statusCode": 200.5}, id="half a status"),
    pytest.param({"statusCode": 200, "body": {"a": 1}}, id="a body that is no text"),
    pytest.param({"statusCode": 200, "headers": []}, id="headers that are no map"),
    pytest.param({"statusCode": 200, "headers": {"a": 1}}, id="a header that is a number"),
    pytest.param({"statusCode": 200, "headers": {"a": "x\r\nb: y"}}, id="a header with another inside"),
    pytest.param({"statusCode": 200, "headers": {"a b": "x"}}, id="a name that is none"),
    pytest.param({"statusCode": 200, "multiValueHeaders": {"a": "x"}}, id="values that are no list"),
    pytest.param({"errorMessage": "boom"}, id="the form of an error"),
]


@pytest.mark.parametrize("result", MALFORMED)
async def test_malformed_results(result, make_functions):
    gateway = make_functions()
    gateway.functions.answers[ARN] = FunctionAnswer(json.dumps(result).encode())
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (502, '{"message": "Internal server error"}')
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert gateway.entries[0].error_reason.startswith("Malformed Lambda proxy response")


async def test_result_that_is_no_json(make_functions):
    assert (await make_functions(FunctionAnswer(b"\xff")).request("/")).status == 502


async def test_a_function_that_fails(make_functions):
    answer = await make_functions(FunctionAnswer(b'{"errorMessage":"boom"}', "Unhandled")).request("/")
    assert (answer.status, answer.body) == (502, '{"message": "Internal server error"}')


async def test_headers_of_results(make_functions):
    result = {
        "headers": {"Content-Type": "text/html", "X-One": "1", "X-Flag": True, "Date": "today", "X-Both": "a"},
        "multiValueHeaders": {"x-both": ["b", "c"], "X-Many": ["1"], "Transfer-Encoding": ["chunked"]},
    }
    gateway = make_functions(result)
    answer = await gateway.request("/")
    headers = {name: answer.headers.get(name) for name in ("content-type", "x-one", "x-flag", "x-amzn-remapped-date")}
    assert headers == {"content-type": "text/html", "x-one": "1", "x-flag": "true", "x-amzn-remapped-date": "today"}
    assert [value for name, value in gateway.last_fields if name == "x-both"] == ["a", "b", "c"]
    assert "transfer-encoding" not in answer.headers


IMAGE = b"\x89PNG\xff"
BINARIES = [
    pytest.param(["image/png"], "image/png", IMAGE, id="decoded for a client that asks for the type"),
    pytest.param(["*/*"], None, IMAGE, id="every type is binary"),
    pytest.param(["image/png"], "text/html", base64.b64encode(IMAGE), id="left for others"),
    pytest.param([], "image/png", base64.b64encode(IMAGE), id="left where no type is binary"),
]


@pytest.mark.parametrize(("types", "accept", "expected"), BINARIES)
async def test_binary_results(types, accept, expected, make_functions):
    result = {"body": base64.b64encode(IMAGE).decode(), "isBase64Encoded": True}
    gateway = make_functions(result, api={"binary_media_types": types})
    assert await gateway.raw_body("/", headers={"accept": accept} if accept else {}) == expected


async def test_a_result_that_is_not_the_base64_it_says(make_functions):
    gateway = make_functions({"body": "!", "isBase64Encoded": True}, api={"binary_media_types": ["*/*"]})
    assert (await gateway.request("/")).status == 502


FAILURES = [
    pytest.param(FunctionTimeoutError("slow"), 504, "Endpoint request timed out", id="no answer in time"),
    pytest.param(FunctionUnavailableError("off"), 502, "Internal server error", id="no endpoint"),
    pytest.param(FunctionUnavailableError("busy", 429), 502, "Internal server error", id="throttled"),
    pytest.param(FunctionUnavailableError("no", 403), 500, "Internal server error", id="not allowed"),
    pytest.param(FunctionUnavailableError("no", 404), 500, "Internal server error", id="no such function"),
]


@pytest.mark.parametrize("kind", ["AWS_PROXY", "AWS"])
@pytest.mark.parametrize(("error", "status", "message"), FAILURES)
async def test_functions_that_are_not_run(kind, error, status, message, make_functions):
    answer = await make_functions(error, kind=kind).request("/")
    assert (answer.status, json.loads(answer.body)) == (status, {"message": message})


OTHER = "arn:aws:lambda:eu-west-1:999999999999:function:theirs"
BROKEN = [
    pytest.param({"uri": uri(OTHER)}, "of another account", id="another account's function"),
    pytest.param({"uri": "arn:aws:apigateway:eu-west-1:lambda:path/x"}, "no Lambda function", id="no function"),
    pytest.param({"uri": "arn:aws:apigateway:eu-west-1:firehose:action/PutRecord"}, "no Lambda", id="Firehose"),
    pytest.param({"uri": uri("${stageVariables.f}")}, "Invalid endpoint address", id="an unset variable"),
    pytest.param({"credentials": "arn:aws:iam::999999999999:role/x"}, "Cross-account", id="another account's role"),
    pytest.param({"credentials": ROLE}, "may not lambda:InvokeFunction", id="a role that may not"),
]


@pytest.mark.parametrize(("changes", "reason"), BROKEN)
async def test_definitions_that_cannot_be_carried_out(changes, reason, make_functions):
    gateway = make_functions(**changes)
    gateway.functions.answers[OTHER] = {}
    assert (await gateway.request("/")).status == 500
    assert reason in gateway.entries[0].error_reason
    assert gateway.functions.calls == []


async def test_a_role_that_may_invoke_the_function(make_functions):
    gateway = make_functions(credentials=ROLE)
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN}
    gateway.identities.policies["AROA"] = (json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),)
    assert (await gateway.request("/")).status == 200
    assert gateway.roles.assumed[0]["role"] == ROLE


async def test_stage_variables_name_the_function_or_its_alias(make_functions):
    gateway = make_functions(uri=uri(f"{ARN}:${{stageVariables.alias}}"), variables={"alias": "live"})
    gateway.functions.answers[f"{ARN}:live"] = {"statusCode": 204}
    assert (await gateway.request("/")).status == 204


RESPONSES = {
    "200": IntegrationResponse("200"),
    "400": IntegrationResponse(
        "400",
        selection_pattern="Bad.*",
        response_templates={"application/json": "$input.path('$.errorMessage')"},
    ),
    "500": IntegrationResponse("500", selection_pattern="(\\n|.)+"),
}
SELECTED = [
    pytest.param(FunctionAnswer(b'{"errorMessage":"fine"}'), 200, '{"errorMessage":"fine"}', id="success: the default"),
    pytest.param(FunctionAnswer(b'{"errorMessage":"Bad x"}', "Handled"), 400, "Bad x", id="by the message"),
    pytest.param(FunctionAnswer(b'{"errorMessage":"x\\ny"}', "Unhandled"), 500, None, id="over lines"),
    pytest.param(FunctionAnswer(b"{}", "Unhandled"), 200, "{}", id="an error without message"),
]


@pytest.mark.parametrize(("result", "status", "body"), SELECTED)
async def test_aws_selects_by_the_error_message(result, status, body, make_functions):
    gateway = make_functions(result, kind="AWS", responses=RESPONSES)
    answer = await gateway.request("/")
    assert answer.status == status
    assert body is None or answer.body == body


async def test_aws_sends_the_mapped_payload_and_headers(make_functions):
    gateway = make_functions(
        FunctionAnswer(b"", status=202),
        kind="AWS",
        responses={"200": IntegrationResponse("200")},
        request_templates={"application/json": '{"path":"$context.resourcePath"}'},
        request_parameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
    )
    assert (await gateway.request("/", "POST")).status == 200
    assert gateway.functions.calls == [(ARN, {"path": "/"})]
    assert gateway.functions.headers == [{"X-Amz-Invocation-Type": "Event"}]


async def test_aws_sends_an_empty_object_for_no_payload(make_functions):
    gateway = make_functions(FunctionAnswer(b"{}"), kind="AWS", responses={"200": IntegrationResponse("200")})
    assert (await gateway.request("/")).status == 200
    assert gateway.functions.calls == [(ARN, {})]
