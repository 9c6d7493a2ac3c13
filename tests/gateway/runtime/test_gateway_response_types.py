"""Every type of gateway response that a request can bring about: its default, and customised with what it knows."""

from __future__ import annotations

import asyncio
import json

import pytest

from groundwatch.gateway.control.gateway_responses import DEFAULT_STATUS
from groundwatch.gateway.definition import (
    ApiKey,
    Authorizer,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodSetting,
    Model,
    Quota,
    RequestValidator,
    UsagePlan,
)
from groundwatch.gateway.functions import FunctionAnswer
from groundwatch.gateway.runtime.errors import DEFAULTS

KEY = "k" * 20
POLICY = json.dumps(
    {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}]}
)
VALIDATORS = {"val123": RequestValidator("val123", "v", validate_request_body=True, validate_request_parameters=True)}
MODELS = {"Note": Model("m1", "Note", schema='{"type":"object","required":["NoteId"]}')}
TOKEN = Authorizer(
    "auth12",
    "a",
    "TOKEN",
    authorizer_uri="arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:eu-west-1:123456789012:function:f/invocations",
    identity_source="method.request.header.Authorization",
)
CUSTOM = {"authorization_type": "CUSTOM", "authorizer_id": "auth12"}
# Type: the method's members, the API's members, the request's options, the default message.
REQUESTS = {
    "ACCESS_DENIED": ({}, {"policy": POLICY}, {}, "User: anonymous is not authorized to perform: execute-api:Invoke"),
    "API_CONFIGURATION_ERROR": (
        {"integration": {"request_templates": {"application/json": "{}"}}},
        {},
        {},
        "Internal server error",
    ),
    "AUTHORIZER_FAILURE": (CUSTOM, {}, {"headers": {"authorization": "x"}}, None),
    "BAD_REQUEST_BODY": (
        {"verb": "POST", "request_validator_id": "val123", "request_models": {"application/json": "Note"}},
        {},
        {"method": "POST", "body": b"{}"},
        "Invalid request body",
    ),
    "BAD_REQUEST_PARAMETERS": (
        {"request_validator_id": "val123", "request_parameters": {"method.request.querystring.q": True}},
        {},
        {},
        "Missing required request parameters: [q]",
    ),
    "INVALID_API_KEY": ({"api_key_required": True}, {}, {}, "Forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": ({}, {}, {"path": "/nowhere"}, "Missing Authentication Token"),
    "QUOTA_EXCEEDED": ({"api_key_required": True}, {}, {"headers": {"x-api-key": KEY}}, "Limit Exceeded"),
    "THROTTLED": ({}, {}, {}, "Too Many Requests"),
    "UNAUTHORIZED": (CUSTOM, {}, {}, "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": (
        {"verb": "POST", "integration": {"passthrough_behavior": "NEVER"}},
        {},
        {"method": "POST", "headers": {"content-type": "text/csv"}},
        "Unsupported Media Type",
    ),
}
TEMPLATE = (
    "$context.error.responseType|$context.error.message|$context.error.messageString|"
    "$context.error.validationErrorString"
)


@pytest.fixture
def bring_about(make_gateway, mock):
    """Returns the gateway whose next request ends in this type, and the request's options."""

    def make(response_type, **changes):
        method, api, options, _ = REQUESTS[response_type]
        authorizers = {"auth12": TOKEN}
        gateway = make_gateway(
            {"/": mock(**method)},
            request_validators=VALIDATORS,
            models=MODELS,
            authorizers=authorizers,
            **api,
            **changes,
        )
        function = TOKEN.authorizer_uri.partition("/functions/")[2].removesuffix("/invocations")
        gateway.functions.answers[function] = FunctionAnswer(b'{"errorMessage":"broken"}', "Unhandled")
        if response_type == "THROTTLED":
            gateway.catalog.set_stage(method_settings={"*/*": MethodSetting(throttling_burst_limit=0)})
        if response_type == "QUOTA_EXCEEDED":
            key = ApiKey("key1", KEY, "k", "123456789012", "eu-west-1", 0, 0, enabled=True)
            gateway.catalog.keys[KEY] = key
            gateway.catalog.plans["key1"] = UsagePlan("plan1", "p", "123456789012", "eu-west-1", quota=Quota(0, "DAY"))
        return gateway, options

    return make


@pytest.mark.parametrize("response_type", list(REQUESTS))
async def test_the_default(response_type, bring_about):
    gateway, options = bring_about(response_type)
    answer = await gateway.request(**options)
    default, message = DEFAULTS[response_type], REQUESTS[response_type][3]
    assert (answer.status, answer.headers["content-type"]) == (default.status, "application/json")
    assert answer.headers["x-amzn-errortype"] == default.error_type
    found = next(iter(json.loads(answer.body).values()))
    assert found == message or found.startswith(f"{message} on resource: ")


@pytest.mark.parametrize("response_type", list(REQUESTS))
async def test_a_custom_form_knows_the_error(response_type, bring_about):
    custom = GatewayResponse(
        response_type,
        status_code="599",
        response_parameters={
            "gatewayresponse.header.X-Type": "context.error.responseType",
            "gatewayresponse.header.X-Static": "'s'",
            "gatewayresponse.header.X-Absent": "method.request.header.absent",
        },
        response_templates={"application/json": TEMPLATE},
    )
    gateway, options = bring_about(response_type, gateway_responses={response_type: custom})
    answer = await gateway.request(**options)
    kind, message, quoted, why = answer.body.split("|")
    assert answer.status == 599
    assert (answer.headers["x-type"], answer.headers["x-static"]) == (response_type, "s")
    assert "x-absent" not in answer.headers
    assert (kind, message.startswith(REQUESTS[response_type][3] or "")) == (response_type, True)
    # As JSON, null where the service itself has no message.
    assert json.loads(quoted) == (message or None)
    assert bool(why) is (response_type == "BAD_REQUEST_BODY")


@pytest.mark.parametrize("response_type", list(REQUESTS))
async def test_the_group_stands_in_for_a_type(response_type, bring_about):
    default = DEFAULTS[response_type]
    group = f"DEFAULT_{default.status // 100}XX"
    cors = GatewayResponse(group, response_parameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"})
    gateway, options = bring_about(response_type, gateway_responses={group: cors})
    answer = await gateway.request(**options)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (default.status, "*")
    assert answer.headers["x-amzn-errortype"] == default.error_type


def failing_integration(uri, timeout_in_millis=29_000):
    integration = Integration(
        "HTTP", "GET", uri, timeout_in_millis=timeout_in_millis, responses={"200": IntegrationResponse("200")}
    )
    return Method("GET", integration=integration)


async def test_an_integration_that_fails_or_takes_too_long(make_gateway, make_web_server):
    async def never(_request):
        await asyncio.Event().wait()

    slow = await make_web_server(reply=never)
    forms = {
        kind: GatewayResponse(kind, response_templates={"application/json": TEMPLATE})
        for kind in ("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT")
    }
    methods = {"/gone": failing_integration("http://127.0.0.1:1"), "/slow": failing_integration(slow.url, 50)}
    gateway = make_gateway(methods, gateway_responses=forms)
    gone = await gateway.request("/gone")
    late = await gateway.request("/slow")
    assert (gone.status, gone.body.split("|")[0]) == (504, "INTEGRATION_FAILURE")
    assert (late.status, late.body.split("|")[0]) == (504, "INTEGRATION_TIMEOUT")
    assert late.body.split("|")[1] == "Endpoint request timed out"


async def test_a_request_that_is_too_large_keeps_the_services_form(make_gateway, mock):
    custom = GatewayResponse("REQUEST_TOO_LARGE", status_code="400")
    gateway = make_gateway({"/": mock(verb="POST")}, gateway_responses={"REQUEST_TOO_LARGE": custom})
    answer = await gateway.request("/", "POST", headers={"content-length": str(10_485_761)})
    assert (answer.status, answer.body) == (413, '{"message":"Request Too Long"}')


def test_the_control_plane_shows_the_statuses_that_the_runtime_sends():
    shown = {kind: status for kind, status in DEFAULT_STATUS.items() if status is not None}
    assert shown == {kind: str(default.status) for kind, default in DEFAULTS.items()}
    assert DEFAULT_STATUS.keys() - shown.keys() == {"DEFAULT_4XX", "DEFAULT_5XX"}
