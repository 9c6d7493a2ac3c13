"""The way of the AWS guides: an API with one method on CloudWatch Logs, published with a key."""

from __future__ import annotations

ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
LOGS_URI = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"


METHOD = {
    "authorization_type": "NONE",
    "api_key_required": True,
    "request_parameters": {"method.request.path.stream": True},
}
INTEGRATION = {
    "type": "AWS",
    "integration_http_method": "POST",
    "uri": LOGS_URI,
    "credentials": ROLE,
    "passthrough_behavior": "NEVER",
    "request_parameters": {"integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'"},
    "request_templates": {"application/json": '{"logStreamName":"$input.params(\'stream\')"}'},
}


async def build_method(operations, context, place, resource_id):
    """Let a GET of the resource read a log stream; each step tells what it has made."""
    method = {**place, "resource_id": resource_id, "http_method": "GET"}
    assert await operations.put_method(context, **method, **METHOD) == {
        "httpMethod": "GET",
        "authorizationType": "NONE",
        "apiKeyRequired": True,
        "requestParameters": METHOD["request_parameters"],
    }
    assert await operations.put_integration(context, **method, **INTEGRATION) == {
        "type": "AWS",
        "httpMethod": "POST",
        "uri": LOGS_URI,
        "credentials": ROLE,
        "passthroughBehavior": "NEVER",
        "timeoutInMillis": 29000,
        "cacheNamespace": resource_id,
        "cacheKeyParameters": [],
        "requestParameters": INTEGRATION["request_parameters"],
        "requestTemplates": INTEGRATION["request_templates"],
    }
    await operations.put_method_response(context, **method, status_code="200")
    await operations.put_integration_response(context, **method, status_code="200", selection_pattern="2\\d{2}")


async def publish(operations, context, place):
    """Deploy the API for a customer, and return the key that admits it."""
    await operations.create_deployment(context, **place, stage_name="prod", variables={"group": "/svc/orders"})
    key = await operations.create_api_key(context, name="customer", enabled=True)
    stages = [{"apiId": place["rest_api_id"], "stage": "prod"}]
    plan = await operations.create_usage_plan(context, name="customers", api_stages=stages)
    admitted = await operations.create_usage_plan_key(
        context, usage_plan_id=plan["id"], key_id=key["id"], key_type="API_KEY"
    )
    assert admitted == {"id": key["id"], "type": "API_KEY", "value": key["value"], "name": "customer"}
    return key


async def test_an_api_on_logs_is_built_published_and_found_by_the_runtime(operations, context, store):
    api = await operations.create_rest_api(context, name="logs", endpoint_configuration={"types": ["REGIONAL"]})
    place = {"rest_api_id": api["id"]}
    groups = await operations.create_resource(context, **place, parent_id=api["rootResourceId"], path_part="logs")
    stream = await operations.create_resource(context, **place, parent_id=groups["id"], path_part="{stream}")
    assert stream == {"id": stream["id"], "parentId": groups["id"], "pathPart": "{stream}", "path": "/logs/{stream}"}
    await build_method(operations, context, place, stream["id"])
    key = await publish(operations, context, place)

    deployed = await store.find_stage(api["id"], "prod")
    held = deployed.deployment.api.resources[stream["id"]].methods["GET"]
    assert held.integration.credentials == ROLE
    assert held.integration.responses["200"].selection_pattern == "2\\d{2}"
    assert deployed.stage.variables == {"group": "/svc/orders"}
    found = await store.find_api_key(key["value"], api["id"], "prod")
    assert found.id == key["id"]
