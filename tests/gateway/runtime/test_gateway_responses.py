"""The gateway's own answers and their customisation."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import Authorizer, GatewayResponse
from groundwatch.gateway.runtime.errors import DEFAULTS, GatewayError
from groundwatch.gateway.runtime.gateway_responses import plain_response

BODIES = [
    ("MISSING_AUTHENTICATION_TOKEN", 403, b'{"message":"Missing Authentication Token"}'),
    ("INVALID_API_KEY", 403, b'{"message":"Forbidden"}'),
    ("API_CONFIGURATION_ERROR", 500, b'{"message": "Internal server error"}'),
    ("INTEGRATION_TIMEOUT", 504, b'{"message": "Endpoint request timed out"}'),
    ("UNSUPPORTED_MEDIA_TYPE", 415, b'{"message": "Unsupported Media Type"}'),
    ("BAD_REQUEST_BODY", 400, b'{"message": "Invalid request body"}'),
    ("THROTTLED", 429, b'{"message":"Too Many Requests"}'),
    ("QUOTA_EXCEEDED", 429, b'{"message":"Limit Exceeded"}'),
    ("UNAUTHORIZED", 401, b'{"message":"Unauthorized"}'),
    ("AUTHORIZER_CONFIGURATION_ERROR", 500, b'{"message":null}'),
    ("ACCESS_DENIED", 403, b'{"Message":"User is not authorized to access this resource"}'),
    ("REQUEST_TOO_LARGE", 413, b'{"message":"Request Too Long"}'),
]


@pytest.mark.parametrize(("response_type", "status", "body"), BODIES)
def test_default_form(response_type, status, body):
    answer = plain_response(GatewayError(response_type))
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize("response_type", DEFAULTS)
def test_every_type_has_one_shape(response_type):
    answer = plain_response(GatewayError(response_type))
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-amzn-errortype").endswith("Exception")


T = "MISSING_AUTHENTICATION_TOKEN"
CUSTOM = [
    pytest.param({T: {"status_code": "404"}}, 404, '{"message":"Missing Authentication Token"}', id="the status only"),
    pytest.param(
        {T: {"response_templates": {"application/json": '{"m":$context.error.messageString}'}}},
        403,
        '{"m":"Missing Authentication Token"}',
        id="the template only",
    ),
    pytest.param(
        {
            T: {
                "response_templates": {
                    "application/json": "$context.error.responseType $stageVariables.v $context.nope."
                }
            }
        },
        403,
        f"{T} green .",
        id="references",
    ),
    pytest.param(
        {T: {"response_templates": {"application/json": "#if(true)$input.body #end $method.request.querystring.q"}}},
        403,
        "#if(true)$input.body #end <b>",
        id="nothing else is evaluated",
    ),
    pytest.param(
        {"DEFAULT_4XX": {"status_code": "418"}}, 418, '{"message":"Missing Authentication Token"}', id="group"
    ),
    pytest.param(
        {"DEFAULT_5XX": {"status_code": "518"}}, 403, '{"message":"Missing Authentication Token"}', id="other"
    ),
    pytest.param(
        {T: {"status_code": "404"}, "DEFAULT_4XX": {"status_code": "418"}},
        404,
        '{"message":"Missing Authentication Token"}',
        id="the type wins over the group",
    ),
]


@pytest.mark.parametrize(("custom", "status", "body"), CUSTOM)
async def test_customised(custom, status, body, make_gateway, mock):
    responses = {name: GatewayResponse(name, **members) for name, members in custom.items()}
    gateway = make_gateway({"/": mock()}, gateway_responses=responses, variables={"v": "green"})
    answer = await gateway.request("/nowhere?q=<b>")
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


async def test_headers_and_accept(make_gateway, mock):
    custom = GatewayResponse(
        "DEFAULT_4XX",
        response_parameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.X-Query": "method.request.querystring.q",
        },
        response_templates={"text/plain": "plain", "application/json": "{}"},
    )
    gateway = make_gateway({"/": mock()}, gateway_responses={"DEFAULT_4XX": custom})
    answer = await gateway.request("/nowhere?q=1", headers={"accept": "text/plain"})
    assert (answer.body, answer.headers["content-type"]) == ("plain", "text/plain")
    assert (answer.headers["access-control-allow-origin"], answer.headers["x-query"]) == ("*", "1")


RENAMED = [
    pytest.param("WWW-Authenticate", "www-authenticate", id="what browsers ask passwords for"),
    pytest.param("Date", "x-amzn-remapped-date", id="as of integrations"),
]


@pytest.mark.parametrize(("name", "arrives"), RENAMED)
async def test_names_of_headers(name, arrives, make_gateway, mock):
    # Recorded from the service in 2019: a 401 with `WWW-Authenticate: Basic`, under its own name.
    parameters = {f"gatewayresponse.header.{name}": "'Basic realm=\"me\"'"}
    custom = GatewayResponse("UNAUTHORIZED", response_parameters=parameters)
    authorizer = Authorizer("auth12", "who", "TOKEN", authorizer_uri="x", identity_source="method.request.header.Auth")
    gateway = make_gateway(
        {"/": mock(authorization_type="CUSTOM", authorizer_id="auth12")},
        authorizers={"auth12": authorizer},
        gateway_responses={"UNAUTHORIZED": custom},
    )
    answer = await gateway.request("/")
    assert (answer.status, answer.headers.get(arrives)) == (401, 'Basic realm="me"')


async def test_unknown_stage_cannot_be_customised(make_gateway, mock):
    custom = GatewayResponse("DEFAULT_4XX", status_code="418")
    gateway = make_gateway({"/": mock()}, gateway_responses={"DEFAULT_4XX": custom})
    assert (await gateway.request("/", prefix="/abcdef1234/v2")).status == 403


async def test_customisation_that_cannot_be_used_gives_the_default(make_gateway, mock, caplog):
    custom = GatewayResponse("DEFAULT_4XX", response_parameters={"gatewayresponse.header.X": "nonsense"})
    gateway = make_gateway({"/": mock()}, gateway_responses={"DEFAULT_4XX": custom})
    answer = await gateway.request("/nowhere")
    assert (answer.status, answer.body) == (403, '{"message":"Missing Authentication Token"}')
    assert "cannot be used" in caplog.text
