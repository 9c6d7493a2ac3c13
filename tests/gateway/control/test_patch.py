"""The patch engine, through the Update operations."""

from __future__ import annotations

import pytest
from tests.refusals import refusal


def patch(op, path, value=None):
    return {"op": op, "path": path, **({} if value is None else {"value": value})}


@pytest.mark.parametrize(
    ("operations_given", "expected"),
    [
        pytest.param([patch("replace", "/name", "new")], {"name": "new"}, id="replace-text"),
        pytest.param(
            [patch("replace", "/disableExecuteApiEndpoint", "true")], {"disableExecuteApiEndpoint": True}, id="t"
        ),
        pytest.param(
            [patch("replace", "/disableExecuteApiEndpoint", "yes")],
            {"disableExecuteApiEndpoint": False},
            id="only-true-is-true",
        ),
        pytest.param([patch("replace", "/minimumCompressionSize", "10")], {"minimumCompressionSize": 10}, id="number"),
        pytest.param(
            [patch("add", "/binaryMediaTypes/image~1png"), patch("add", "/binaryMediaTypes/*~1*")],
            {"binaryMediaTypes": ["image/png", "*/*"]},
            id="slash-in-a-key",
        ),
        pytest.param(
            [patch("add", "/binaryMediaTypes/a~1b"), patch("replace", "/binaryMediaTypes/a~1b", "c/d")],
            {"binaryMediaTypes": ["c/d"]},
            id="in-order",
        ),
        pytest.param(
            [patch("replace", "/endpointConfiguration/types/EDGE", "REGIONAL")],
            {"endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"}},
            id="endpoint-type-by-name",
        ),
        pytest.param(
            [patch("replace", "/endpointConfiguration/types/0", "REGIONAL")],
            {"endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"}},
            id="endpoint-type-by-index-as-terraform-does",
        ),
    ],
)
async def test_patches_of_an_api(api, operations_given, expected):
    patched = await api.call("update_rest_api", patch_operations=operations_given)
    assert expected.items() <= patched.items()
    assert patched["tags"] == {}
    assert expected.items() <= (await api.call("get_rest_api")).items()


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        (
            patch("replace", "/nope", "x"),
            "BadRequestException",
            "Invalid patch path  '/nope' specified for op 'replace'. Must be one of: [/description, /schema]",
        ),
        (
            patch("add", "/nope", "x"),
            "BadRequestException",
            "Invalid patch path  '/nope' specified for op 'add'. Please choose supported operations",
        ),
        ({"op": "replace", "value": "x"}, "BadRequestException", "Invalid patch path null"),
        (
            patch("test", "/schema", "x"),
            "BadRequestException",
            "Invalid patch operation specified. Must be one of: [replace]",
        ),
    ],
)
async def test_patches_that_a_model_refuses(api, operation, code, message):
    call = api.call("update_model", model_name="Empty", patch_operations=[operation])
    assert await refusal(call) == (code, message)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nope", "BadRequestException"),
        ("/tracingEnabled", "NotImplementedException"),
    ],
)
async def test_stage_paths_are_unknown_or_not_built(api, path, code):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    call = api.call("update_stage", stage_name="prod", patch_operations=[patch("replace", path, "true")])
    found, message = await refusal(call)
    assert found == code
    if code == "BadRequestException":
        allowed = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, "
        assert message.startswith(f"Invalid method setting path: /nope. Must be one of: {allowed}")
        # As the service writes it, with and without its commas.
        assert (
            "/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rate" in message
        )
        assert "/*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, " in message


async def test_a_list_with_an_error_changes_nothing(api):
    operations = [patch("replace", "/name", "new"), patch("replace", "/nope", "x")]
    await refusal(api.call("update_rest_api", patch_operations=operations))
    assert (await api.call("get_rest_api"))["name"] == "logs"


async def test_a_patched_value_passes_the_same_checks(api):
    operations = [patch("replace", "/minimumCompressionSize", "-1")]
    message = "Invalid minimum compression size, must be between 0 and 10485760"
    assert await refusal(api.call("update_rest_api", patch_operations=operations)) == ("BadRequestException", message)


@pytest.mark.parametrize(
    ("operations_given", "expected"),
    [
        ([patch("replace", "/apiKeyRequired", "true")], {"apiKeyRequired": True}),
        (
            [patch("add", "/requestParameters/method.request.header.a", "true")],
            {"requestParameters": {"method.request.header.a": True}},
        ),
        ([patch("add", "/requestModels/application~1json", "Empty")], {"requestModels": {"application/json": "Empty"}}),
        (
            [patch("replace", "/operationName", "list"), patch("replace", "/operationName", "")],
            {"apiKeyRequired": False},
        ),
    ],
)
async def test_patches_of_a_method(api, operations_given, expected):
    await api.put_mock_method()
    patched = await api.call_method("update_method", patch_operations=operations_given)
    assert expected.items() <= patched.items()


async def test_patches_of_an_integration_and_its_response(api):
    await api.put_mock_method(request_parameters={"method.request.path.a": True})
    patched = await api.call_method(
        "update_integration",
        patch_operations=[
            patch("add", "/requestTemplates/application~1json", '{"statusCode":200}'),
            patch("add", "/requestTemplates/text~1plain", ""),
            patch("replace", "/timeoutInMillis", "100"),
            patch("replace", "/passthroughBehavior", "NEVER"),
            patch("add", "/cacheKeyParameters/method.request.path.a"),
        ],
    )
    assert patched["requestTemplates"] == {"application/json": '{"statusCode":200}', "text/plain": None}
    assert (patched["timeoutInMillis"], patched["passthroughBehavior"]) == (100, "NEVER")
    assert patched["cacheKeyParameters"] == ["method.request.path.a"]

    await api.call_method("put_integration_response", status_code="200")
    without_value = [patch("add", "/responseTemplates/text~1plain")]
    call = api.call_method("update_integration_response", status_code="200", patch_operations=without_value)
    assert await refusal(call) == ("BadRequestException", "Invalid null or empty value in responseTemplates")


async def test_a_moved_resource_takes_its_children_along(api):
    a = await api.call("create_resource", parent_id=api.root_id, path_part="a")
    b = await api.call("create_resource", parent_id=a["id"], path_part="b")
    c = await api.call("create_resource", parent_id=api.root_id, path_part="c")
    await api.call("update_resource", resource_id=a["id"], patch_operations=[patch("replace", "/pathPart", "x")])
    assert (await api.call("get_resource", resource_id=b["id"]))["path"] == "/x/b"
    await api.call("update_resource", resource_id=a["id"], patch_operations=[patch("replace", "/parentId", c["id"])])
    assert (await api.call("get_resource", resource_id=b["id"]))["path"] == "/c/x/b"
    into_itself = [patch("replace", "/parentId", b["id"])]
    call = api.call("update_resource", resource_id=a["id"], patch_operations=into_itself)
    assert await refusal(call) == ("BadRequestException", "Resources cannot be cyclical.")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/pathPart", "Root resource cannot update its pathPart."),
        ("/parentId", "Root resource cannot update its parentId."),
    ],
)
async def test_the_root_stays(api, path, message):
    call = api.call("update_resource", resource_id=api.root_id, patch_operations=[patch("replace", path, "x")])
    assert await refusal(call) == ("BadRequestException", message)


async def test_patches_of_a_stage_are_live_at_once(api, store, clock):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod", variables={"a": "1"})
    clock.now_ms += 5000
    patched = await api.call(
        "update_stage",
        stage_name="prod",
        patch_operations=[patch("replace", "/variables/b", "2"), patch("remove", "/variables/a")],
    )
    assert patched["variables"] == {"b": "2"}
    assert patched["lastUpdatedDate"] - patched["createdDate"] == 5
    assert (await store.find_stage(api.id, "prod")).stage.variables == {"b": "2"}


async def test_patches_of_keys_and_plans(api, operations, context):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    key = await operations.create_api_key(context, name="k")
    enabled = await operations.update_api_key(
        context, api_key=key["id"], patch_operations=[patch("replace", "/enabled", "true")]
    )
    assert enabled["enabled"]
    assert "value" not in enabled

    plan = await operations.create_usage_plan(context, name="p")
    stage = f"{api.id}:prod"
    added = await operations.update_usage_plan(
        context, usage_plan_id=plan["id"], patch_operations=[patch("add", "/apiStages", stage)]
    )
    assert added["apiStages"] == [{"apiId": api.id, "stage": "prod"}]

    async def plan_patch(*given):
        return await operations.update_usage_plan(context, usage_plan_id=plan["id"], patch_operations=list(given))

    unknown = f"Invalid API Stage {{api: {api.id}, stage: nope}} specified for usageplan {plan['id']}"
    assert await refusal(plan_patch(patch("add", "/apiStages", f"{api.id}:nope"))) == ("NotFoundException", unknown)
    assert await refusal(plan_patch(patch("remove", "/apiStages", f"{api.id}:nope"))) == ("NotFoundException", unknown)
    assert await refusal(plan_patch(patch("add", "/apiStages"))) == (
        "BadRequestException",
        "Invalid API Stage specified",
    )
    assert (await plan_patch(patch("remove", "/apiStages", stage)))["apiStages"] == []


async def test_a_patch_customises_a_gateway_response(api):
    patched = await api.call(
        "update_gateway_response",
        response_type="DEFAULT_4XX",
        patch_operations=[patch("add", "/responseParameters/gatewayresponse.header.X", "'1'")],
    )
    assert patched == {
        "responseType": "DEFAULT_4XX",
        "responseParameters": {"gatewayresponse.header.X": "'1'"},
        "responseTemplates": {"application/json": '{"message":$context.error.messageString}'},
        "defaultResponse": False,
    }
    inherited = await api.call("get_gateway_response", response_type="THROTTLED")
    assert inherited["statusCode"] == "429"
    assert inherited["responseParameters"] == {"gatewayresponse.header.X": "'1'"}
    assert inherited["defaultResponse"]
