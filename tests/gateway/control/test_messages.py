"""What the control plane refuses, and in which words."""

from __future__ import annotations

import pytest
from tests.refusals import refusal

ROLE = "arn:aws:iam::111122223333:role/r"
LOGS = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
LAMBDA = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn/invocations"
BAD, MISSING, CONFLICT, LACKING = (
    "BadRequestException",
    "NotFoundException",
    "ConflictException",
    "NotImplementedException",
)
MODEL = "Invalid model specified: Validation Result: warnings : [], errors : [{}]"
MAPPING = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{}]"


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        pytest.param({"name": " "}, BAD, "Name cannot be an empty string", id="blank-name"),
        pytest.param({"description": ""}, BAD, "Description cannot be an empty string", id="empty-description"),
        pytest.param(
            {"minimum_compression_size": 10485761},
            BAD,
            "Invalid minimum compression size, must be between 0 and 10485760",
            id="compression-over-10-MB",
        ),
        pytest.param(
            {"endpoint_configuration": {"types": ["EDGE", "REGIONAL"]}},
            BAD,
            "Cannot create an api with multiple Endpoint Types.",
            id="two-endpoint-types",
        ),
        pytest.param(
            {"endpoint_configuration": {"types": ["GLOBAL"]}},
            BAD,
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
            id="unknown-endpoint-type",
        ),
        pytest.param(
            {"endpoint_configuration": {"types": ["PRIVATE"]}},
            LACKING,
            "The endpoint type PRIVATE is not implemented by Groundwatch.",
            id="a-private-api-would-be-public-here",
        ),
        pytest.param(
            {"policy": "{"},
            BAD,
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.",
            id="broken-policy",
        ),
    ],
)
async def test_an_api_that_cannot_be_created(operations, context, members, code, message):
    assert await refusal(operations.create_rest_api(context, **{"name": "a", **members})) == (code, message)
    assert (await operations.get_rest_apis(context))["items"] == []


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("get_rest_api", {}, "Invalid API identifier specified 111122223333:nope"),
        ("delete_rest_api", {}, "Invalid API identifier specified 111122223333:nope"),
        ("get_stages", {}, "Invalid API identifier specified 111122223333:nope"),
        ("create_resource", {"parent_id": "r", "path_part": "a"}, "Invalid Resource identifier specified"),
        ("get_method", {"resource_id": "r", "http_method": "GET"}, "Invalid Resource identifier specified"),
    ],
)
async def test_an_unknown_api_is_reported_by_what_was_asked_for(operations, context, operation, members, message):
    call = getattr(operations, operation)(context, rest_api_id="nope", **members)
    assert await refusal(call) == (MISSING, message)


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("get_resource", {"resource_id": "x"}, "Invalid Resource identifier specified"),
        ("get_model", {"model_name": "X"}, "Invalid model name specified: X"),
        ("get_request_validator", {"request_validator_id": "x"}, "Invalid Request Validator identifier specified"),
        ("get_stage", {"stage_name": "x"}, "Invalid stage identifier specified"),
        ("get_deployment", {"deployment_id": "x"}, "Invalid Deployment identifier specified"),
        ("delete_gateway_response", {"response_type": "THROTTLED"}, "Gateway response type not defined on api"),
    ],
)
async def test_an_unknown_part_of_an_api(api, operation, members, message):
    assert await refusal(api.call(operation, **members)) == (MISSING, message)


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("get_method", {"http_method": "PUT"}, "Invalid Method identifier specified"),
        ("get_integration", {}, "Invalid Integration identifier specified"),
        ("get_method_response", {"status_code": "404"}, "Invalid Response status code specified"),
        ("put_integration_response", {"status_code": "200"}, "Invalid Integration identifier specified"),
    ],
)
async def test_an_unknown_part_of_a_method(api, operation, members, message):
    await api.call_method("put_method", authorization_type="NONE")
    assert await refusal(api.call_method(operation, **members)) == (MISSING, message)


@pytest.mark.parametrize(
    ("existing", "new", "code", "message"),
    [
        pytest.param(
            "pets", "pets", CONFLICT, "Another resource with the same parent already has this name: pets", id="same"
        ),
        pytest.param(
            "{a}",
            "{b}",
            BAD,
            "A sibling ({id}) of this resource already has a variable path part -- only one is allowed",
            id="two-variables",
        ),
        pytest.param(
            None,
            "a b",
            BAD,
            "Resource's path part only allow a-zA-Z0-9._- and curly braces at the beginning and the end and an "
            "optional plus sign before the closing brace.",
            id="characters",
        ),
    ],
)
async def test_a_resource_that_cannot_be_placed(api, existing, new, code, message):
    sibling = None
    if existing is not None:
        sibling = await api.call("create_resource", parent_id=api.root_id, path_part=existing)
        message = message.replace("{id}", sibling["id"])
    call = api.call("create_resource", parent_id=api.root_id, path_part=new)
    assert await refusal(call) == (code, message)


async def test_nothing_stands_below_a_greedy_variable(api):
    proxy = await api.call("create_resource", parent_id=api.root_id, path_part="{proxy+}")
    call = api.call("create_resource", parent_id=proxy["id"], path_part="a")
    message = "Cannot create a child of a resource with a greedy path variable: {proxy+}"
    assert await refusal(call) == (BAD, message)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"http_method": "FETCH"},
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
        ),
        (
            {"authorization_type": "CUSTOM", "authorizer_id": "abc123"},
            (
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
                "requires a valid authorizer."
            ),
        ),
        ({"request_models": {"application/json": "Nope"}}, "Invalid model identifier specified: Nope"),
        ({"request_validator_id": "nope"}, "Invalid Request Validator identifier specified"),
        (
            {"request_parameters": {"method.request.cookie.a": True}},
            MAPPING.format("Invalid mapping expression parameter specified: method.request.cookie.a"),
        ),
    ],
)
async def test_a_method_that_cannot_be_put(api, members, message):
    given = {"authorization_type": "NONE", **members}
    assert await refusal(api.call_method("put_method", **given)) == (BAD, message)


AWS = {"type": "AWS", "integration_http_method": "POST", "uri": LOGS, "credentials": ROLE}


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        pytest.param(
            {"type": "AWS", "uri": LOGS}, BAD, "Enumeration value for HttpMethod must be non-empty", id="no-method"
        ),
        pytest.param({**AWS, "uri": "nope"}, BAD, "Invalid ARN specified in the request", id="no-arn"),
        pytest.param(
            {**AWS, "uri": "arn:aws:apigateway:us-east-1:logs:GetLogEvents"},
            BAD,
            "AWS ARN for integration must contain path or action",
            id="neither-path-nor-action",
        ),
        pytest.param(
            {**AWS, "type": "AWS_PROXY"},
            BAD,
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
            id="proxy-to-logs",
        ),
        pytest.param(
            {**AWS, "credentials": None}, BAD, "Role ARN must be specified for AWS integrations", id="no-credentials"
        ),
        pytest.param(
            {**AWS, "credentials": "role"}, BAD, "Invalid ARN specified in the request", id="credentials-without-arn"
        ),
        pytest.param(
            {**AWS, "credentials": "arn:aws:iam::${stageVariables.account}:role/r"},
            BAD,
            "Invalid ARN specified in the request",
            id="variable-account",
        ),
        pytest.param(
            {**AWS, "credentials": "arn:aws:iam::444455556666:role/r"},
            "AccessDeniedException",
            "Cross-account pass role is not allowed.",
            id="role-of-another-account",
        ),
        pytest.param(
            {"type": "HTTP", "integration_http_method": "GET", "uri": "ftp://x"},
            BAD,
            "Invalid HTTP endpoint specified for URI",
            id="no-http-url",
        ),
        *[
            pytest.param(
                {"type": "HTTP", "integration_http_method": "GET", "uri": uri},
                BAD,
                "Invalid HTTP endpoint specified for URI",
                id=f"no-http-url: {uri}",
            )
            for uri in ("http://", "http:///x", "http://a b/", "http://user@a/", "http://a/{x", "https://a:port/")
        ],
        pytest.param(
            {**AWS, "type": "AWS_PROXY", "uri": "arn:aws:apigateway:eu-west-1:firehose:action/PutRecord"},
            LACKING,
            "An AWS_PROXY integration with Firehose is not implemented by Groundwatch.",
            id="proxy-to-firehose",
        ),
        pytest.param(
            {**AWS, "tls_config": {"insecureSkipVerification": True}},
            BAD,
            "TlsConfig is only supported for HTTP and HTTP_PROXY integrations",
            id="tls-of-aws",
        ),
        pytest.param(
            {**AWS, "connection_type": "VPC_LINK", "connection_id": "abc123"},
            BAD,
            "Connection type VPC_LINK is only supported for integrations of type HTTP and HTTP_PROXY",
            id="link-of-aws",
        ),
        pytest.param(
            {"type": "HTTP", "integration_http_method": "GET", "uri": "http://a.test", "connection_type": "VPC_LINK"},
            BAD,
            "Connection id must be specified for connection type VPC_LINK",
            id="link-without-id",
        ),
        pytest.param(
            {**AWS, "timeout_in_millis": 49}, BAD, "Timeout should be between 50 ms and 29000 ms", id="timeout"
        ),
        pytest.param(
            {**AWS, "request_parameters": {"integration.request.header.a": "method.request.header.Authorization"}},
            BAD,
            MAPPING.format("Invalid mapping expression parameter specified: method.request.header.Authorization"),
            id="undeclared-source",
        ),
        pytest.param(
            {**AWS, "request_parameters": {"integration.request.header.a": "true"}},
            BAD,
            MAPPING.format("Invalid mapping expression specified: true"),
            id="no-expression",
        ),
        pytest.param(
            {
                **AWS,
                "request_parameters": {
                    "integration.request.header.a": "'1'",
                    "integration.request.querystring.a": "'1'",
                },
            },
            BAD,
            "Parameter names must be unique across querystring, header and path",
            id="one-name-in-two-places",
        ),
        pytest.param(
            {**AWS, "request_templates": {"123": "x"}},
            BAD,
            "Validation Result: warnings : [], errors : [Invalid content type specified: 123]",
            id="content-type",
        ),
    ],
)
async def test_an_integration_that_cannot_be_put(api, members, code, message):
    await api.call_method("put_method", authorization_type="NONE")
    assert await refusal(api.call_method("put_integration", **members)) == (code, message)
    assert "methodIntegration" not in await api.call_method("get_method")


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"type": "MOCK"}, id="mock"),
        pytest.param({"type": "AWS", "integration_http_method": "POST", "uri": LAMBDA}, id="lambda-needs-no-role"),
        pytest.param({**AWS, "credentials": "arn:aws:iam::*:user/*"}, id="credentials-of-the-caller"),
        pytest.param({**AWS, "credentials": "arn:aws:iam::111122223333:role/${stageVariables.r}"}, id="variable-role"),
        pytest.param(
            {"type": "HTTP", "integration_http_method": "GET", "uri": "https://${stageVariables.host}/{p}"}, id="http"
        ),
        pytest.param(
            {
                "type": "HTTP_PROXY",
                "integration_http_method": "ANY",
                "uri": "http://[::1]:${stageVariables.port}/{proxy+}?a={b}",
                "tls_config": {"insecureSkipVerification": True},
            },
            id="http-proxy",
        ),
    ],
)
async def test_an_integration_that_can_be_put(api, members):
    await api.call_method("put_method", authorization_type="NONE")
    assert (await api.call_method("put_integration", **members))["type"] == members["type"]


async def test_a_response_maps_only_to_declared_headers(api):
    await api.put_mock_method()
    mapping = {"method.response.header.X": "'1'"}
    call = api.call_method("put_integration_response", status_code="200", response_parameters=mapping)
    message = MAPPING.format("Invalid mapping expression parameter specified: method.response.header.X")
    assert await refusal(call) == (BAD, message)


async def test_empty_templates_become_null(api):
    await api.put_mock_method()
    templates = {"application/json": "", "text/plain": "x"}
    put = await api.call_method("put_integration_response", status_code="200", response_templates=templates)
    assert put == {"statusCode": "200", "responseTemplates": {"application/json": None, "text/plain": "x"}}


async def test_a_method_is_put_once(api):
    await api.put_mock_method()
    call = api.call_method("put_method", authorization_type="NONE")
    assert await refusal(call) == (CONFLICT, "Method already exists for this resource")


@pytest.mark.parametrize(
    ("name", "schema", "message"),
    [
        ("", "{}", "Model name must be non-empty"),
        ("A", None, "Model schema must have at least 1 property or array items defined"),
        ("A", "{}", "Model schema must have at least 1 property or array items defined"),
        ("A", "{", MODEL.format("Invalid model schema specified")),
        ("A", "[1]", MODEL.format("Invalid model schema specified")),
        ("A", '{"type":"text"}', MODEL.format("Invalid model schema specified")),
        ("A", '{"minimum":1,"exclusiveMinimum":1}', MODEL.format("Invalid model schema specified")),
        ("A", '{"$ref":"http://127.0.0.1/x"}', MODEL.format("Model reference must be in canonical form")),
    ],
)
async def test_a_model_that_cannot_be_created(api, name, schema, message):
    call = api.call("create_model", name=name, schema=schema, content_type="application/json")
    assert await refusal(call) == (BAD, message)


async def test_a_model_in_use_stays(api):
    await api.call_method("put_method", authorization_type="NONE", request_models={"application/json": "Empty"})
    call = api.call("delete_model", model_name="Empty")
    assert await refusal(call) == (CONFLICT, "Cannot delete model 'Empty', is referenced in method request: /GET")


async def test_a_model_that_another_one_needs_stays(api):
    reference = f"https://apigateway.amazonaws.com/restapis/{api.id}/models/Empty"
    schema = f'{{"type":"array","items":{{"$ref":"{reference}"}}}}'
    await api.call("create_model", name="List", schema=schema, content_type="application/json")
    message = "Cannot delete model 'Empty', is referenced in model: List"
    assert await refusal(api.call("delete_model", model_name="Empty")) == (CONFLICT, message)
    await api.call("delete_model", model_name="List")
    await api.call("delete_model", model_name="Empty")


async def test_a_model_in_a_response_stays(api):
    await api.call_method("put_method", authorization_type="NONE")
    await api.call_method("put_method_response", status_code="200", response_models={"application/json": "Error"})
    call = api.call("delete_model", model_name="Error")
    assert await refusal(call) == (CONFLICT, "Cannot delete model 'Error', is referenced in method response: /GET")


async def test_a_validator_in_use_stays(api):
    made = await api.call("create_request_validator", name="all")
    await api.call_method("put_method", authorization_type="NONE", request_validator_id=made["id"])
    call = api.call("delete_request_validator", request_validator_id=made["id"])
    message = "Cannot delete request validator 'all', is referenced in method: /GET"
    assert await refusal(call) == (CONFLICT, message)


async def test_a_method_response_is_put_once(api):
    await api.put_mock_method()
    await api.call_method("put_method_response", status_code="200")
    call = api.call_method("put_method_response", status_code="200")
    assert await refusal(call) == (CONFLICT, "Response already exists for this resource")


async def test_one_name_in_two_places_of_a_request(api):
    names = {"method.request.header.id": False, "method.request.querystring.id": False}
    call = api.call_method("put_method", authorization_type="NONE", request_parameters=names)
    message = "Parameter names must be unique across querystring, header and path"
    assert await refusal(call) == (BAD, message)


async def test_a_model_name_is_used_once(api):
    call = api.call("create_model", name="Empty", schema='{"type":"object"}', content_type="application/json")
    assert await refusal(call) == (CONFLICT, "Model name already exists for this REST API")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"value": "x" * 19}, "API Key value should be at least 20 characters"),
        ({"value": "x" * 129}, "API Key value exceeds maximum size of 128 characters"),
        ({"name": "x" * 1025}, "Invalid API Key name, can be at most 1024 characters."),
        ({"description": "x" * 125001}, "Invalid API Key description specified."),
    ],
)
async def test_an_api_key_that_cannot_be_created(operations, context, members, message):
    assert await refusal(operations.create_api_key(context, **members)) == (BAD, message)


async def test_an_api_key_value_is_used_once(operations, context, stranger):
    await operations.create_api_key(context, value="x" * 20)
    assert await refusal(operations.create_api_key(context, value="x" * 20)) == (CONFLICT, "API Key already exists")
    assert (await operations.create_api_key(stranger, value="x" * 20))["value"] == "x" * 20


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("get_api_key", {"api_key": "x"}, "Invalid API Key identifier specified"),
        ("get_usage_plan", {"usage_plan_id": "x"}, "Invalid Usage Plan ID specified"),
        (
            "create_usage_plan",
            {"name": "p", "api_stages": [{"apiId": "X", "stage": "Y"}]},
            "Invalid API Stage {api: X, stage: Y} specified for usageplan 000001",
        ),
    ],
)
async def test_unknown_keys_plans_and_stages(operations, context, operation, members, message):
    assert await refusal(getattr(operations, operation)(context, **members)) == (MISSING, message)


async def test_the_keys_of_an_unknown_plan_are_an_empty_list(operations, context):
    assert await operations.get_usage_plan_keys(context, usage_plan_id="nope") == {"items": []}


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_has_at_least_one_item(operations, context, limit):
    assert (await refusal(operations.get_rest_apis(context, limit=limit)))[0] == BAD


async def test_a_forged_position_is_refused(operations, context):
    call = operations.get_api_keys(context, position="!")
    assert await refusal(call) == (BAD, "Invalid position parameter specified")


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("create_deployment", {"tracing_enabled": True}),
        ("create_stage", {"stage_name": "s", "deployment_id": "d", "tracing_enabled": True}),
    ],
)
async def test_features_without_an_implementation_are_refused(api, operation, members):
    assert (await refusal(api.call(operation, **members)))[0] == LACKING


async def test_an_api_has_at_most_300_resources_below_its_root(api):
    for number in range(300):
        await api.call("create_resource", parent_id=api.root_id, path_part=str(number))
    call = api.call("create_resource", parent_id=api.root_id, path_part="more")
    assert await refusal(call) == (
        "LimitExceededException",
        "Maximum number of Resources for this API has been reached.",
    )


async def test_an_api_has_at_most_10_stages(api):
    await api.put_mock_method()
    for number in range(10):
        await api.call("create_deployment", stage_name=f"s{number}")
    await api.call("create_deployment", stage_name="s0")
    call = api.call("create_deployment", stage_name="more")
    assert await refusal(call) == ("LimitExceededException", "Maximum number of Stages for this API has been reached.")
