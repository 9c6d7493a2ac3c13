"""Every operation on one world: it works, names what it does not find, hides it from strangers, and pages its lists."""

from __future__ import annotations

import inspect
import re

import pytest
from tests.gateway.control.world import FUNCTION

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.account import AccountOperations
from groundwatch.gateway.control.authorizers import AuthorizerOperations
from groundwatch.gateway.control.gateway_responses import GatewayResponseOperations
from groundwatch.gateway.control.integrations import IntegrationOperations
from groundwatch.gateway.control.keys import ApiKeyOperations
from groundwatch.gateway.control.plans import UsagePlanOperations
from groundwatch.gateway.control.releases import ReleaseOperations
from groundwatch.gateway.control.resources import ResourceOperations
from groundwatch.gateway.control.rest_apis import RestApiOperations
from groundwatch.gateway.control.tags import TagOperations
from groundwatch.gateway.control.usage import UsageOperations

GROUPS = (
    RestApiOperations,
    ResourceOperations,
    IntegrationOperations,
    ReleaseOperations,
    ApiKeyOperations,
    UsagePlanOperations,
    GatewayResponseOperations,
    AuthorizerOperations,
    TagOperations,
    AccountOperations,
    UsageOperations,
)
API = "rest_api_id=api"
ITEM = f"{API} resource_id=item"
GET = f"{ITEM} http_method=GET"
DAYS = "start_date=2023-11-14 end_date=2023-11-14"
# Each operation with members that work; a value that is a name of the world stands for its id.
WORKING = {
    "create_rest_api": "name=new",
    "get_rest_api": API,
    "get_rest_apis": "",
    "update_rest_api": API,
    "delete_rest_api": API,
    "create_resource": f"{API} parent_id=item path_part=new",
    "get_resource": ITEM,
    "get_resources": API,
    "update_resource": ITEM,
    "delete_resource": ITEM,
    "put_method": f"{ITEM} http_method=PUT authorization_type=NONE",
    "get_method": GET,
    "update_method": GET,
    "delete_method": GET,
    "put_method_response": f"{GET} status_code=201",
    "get_method_response": f"{GET} status_code=200",
    "update_method_response": f"{GET} status_code=200",
    "delete_method_response": f"{GET} status_code=200",
    "put_integration": f"{GET} type=MOCK",
    "get_integration": GET,
    "update_integration": GET,
    "delete_integration": GET,
    "put_integration_response": f"{GET} status_code=201",
    "get_integration_response": f"{GET} status_code=200",
    "update_integration_response": f"{GET} status_code=200",
    "delete_integration_response": f"{GET} status_code=200",
    "test_invoke_method": GET,
    "create_deployment": API,
    "get_deployment": f"{API} deployment_id=first",
    "get_deployments": API,
    "update_deployment": f"{API} deployment_id=first",
    "delete_deployment": f"{API} deployment_id=second",
    "create_stage": f"{API} stage_name=new deployment_id=first",
    "get_stage": f"{API} stage_name=prod",
    "get_stages": API,
    "update_stage": f"{API} stage_name=prod",
    "delete_stage": f"{API} stage_name=prod",
    "flush_stage_cache": f"{API} stage_name=prod",
    "flush_stage_authorizers_cache": f"{API} stage_name=prod",
    "create_api_key": "",
    "get_api_key": "api_key=key",
    "get_api_keys": "",
    "update_api_key": "api_key=key",
    "delete_api_key": "api_key=key",
    "create_usage_plan": "name=new",
    "get_usage_plan": "usage_plan_id=plan",
    "get_usage_plans": "",
    "update_usage_plan": "usage_plan_id=plan",
    "delete_usage_plan": "usage_plan_id=free",
    "create_usage_plan_key": "usage_plan_id=free key_id=key key_type=API_KEY",
    "get_usage_plan_key": "usage_plan_id=plan key_id=key",
    "get_usage_plan_keys": "usage_plan_id=plan",
    "delete_usage_plan_key": "usage_plan_id=plan key_id=key",
    "put_gateway_response": f"{API} response_type=UNAUTHORIZED",
    "get_gateway_response": f"{API} response_type=UNAUTHORIZED",
    "get_gateway_responses": API,
    "update_gateway_response": f"{API} response_type=UNAUTHORIZED",
    "delete_gateway_response": f"{API} response_type=THROTTLED",
    "create_authorizer": f"{API} name=new type=TOKEN authorizer_uri=function identity_source=method.request.header.A",
    "get_authorizer": f"{API} authorizer_id=authorizer",
    "get_authorizers": API,
    "update_authorizer": f"{API} authorizer_id=authorizer",
    "delete_authorizer": f"{API} authorizer_id=authorizer",
    "test_invoke_authorizer": f"{API} authorizer_id=authorizer",
    "get_tags": "resource_arn=arn",
    "tag_resource": "resource_arn=arn tags=",
    "untag_resource": "resource_arn=arn tag_keys=",
    "get_account": "",
    "update_account": "",
    "get_usage": f"usage_plan_id=plan key_id=key {DAYS}",
    "update_usage": "usage_plan_id=plan key_id=key",
    "get_models": API,
    "get_model": f"{API} model_name=Pet",
    "create_model": f'{API} name=New content_type=application/json schema={{"type":"object"}}',
    "update_model": f"{API} model_name=Pet",
    "delete_model": f"{API} model_name=Error",
    "get_request_validators": API,
    "get_request_validator": f"{API} request_validator_id=validator",
    "create_request_validator": f"{API} name=new",
    "update_request_validator": f"{API} request_validator_id=validator",
    "delete_request_validator": f"{API} request_validator_id=validator",
}
UNKNOWN = {
    "rest_api_id": "Invalid API identifier specified 111122223333:nope",
    "resource_id": "Invalid Resource identifier specified",
    "parent_id": "Invalid Resource identifier specified",
    "http_method": "Invalid Method identifier specified",
    "status_code": "Invalid Response status code specified",
    "deployment_id": "Invalid Deployment identifier specified",
    "stage_name": "Invalid stage identifier specified",
    "api_key": "Invalid API Key identifier specified",
    "usage_plan_id": "Invalid Usage Plan ID specified",
    "key_id": "Invalid Usage Plan Key identifier specified",
    "response_type": "Gateway response type not defined on api",
    "authorizer_id": "Invalid Authorizer identifier specified",
    "model_name": "Invalid model name specified: nope",
    "request_validator_id": "Invalid Request Validator identifier specified",
}
# What some operations say of an unknown member instead; None where there is nothing to find.
OTHERWISE = {
    ("create_usage_plan_key", "key_id"): "Invalid API Key identifier specified",
    ("get_usage", "key_id"): "Invalid Key identifier specified",
    ("update_usage", "key_id"): "Invalid Key identifier specified",
    ("create_stage", "deployment_id"): "Deployment id does not exist",
    ("create_stage", "stage_name"): None,
    ("put_method_response", "status_code"): None,
    ("put_integration_response", "status_code"): None,
    ("create_request_validator", "rest_api_id"): "Invalid REST API identifier specified",
    ("get_usage_plan_keys", "usage_plan_id"): None,
    ("put_gateway_response", "response_type"): "Invalid response type specified: nope",
    ("get_gateway_response", "response_type"): None,
    ("update_gateway_response", "response_type"): "Invalid response type specified: nope",
    ("put_method", "http_method"): "Invalid HttpMethod specified. Valid options are "
    "GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
}
LISTS = {
    "get_rest_apis": 1,
    "get_resources": 4,
    "get_deployments": 2,
    "get_api_keys": 1,
    "get_usage_plans": 2,
    "get_usage_plan_keys": 1,
    "get_gateway_responses": 21,
    "get_authorizers": 2,
    "get_models": 3,
    "get_request_validators": 1,
}


def members_of(operation, names):
    pairs = (member.split("=", 1) for member in WORKING[operation].split())
    given = {member: names.get(value, value) for member, value in pairs}
    return {member: value if member not in ("tags", "tag_keys") else {} for member, value in given.items()}


@pytest.fixture
def database(world_copy):
    return world_copy


@pytest.fixture
async def names(world, operations, context):
    known = world[1]
    free = await operations.create_usage_plan(context, name="free")
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{known['api']}"
    return {**known, "free": free["id"], "arn": arn, "function": FUNCTION}


@pytest.mark.parametrize("operation", list(WORKING))
async def test_it_works(operations, context, names, operation):
    await getattr(operations, operation)(context, **members_of(operation, names))


def unknown_members():
    for operation, members in WORKING.items():
        for member in (pair.partition("=")[0] for pair in members.split()):
            message = OTHERWISE.get((operation, member), UNKNOWN.get(member))
            if message is not None:
                yield pytest.param(operation, member, message, id=f"{operation}-{member}")


@pytest.mark.parametrize(("operation", "member", "message"), list(unknown_members()))
async def test_it_names_what_it_does_not_find(operations, context, names, operation, member, message):
    members = {**members_of(operation, names), member: "nope"}
    if member == "rest_api_id" and not {"resource_id", "parent_id"}.isdisjoint(members):
        # Below the resources an unknown API is an unknown resource.
        message = UNKNOWN["resource_id"]
    with pytest.raises(ServiceError) as caught:
        await getattr(operations, operation)(context, **members)
    expected = 404 if message in UNKNOWN.values() or " Key " in message else 400
    assert (caught.value.message, caught.value.status) == (message, expected)


OPEN = {"create_rest_api", "create_api_key", "create_usage_plan", "get_account", "update_account"}


@pytest.mark.parametrize("operation", sorted(WORKING.keys() - OPEN))
async def test_another_account_finds_nothing(operations, stranger, names, operation):
    call = getattr(operations, operation)(stranger, **members_of(operation, names))
    if operation in ("get_rest_apis", "get_api_keys", "get_usage_plans", "get_usage_plan_keys"):
        assert (await call)["items"] == []
        return
    with pytest.raises(ServiceError) as caught:
        await call
    wanted = 400 if operation == "create_request_validator" else 404
    assert caught.value.status == wanted


@pytest.mark.parametrize(("operation", "count"), list(LISTS.items()))
async def test_a_list_in_pages_is_the_list(operations, context, names, operation, count):
    members = members_of(operation, names)

    async def page(**paging):
        return await getattr(operations, operation)(context, **members, **paging)

    whole = await page(limit=500)
    assert len(whole["items"]) == count
    assert "position" not in whole
    seen, position = [], None
    for _ in range(count):
        part = await page(limit=1, position=position)
        seen += part["items"]
        position = part.get("position")
    assert seen == whole["items"]
    assert position is None
    assert len((await page(limit=501))["items"]) == count


@pytest.mark.parametrize("operation", list(LISTS))
@pytest.mark.parametrize(
    ("paging", "message"),
    [
        ({"limit": 0}, "Invalid limit specified: 0. Must be between 1 and 500"),
        ({"limit": -1}, "Invalid limit specified: -1. Must be between 1 and 500"),
        ({"position": "!"}, "Invalid position parameter specified"),
        ({"position": "/w=="}, "Invalid position parameter specified"),
        ({"position": "A" * 5000}, "Invalid position parameter specified"),
    ],
    ids=["no-items", "fewer", "no-base64", "no-text", "too-long"],
)
async def test_a_page_that_cannot_be(operations, context, names, operation, paging, message):
    with pytest.raises(ServiceError, match=re.escape(message)) as caught:
        await getattr(operations, operation)(context, **members_of(operation, names), **paging)
    assert caught.value.status == 400


def test_no_operation_is_left_out():
    public = {
        name
        for group in GROUPS
        for name, _ in inspect.getmembers(group, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public <= WORKING.keys()
