"""One of everything that the control plane keeps, for tests that go through all of it."""

from __future__ import annotations

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:111122223333:function:f/invocations"
)
ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/a"


async def build(operations, context):
    """One of everything; returns the ids by the names that the rows use."""

    async def call(operation, **members):
        return await getattr(operations, operation)(context, **members)

    made = await call("create_rest_api", name="api", binary_media_types=["image/png", "text/csv"])
    api = {"rest_api_id": made["id"]}
    names = {"api": made["id"], "root": made["rootResourceId"]}
    for name, parent, part in (("pets", "root", "pets"), ("item", "pets", "{id}"), ("other", "root", "other")):
        names[name] = (await call("create_resource", **api, parent_id=names[parent], path_part=part))["id"]
    await call("create_model", **api, name="Pet", content_type="application/json", schema='{"type":"object"}')
    names["validator"] = (await call("create_request_validator", **api, name="all"))["id"]
    names["authorizer"] = (
        await call(
            "create_authorizer",
            **api,
            name="token",
            type="TOKEN",
            authorizer_uri=FUNCTION,
            identity_source="method.request.header.A",
        )
    )["id"]
    names["pool"] = (
        await call(
            "create_authorizer",
            **api,
            name="pool",
            type="COGNITO_USER_POOLS",
            provider_arns=[POOL],
            identity_source="method.request.header.A",
        )
    )["id"]
    await build_methods(call, api, names)
    await build_release(call, api, names)
    return names


async def build_methods(call, api, names):
    get = {**api, "resource_id": names["item"], "http_method": "GET"}
    await call(
        "put_method",
        **get,
        authorization_type="NONE",
        request_parameters={"method.request.path.id": True, "method.request.querystring.q": False},
        request_models={"application/json": "Pet"},
    )
    await call(
        "put_method_response",
        **get,
        status_code="200",
        response_parameters={"method.response.header.X": False},
        response_models={"application/json": "Pet"},
    )
    await call(
        "put_integration",
        **get,
        type="HTTP",
        integration_http_method="GET",
        uri="https://example.com/{id}",
        request_parameters={"integration.request.path.id": "method.request.path.id"},
        request_templates={"application/json": "{}"},
        cache_key_parameters=["method.request.querystring.q"],
    )
    await call("put_integration_response", **get, status_code="200", response_templates={"application/json": "{}"})
    post = {**get, "http_method": "POST"}
    await call(
        "put_method",
        **post,
        authorization_type="COGNITO_USER_POOLS",
        authorizer_id=names["pool"],
        authorization_scopes=["read"],
    )
    await call("put_integration", **post, type="MOCK")


async def build_release(call, api, names):
    await call(
        "put_gateway_response",
        **api,
        response_type="THROTTLED",
        response_parameters={"gatewayresponse.header.A": "'a'"},
        response_templates={"application/json": "{}"},
    )
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}
    await call("update_account", patch_operations=[role])
    first = await call("create_deployment", **api, stage_name="prod", variables={"a": "1"})
    names["first"], names["second"] = first["id"], (await call("create_deployment", **api))["id"]
    names["key"] = (await call("create_api_key", name="k"))["id"]
    stage = {"apiId": names["api"], "stage": "prod", "throttle": {"/pets/GET": {"rateLimit": 1.0}}}
    names["plan"] = (
        await call(
            "create_usage_plan",
            name="p",
            api_stages=[stage],
            throttle={"rateLimit": 2.0, "burstLimit": 5},
            quota={"limit": 100, "offset": 1, "period": "WEEK"},
        )
    )["id"]
    await call("create_usage_plan_key", usage_plan_id=names["plan"], key_id=names["key"], key_type="API_KEY")
