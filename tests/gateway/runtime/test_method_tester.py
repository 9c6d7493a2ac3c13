"""TestInvokeMethod: the same steps, without stage, authorizers and keys, and with an execution log."""

from __future__ import annotations

import pytest

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.gateway.definition import Integration, Method
from groundwatch.gateway.testing import TestRequest

CONTEXT = RequestContext(
    "123456789012", "eu-west-1", "r", Principal("123456789012", "arn", "User", "u"), "203.0.113.7", "cli", True, 0
)


async def invoke(gateway, **request):
    api = gateway.catalog.deployed.api
    (resource,) = api.resources.values()
    (method,) = resource.methods.values()
    return await gateway.app.test_invoker.test_invoke(api, resource, method, TestRequest(**request), CONTEXT)


async def test_log_of_an_aws_method(make_gateway, aws):
    gateway = make_gateway({"/groups/{group}": aws(authorization_type="AWS_IAM", api_key_required=True)})
    result = await invoke(gateway, path_with_query_string="/groups/g?x=1", headers={"X-A": "a"})
    lines = [line.partition(" : ")[2] for line in result.log.splitlines()[1:]]
    assert (result.status, result.body, result.latency_ms) == (200, "{}", 0)
    assert result.headers["Content-Type"] == "application/json"
    assert result.log.startswith("Execution log for request ")
    assert result.log.endswith("\n")
    assert "\nTue Nov 14 22:13:20 UTC 2023 : Starting execution for request: " in result.log
    assert lines[1:5] == [
        "HTTP Method: GET, Resource Path: /groups/g",
        "Method request path: {group=g}",
        "Method request query string: {x=1}",
        "Method request headers: {x-a=a, content-type=application/json}",
    ]
    assert lines[5] == "Method request body before transformations: "
    assert lines[6] == "Endpoint request URI: https://logs.eu-west-1.amazonaws.com/?Action=GetLogEvents"
    assert lines[8] == 'Endpoint request body after transformations: {"logGroupName":"g"}'
    assert lines[-1] == "Method completed with status: 200"
    assert lines[-2] == "Successfully completed execution"
    assert lines[9:14] == [
        "Sending request to https://logs.eu-west-1.amazonaws.com/?Action=GetLogEvents",
        "Received response. Status: 200, Integration latency: 0 ms",
        "Endpoint response headers: {Content-Type=application/x-amz-json-1.1}",
        "Endpoint response body before transformations: {}",
        "Method response body after transformations: {}",
    ]
    assert lines[14].startswith("Method response headers: {")
    assert gateway.backend.calls[0][4].endswith(":abcdef1234/test-invoke-stage/GET/groups/{group}")
    assert gateway.entries == []


PATHS = [
    pytest.param("/pets/5", "<5>", id="a path"),
    pytest.param(None, "<{petId}>", id="no path: parameters read literally"),
    pytest.param("/other", "<>", id="another resource's path: no parameters"),
]


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_path_parameters(path, body, make_gateway, aws):
    template = {"request_templates": {"application/json": "<$input.params('petId')>"}}
    gateway = make_gateway({"/pets/{petId}": aws(integration=template)})
    await invoke(gateway, path_with_query_string=path)
    assert gateway.backend.calls[0][1].body == body.encode()


async def test_failure_is_a_result(make_gateway, mock):
    gateway = make_gateway({"/": mock(integration={"request_templates": {"application/json": "{}"}})})
    result = await invoke(gateway)
    assert (result.status, result.body) == (500, '{"message": "Internal server error"}')
    assert result.headers == {"x-amzn-ErrorType": "InternalServerErrorException"}
    assert "Execution failed due to configuration error: Unable to parse statusCode." in result.log
    assert result.log.endswith("Method completed with status: 500\n")


async def test_method_without_integration(make_gateway, mock):
    result = await invoke(make_gateway({"/": Method("GET")}))
    assert result.status == 500
    assert "No integration defined for method" in result.log


async def test_mock_has_no_endpoint_lines_and_stage_variables_are_given(make_gateway, mock):
    integration = {"request_templates": {"application/json": '{"statusCode": $stageVariables.s}'}}
    result = await invoke(make_gateway({"/": mock(integration=integration)}), stage_variables={"s": "200"})
    assert result.status == 200
    assert "Endpoint" not in result.log
    assert "Sending" not in result.log


@pytest.mark.parametrize("member", ["headers", "multi_value_headers"])
async def test_no_header_leads_to_another_method(member, make_gateway, mock):
    """Callers are authorized for the method that they name."""
    gateway = make_gateway({"/": [mock("/"), mock("/", "DELETE")]})
    api = gateway.catalog.deployed.api
    resource = api.resources["res0"]
    header = "DELETE" if member == "headers" else ["DELETE"]
    request = TestRequest(**{member: {"X-HTTP-Method-Override": header}})
    result = await gateway.app.test_invoker.test_invoke(api, resource, resource.methods["GET"], request, CONTEXT)
    assert result.body == '{"at":"GET /"}'


async def test_every_parameter_reaches_the_method(make_gateway, aws):
    template = (
        "$input.params('id') $input.params('q') $input.params('X-One') $input.params('X-Many') $input.body "
        "$stageVariables.color $context.stage $context.httpMethod $context.identity.sourceIp $context.accountId"
    )
    mapping = {"integration.request.header.X-All": "method.request.multivalueheader.X-Many"}
    declared = dict.fromkeys(("method.request.header.X-Many", "method.request.header.X-One"), False)
    method = aws(
        "POST",
        request_parameters=declared,
        integration={"request_templates": {"application/json": template}, "request_parameters": mapping},
    )
    gateway = make_gateway({"/pets/{id}": method}, variables={"color": "red"})
    result = await invoke(
        gateway,
        path_with_query_string="/pets/a%20b?q=1&q=2",
        body="[1]",
        headers={"X-One": "one", "X-Many": "not this", "Content-Type": "text/csv"},
        multi_value_headers={"X-Many": ["x", "y"]},
        stage_variables={"color": "green"},
    )
    assert result.status == 200
    request = gateway.backend.calls[0][1]
    assert request.body == b"a b 2 one y [1] green test-invoke-stage POST 203.0.113.7 123456789012"
    assert request.header("x-all") == "x,y"


async def test_the_body_is_json_whatever_its_type_says_and_the_stage_of_the_api_is_not_asked(make_gateway, mock):
    method = mock(verb="POST", integration={"passthrough_behavior": "NEVER"}, api_key_required=True)
    gateway = make_gateway({"/": method}, variables={"s": "500"}, policy='{"Statement":[]}')
    result = await invoke(gateway, headers={"content-type": "text/csv"}, body="a,b")
    assert (result.status, result.body) == (200, '{"at":"POST /"}')


async def test_repeated_headers_of_an_answer_are_all_there(make_gateway, web_server):
    web_server.headers = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    integration = Integration("HTTP_PROXY", http_method="GET", uri=web_server.url)
    result = await invoke(make_gateway({"/": Method("GET", integration=integration)}))
    assert result.multi_value_headers["Set-Cookie"] == ["a=1", "b=2"]
    assert result.headers["Set-Cookie"] == "b=2"
