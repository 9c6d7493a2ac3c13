"""Answers: the members that are always there, paging, deployments, tags and the test call."""

from __future__ import annotations

import inspect
import re

import botocore.session
import pytest
from botocore import xform_name

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.operations import ApiGatewayOperations

NOW_S = 1_700_000_000


async def test_a_new_api_has_the_services_defaults(operations, context):
    api = await operations.create_rest_api(context, name="logs")
    assert api == {
        "id": api["id"],
        "name": "logs",
        "createdDate": NOW_S,
        "apiKeySource": "HEADER",
        "disableExecuteApiEndpoint": False,
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
        "rootResourceId": api["rootResourceId"],
    }
    resources = await operations.get_resources(context, rest_api_id=api["id"])
    assert resources == {"items": [{"id": api["rootResourceId"], "path": "/"}]}
    models = (await operations.get_models(context, rest_api_id=api["id"]))["items"]
    assert [(model["name"], model["description"]) for model in models] == [
        ("Empty", "This is a default empty schema model"),
        ("Error", "This is a default error schema model"),
    ]


async def test_a_resource_policy_is_expanded_and_answered_escaped(operations, context, store):
    policy = (
        '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}]}'
    )
    api = await operations.create_rest_api(context, name="a", policy=policy)
    expanded = policy.replace("execute-api:/*", f"arn:aws:execute-api:us-east-1:111122223333:{api['id']}/*")
    assert api["policy"] == expanded.replace('"', '\\"')


async def test_lists_come_in_pages(operations, context):
    created = [(await operations.create_rest_api(context, name=str(number)))["id"] for number in range(5)]
    seen, position = [], None
    for _ in range(3):
        page = await operations.get_rest_apis(context, limit=2, position=position)
        seen += [item["id"] for item in page["items"]]
        position = page.get("position")
    assert seen == created
    assert position is None


async def test_api_keys_are_listed_newest_first_in_pages_and_by_prefix(operations, context, clock):
    for name in ("a1", "A1", "a2"):
        await operations.create_api_key(context, name=name)
        clock.now_ms += 1000
    first = await operations.get_api_keys(context, limit=2)
    assert [key["name"] for key in first["items"]] == ["a2", "A1"]
    assert all("value" not in key for key in first["items"])
    second = await operations.get_api_keys(context, limit=2, position=first["position"], include_values=True)
    assert [(key["name"], len(key["value"])) for key in second["items"]] == [("a1", 40)]
    assert [key["name"] for key in (await operations.get_api_keys(context, name_query="a"))["items"]] == ["a2", "a1"]


async def test_a_new_api_key_is_disabled_and_shows_its_value_once(operations, context):
    key = await operations.create_api_key(context, name="k")
    assert (key["enabled"], key["stageKeys"], len(key["value"])) == (False, [], 40)
    assert "value" not in await operations.get_api_key(context, api_key=key["id"])
    shown = await operations.get_api_key(context, api_key=key["id"], include_value=True)
    assert shown["value"] == key["value"]


async def test_methods_are_embedded_on_request(api):
    await api.put_mock_method()
    await api.call_method("put_method_response", status_code="200", response_models={"application/json": "Empty"})
    (bare,) = (await api.call("get_resources"))["items"]
    assert bare["resourceMethods"] == {"GET": {}}
    (full,) = (await api.call("get_resources", embed=["methods"]))["items"]
    assert full["resourceMethods"]["GET"] == await api.call_method("get_method")
    assert full["resourceMethods"]["GET"]["methodResponses"]["200"]["responseModels"] == {"application/json": "Empty"}


@pytest.mark.parametrize(
    ("prepared", "message"),
    [(False, "The REST API doesn't contain any methods"), (True, "No integration defined for method")],
)
async def test_an_api_that_cannot_be_deployed(api, prepared, message):
    if prepared:
        await api.call_method("put_method", authorization_type="NONE")
    with pytest.raises(ServiceError, match=message):
        await api.call("create_deployment", stage_name="prod")
    assert await api.call("get_stages") == {"item": []}


async def test_a_deployment_is_a_copy_of_its_moment(api, store):
    await api.put_mock_method()
    first = await api.call("create_deployment", stage_name="prod", description="one")
    assert first == {"id": first["id"], "createdDate": NOW_S, "description": "one"}
    await api.call_method("put_method", http_method="POST", authorization_type="AWS_IAM")
    await api.call_method("put_integration", http_method="POST", type="MOCK")
    assert set((await store.find_stage(api.id, "prod")).deployment.api.resources[api.root_id].methods) == {"GET"}
    second = await api.call("create_deployment", stage_name="prod")
    assert set((await store.find_stage(api.id, "prod")).deployment.api.resources[api.root_id].methods) == {
        "GET",
        "POST",
    }
    summary = await api.call("get_deployment", deployment_id=second["id"], embed=["apisummary"])
    assert summary["apiSummary"]["/"]["POST"] == {"authorizationType": "AWS_IAM", "apiKeyRequired": False}

    with pytest.raises(ServiceError, match="Active stages pointing to this deployment must be moved or deleted"):
        await api.call("delete_deployment", deployment_id=second["id"])
    back = [{"op": "replace", "path": "/deploymentId", "value": first["id"]}]
    await api.call("update_stage", stage_name="prod", patch_operations=back)
    await api.call("delete_deployment", deployment_id=second["id"])
    assert set((await store.find_stage(api.id, "prod")).deployment.api.resources[api.root_id].methods) == {"GET"}


async def test_a_new_stage_has_the_services_defaults(api):
    await api.put_mock_method()
    deployment = await api.call("create_deployment")
    stage = await api.call("create_stage", stage_name="prod", deployment_id=deployment["id"], tags={"team": "a"})
    assert stage == {
        "stageName": "prod",
        "deploymentId": deployment["id"],
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
        "tags": {"team": "a"},
        "createdDate": NOW_S,
        "lastUpdatedDate": NOW_S,
    }
    with pytest.raises(ServiceError, match="Stage already exists"):
        await api.call("create_stage", stage_name="prod", deployment_id=deployment["id"])
    with pytest.raises(ServiceError, match="Deployment id does not exist"):
        await api.call("create_stage", stage_name="other", deployment_id="nope")


async def test_deleting_a_resource_takes_its_subtree(api):
    a = await api.call("create_resource", parent_id=api.root_id, path_part="a")
    await api.call("create_resource", parent_id=a["id"], path_part="b")
    await api.call("delete_resource", resource_id=a["id"])
    assert [item["path"] for item in (await api.call("get_resources"))["items"]] == ["/"]


async def test_tags_of_every_kind_of_resource(api, operations, context):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    key = await operations.create_api_key(context)
    plan = await operations.create_usage_plan(context, name="p")
    paths = [
        f"restapis/{api.id}",
        f"restapis/{api.id}/stages/prod",
        f"apikeys/{key['id']}",
        f"usageplans/{plan['id']}",
    ]
    for path in paths:
        arn = f"arn:aws:apigateway:us-east-1::/{path}"
        await operations.tag_resource(context, resource_arn=arn, tags={"a": "1", "b": "2"})
        await operations.untag_resource(context, resource_arn=arn, tag_keys=["a", "z"])
        assert await operations.get_tags(context, resource_arn=arn) == {"tags": {"b": "2"}}


@pytest.mark.parametrize(
    "arn",
    ["nope", "arn:aws:apigateway:eu-west-1::/restapis/x", "arn:aws:apigateway:us-east-1::/apikeys/x/stages/y"],
)
async def test_arns_of_nothing_here_are_refused(operations, context, arn):
    with pytest.raises(ServiceError, match="Invalid resource arn"):
        await operations.get_tags(context, resource_arn=arn)


async def test_gateway_responses_list_defaults_and_custom_ones(api):
    await api.call(
        "put_gateway_response",
        response_type="MISSING_AUTHENTICATION_TOKEN",
        status_code="404",
        response_templates={"application/json": '{"no":1}'},
    )
    page = await api.call("get_gateway_responses")
    assert len(page["items"]) == 21
    custom = [item for item in page["items"] if not item["defaultResponse"]]
    assert [(item["responseType"], item["statusCode"]) for item in custom] == [("MISSING_AUTHENTICATION_TOKEN", "404")]
    await api.call("delete_gateway_response", response_type="MISSING_AUTHENTICATION_TOKEN")
    default = await api.call("get_gateway_response", response_type="MISSING_AUTHENTICATION_TOKEN")
    assert (default["statusCode"], default["defaultResponse"]) == ("403", True)


async def test_a_test_call_runs_the_current_definition(api, invoker):
    await api.put_mock_method()
    answer = await api.call_method("test_invoke_method", path_with_query_string="/?a=1", headers={"h": "v"})
    assert answer == {
        "status": 200,
        "body": "{}",
        "headers": {"a": "b"},
        "multiValueHeaders": {"a": ["b"]},
        "log": "Execution log\n",
        "latency": 7,
    }
    ((held, resource, method, request, _),) = invoker.calls
    assert (held.id, resource.path, method.http_method) == (api.id, "/", "GET")
    assert (request.path_with_query_string, request.headers) == ("/?a=1", {"h": "v"})


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("get_rest_api", {}),
        ("update_rest_api", {"patch_operations": []}),
        ("delete_rest_api", {}),
        ("get_resources", {}),
        ("create_deployment", {}),
        ("get_stage", {"stage_name": "prod"}),
        ("get_models", {}),
        ("put_rest_api", {"body": b"{}"}),
        ("put_gateway_response", {"response_type": "THROTTLED"}),
    ],
)
async def test_another_account_sees_nothing(api, operations, stranger, operation, members):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    with pytest.raises(ServiceError, match=f"Invalid API identifier specified 444455556666:{api.id}"):
        await getattr(operations, operation)(stranger, rest_api_id=api.id, **members)
    assert (await operations.get_rest_apis(stranger))["items"] == []


async def test_keys_and_plans_of_another_account_are_unknown(operations, context, stranger, api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    key = await operations.create_api_key(context)
    plan = await operations.create_usage_plan(context, name="p")
    foreign = await operations.create_usage_plan(stranger, name="p")
    calls = [
        operations.get_api_key(stranger, api_key=key["id"]),
        operations.delete_api_key(stranger, api_key=key["id"]),
        operations.get_usage_plan(stranger, usage_plan_id=plan["id"]),
        operations.delete_usage_plan(stranger, usage_plan_id=plan["id"]),
        operations.create_usage_plan_key(stranger, usage_plan_id=foreign["id"], key_id=key["id"], key_type="API_KEY"),
        operations.create_usage_plan(stranger, name="q", api_stages=[{"apiId": api.id, "stage": "prod"}]),
        operations.get_tags(stranger, resource_arn=f"arn:aws:apigateway:us-east-1::/apikeys/{key['id']}"),
    ]
    for call in calls:
        with pytest.raises(ServiceError) as caught:
            await call
        assert caught.value.code == "NotFoundException"


def test_every_method_takes_members_of_the_model_only():
    model = botocore.session.get_session().get_service_model("apigateway")
    names = {xform_name(name): name for name in model.operation_names}
    methods = inspect.getmembers(ApiGatewayOperations, inspect.isfunction)
    public = [(name, method) for name, method in methods if not name.startswith("_")]
    assert len(public) > 70
    for name, method in public:
        shape = model.operation_model(names[name]).input_shape
        members = {xform_name(member) for member in shape.members} if shape is not None else set()
        assert set(list(inspect.signature(method).parameters)[2:]) <= members, name


def test_random_ids_have_the_services_form():
    ids = RandomIds()
    assert len({ids.identifier(10) for _ in range(100)}) == 100
    assert re.fullmatch("[a-z0-9]{6}", ids.identifier(6))
    assert re.fullmatch("[A-Za-z0-9]{40}", ids.key_value())
