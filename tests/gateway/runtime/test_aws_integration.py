"""AWS integrations: what the backend receives, as whom, and what becomes of its answers."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import IntegrationResponse
from groundwatch.gateway.integrations.base import UnknownServiceError
from groundwatch.gateway.integrations.uri import fill_stage_variables, parse_aws_uri
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import GatewayError

URIS = [
    pytest.param("logs:action/GetLogEvents", {}, ("logs", "/", "GetLogEvents", None), id="action"),
    pytest.param("logs:path//", {}, ("logs", "/", None, None), id="root path with two slashes"),
    pytest.param("logs:path/", {}, ("logs", "/", None, None), id="root path"),
    pytest.param("sqs:path/123456789012/queue", {}, ("sqs", "/123456789012/queue", None, None), id="path"),
    pytest.param(
        "s3:path/{bucket}/{key}", {"bucket": "b", "key": "a b/ü"}, ("s3", "/b/a%20b/%C3%BC", None, None), id="filled"
    ),
    pytest.param("{b}.s3:path/{k}", {"b": "my-bucket", "k": "x"}, ("s3", "/x", None, "my-bucket"), id="subdomain"),
]


@pytest.mark.parametrize(("rest", "parameters", "expected"), URIS)
def test_uri(rest, parameters, expected):
    target = parse_aws_uri(f"arn:aws:apigateway:eu-west-1:{rest}", parameters)
    assert (target.service, target.path, target.action, target.subdomain) == expected
    assert target.region == "eu-west-1"


BAD_URIS = [
    pytest.param("arn:aws:apigateway:eu-west-1:logs:GetLogEvents", id="neither path nor action"),
    pytest.param("https://example.com/", id="no ARN"),
    pytest.param("arn:aws:apigateway:eu-west-1:s3:path/{bucket}", id="a placeholder without value"),
    pytest.param("arn:aws:apigateway:eu-west-1:{host}.s3:path/", id="a subdomain that is no host name"),
    pytest.param("arn:aws:apigateway:eu-west-1:logs:action/Get&x=1", id="an action with more in it"),
]


@pytest.mark.parametrize("uri", BAD_URIS)
def test_bad_uri(uri):
    with pytest.raises(MappingError):
        parse_aws_uri(uri, {"host": "evil/"})


UPWARDS = ["..", ".", "a/../../other", "../x", "a\\..\\b", "%2e%2e/b", "a/%2E%2E"]


@pytest.mark.parametrize("value", UPWARDS)
@pytest.mark.parametrize("place", ["s3:path/own-bucket/{key}", "lex:path/own/{key}/text"])
def test_a_value_that_leads_out_of_its_place(value, place):
    """Signatures are of the path without its detours, and so are the requests that some services see."""
    with pytest.raises(GatewayError) as error:
        parse_aws_uri(f"arn:aws:apigateway:eu-west-1:{place}", {"key": value})
    assert error.value.response_type == "BAD_REQUEST_PARAMETERS"


def test_dots_within_a_name_are_a_name():
    target = parse_aws_uri("arn:aws:apigateway:eu-west-1:s3:path/b/{key}", {"key": "a/..b/c../...x/.d"})
    assert target.path == "/b/a/..b/c../...x/.d"


def test_stage_variables_in_the_uri():
    assert fill_stage_variables("a:${stageVariables.fn}:b", {"fn": "x"}) == "a:x:b"
    with pytest.raises(MappingError, match="Invalid endpoint address"):
        fill_stage_variables("a:${stageVariables.fn}:b", {})


async def test_the_backend_request(make_gateway, aws):
    gateway = make_gateway({"/groups/{group}": aws()})
    answer = await gateway.request("/groups/%2Fsvc%2Forders", headers={"Authorization": "secret", "X-Other": "x"})
    assert (answer.status, answer.body) == (200, "{}")
    ((service, request, principal, region, source_arn),) = gateway.backend.calls
    headers = dict(request.headers)
    assert (service, region, request.method, request.path) == ("logs", "eu-west-1", "POST", "/")
    assert (request.query_string, request.body) == ("Action=GetLogEvents", b'{"logGroupName":"/svc/orders"}')
    assert headers["x-amz-target"] == "Logs_20140328.GetLogEvents"
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["user-agent"] == "AmazonAPIGateway_abcdef1234"
    assert headers["accept"] == "application/json"
    assert headers["host"] == "logs.eu-west-1.amazonaws.com"
    assert headers["x-amzn-apigateway-api-id"] == "abcdef1234"
    assert headers["x-amz-date"] == "20231114T221320Z"
    assert headers["content-length"] == "30"
    assert headers["x-amzn-trace-id"] == answer.headers["x-amzn-trace-id"]
    assert "authorization" not in headers
    assert "x-other" not in headers
    assert source_arn == "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/v1/GET/groups/{group}"
    assert principal.arn.endswith(":assumed-role/logs/BackplaneAssumeRoleSession")
    assert gateway.roles.assumed[0]["service"] == "apigateway.amazonaws.com"
    assert gateway.roles.assumed[0]["source"] == source_arn


CONTENT_TYPES = [
    pytest.param("GET", "text/plain", "application/json", id="GET: the client's type is not passed on"),
    pytest.param("POST", "text/plain", "text/plain", id="POST: it is"),
    pytest.param("POST", None, "application/json", id="POST without a type"),
]


@pytest.mark.parametrize(("verb", "given", "sent"), CONTENT_TYPES)
async def test_content_type_unless_mapped(verb, given, sent, make_gateway, aws):
    changes = {"request_parameters": {}, "request_templates": {}, "passthrough_behavior": "WHEN_NO_MATCH"}
    gateway = make_gateway({"/": aws(verb, integration=changes)})
    await gateway.request("/", verb, headers={"content-type": given} if given else {})
    assert dict(gateway.backend.calls[0][1].headers)["content-type"] == sent


async def test_missing_headers_reach_the_backend_as_they_are(make_gateway, aws):
    # Without the two mapped headers CloudWatch Logs does not know the operation; nothing derives them from the URI.
    gateway = make_gateway({"/": aws(integration={"request_parameters": {}})})
    unknown = (
        b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException","message":null},"Version":"1.0"}'
    )
    gateway.backend.answer = WireResponse(404, (), unknown)
    answer = await gateway.request("/")
    headers = dict(gateway.backend.calls[0][1].headers)
    assert "x-amz-target" not in headers
    assert headers["content-type"] == "application/json"
    assert (answer.status, answer.body) == (400, unknown.decode())


SELECTION = [
    pytest.param(200, {"200": ""}, 200, id="default"),
    pytest.param(400, {"200": ""}, 200, id="an error goes to the default, too"),
    pytest.param(400, {"200": "", "400": "4\\d{2}"}, 400, id="a pattern"),
    pytest.param(404, {"400": "4\\d{2}|5..", "200": ""}, 400, id="alternatives"),
    pytest.param(1400, {"200": "", "400": "400"}, 200, id="the whole status must match"),
    pytest.param(400, {"400": "40", "200": ""}, 200, id="a part is not enough"),
    pytest.param(200, {"400": "4\\d{2}"}, 500, id="no default"),
    pytest.param(200, {"404": ""}, 500, id="a status that the method does not declare"),
    pytest.param(200, {"200": "(?=2)200"}, 500, id="a pattern that RE2 cannot run is refused"),
]


@pytest.mark.parametrize(("status", "patterns", "expected"), SELECTION)
async def test_selection(status, patterns, expected, make_gateway, aws):
    responses = {code: IntegrationResponse(code, selection_pattern=pattern) for code, pattern in patterns.items()}
    gateway = make_gateway({"/": aws(integration={"responses": responses})})
    gateway.backend.answer = WireResponse(status, (), b"{}")
    assert (await gateway.request("/")).status == expected


BROKEN = [
    pytest.param({"credentials": None}, "Role ARN must be specified", id="no role"),
    pytest.param({"credentials": "arn:aws:iam::*:user/*"}, "caller's own credentials", id="the caller's credentials"),
    pytest.param({"credentials": "arn:aws:iam::999999999999:role/x"}, "Cross-account", id="another account's role"),
    pytest.param(
        {"credentials": "arn:aws:iam::123456789012:role/other"},
        "does not have permission to assume the provided role",
        id="a role that does not trust the service",
    ),
    pytest.param({"uri": "arn:aws:apigateway:eu-west-1:logs:nothing"}, "Invalid ARN", id="a bad URI"),
    pytest.param({"uri": "arn:aws:apigateway:eu-west-1:logs:path/${stageVariables.x}"}, "Invalid endpoint", id="unset"),
]


@pytest.mark.parametrize(("integration", "reason"), BROKEN)
async def test_configuration_errors_are_explained_in_the_log_only(integration, reason, make_gateway, aws, caplog):
    gateway = make_gateway({"/": aws(integration=integration)})
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, '{"message": "Internal server error"}')
    assert reason in caplog.text
    assert reason in gateway.entries[0].error_reason
    assert gateway.backend.calls == []


async def test_unknown_service(make_gateway, aws, caplog):
    gateway = make_gateway({"/": aws()})
    gateway.backend.answer = UnknownServiceError()
    assert (await gateway.request("/")).status == 500
    assert "service logs is not available here" in caplog.text


async def test_timeout(make_gateway, aws):
    gateway = make_gateway({"/": aws(integration={"timeout_in_millis": 1})})

    async def never(_request):
        await asyncio.Event().wait()

    gateway.backend.answer = never
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (504, '{"message": "Endpoint request timed out"}')


async def test_unexpected_failure_tells_the_client_nothing(make_gateway, aws, caplog):
    gateway = make_gateway({"/": aws()})
    gateway.backend.answer = RuntimeError("the secret path /var/lib")
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, '{"message": "Internal server error"}')
    assert "the secret path" in caplog.text


async def test_stage_variables_are_live_in_uri_and_template(make_gateway, aws):
    method = aws(
        integration={
            "uri": "arn:aws:apigateway:eu-west-1:logs:path/${stageVariables.where}",
            "request_templates": {"application/json": "$stageVariables.group"},
        }
    )
    gateway = make_gateway({"/": method}, variables={"where": "there", "group": "/svc"})
    await gateway.request("/")
    assert (gateway.backend.calls[0][1].path, gateway.backend.calls[0][1].body) == ("/there", b"/svc")
