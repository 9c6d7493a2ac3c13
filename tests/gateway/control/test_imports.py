"""ImportRestApi and PutRestApi: from document to resources."""

from __future__ import annotations

import json

import pytest
import yaml

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.store import Place

ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
MOCK = {"x-amazon-apigateway-integration": {"type": "mock"}}
LOGS = {
    "parameters": [
        {"name": "stream", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "limit", "in": "query", "schema": {"type": "string"}},
    ],
    "responses": {"200": {"description": "ok"}, "400": {"description": "bad"}},
    "security": [{"key": []}],
    "x-amazon-apigateway-integration": {
        "type": "aws",
        "httpMethod": "POST",
        "uri": "arn:aws:apigateway:${AWS::Region}:logs:action/GetLogEvents",
        "credentials": "arn:aws:iam::${AWS::AccountId}:role/apigw-logs",
        "requestParameters": {
            "integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'",
            "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
        },
        "requestTemplates": {"application/json": "{}"},
        "passthroughBehavior": "never",
        "responses": {"default": {"statusCode": "200"}, "4\\d{2}": {"statusCode": "400"}},
    },
}
KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}


def openapi(paths, **more):
    return {"openapi": "3.0.1", "info": {"title": "logs", "version": "1"}, "paths": paths, **more}


def swagger(paths, **more):
    return {"swagger": "2.0", "info": {"title": "logs", "version": "1"}, "paths": paths, **more}


def as_json(document):
    return json.dumps(document).encode()


def as_yaml(document):
    return yaml.safe_dump(document).encode()


async def paths_of(operations, context, api_id):
    page = await operations.get_resources(context, rest_api_id=api_id, limit=500)
    return {item["path"]: sorted(item.get("resourceMethods", {})) for item in page["items"]}


@pytest.mark.parametrize("encode", [as_json, as_yaml])
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            openapi({"/streams/{stream}": {"get": LOGS}}, components={"securitySchemes": {"key": KEY}}), id="openapi3"
        ),
        pytest.param(swagger({"/streams/{stream}": {"get": LOGS}}, securityDefinitions={"key": KEY}), id="swagger2"),
    ],
)
async def test_the_same_api_from_every_form(operations, context, authorizer, store, document, encode):
    body = encode(document)
    api = await operations.import_rest_api(
        context, body=body, parameters={"endpointConfigurationTypes": "REGIONAL"}, fail_on_warnings=True
    )
    assert (api["name"], api["version"], api["endpointConfiguration"]["types"]) == ("logs", "1", ["REGIONAL"])
    assert "warnings" not in api
    assert await paths_of(operations, context, api["id"]) == {"/": [], "/streams": [], "/streams/{stream}": ["GET"]}
    held = await store.get_api(Place(context.account_id, context.region), api["id"])
    (resource,) = [held for held in held.resources.values() if held.methods]
    method = resource.methods["GET"]
    assert method.api_key_required
    assert method.request_parameters == {"method.request.path.stream": True, "method.request.querystring.limit": False}
    assert method.integration.uri == "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
    assert method.integration.cache_namespace == resource.id
    assert method.integration.responses["400"].selection_pattern == "4\\d{2}"
    assert [(check.action, check.resource) for check in authorizer.checks] == [("iam:PassRole", ROLE)]
    await operations.create_deployment(context, rest_api_id=api["id"], stage_name="prod")


async def test_a_role_that_may_not_be_passed_stops_the_import(operations, context, authorizer):
    authorizer.denied.add("iam:PassRole")
    document = swagger({"/streams/{stream}": {"get": LOGS}}, securityDefinitions={"key": KEY})
    with pytest.raises(ServiceError, match="not iam:PassRole"):
        await operations.import_rest_api(context, body=as_json(document))
    assert (await operations.get_rest_apis(context))["items"] == []


@pytest.mark.parametrize(
    ("document", "mode", "paths"),
    [
        (swagger({"/e": {"get": MOCK}}, basePath="/a/b/c"), "ignore", ["/", "/e"]),
        (swagger({"/e": {"get": MOCK}}, basePath="/a/b/c"), "prepend", ["/", "/a", "/a/b", "/a/b/c", "/a/b/c/e"]),
        (swagger({"/e": {"get": MOCK}}, basePath="/a/b/c"), "split", ["/", "/b", "/b/c", "/b/c/e"]),
        (
            openapi({"/test": {"get": MOCK}}, servers=[{"url": "https://x/base-url/part/"}]),
            "prepend",
            ["/", "/base-url", "/base-url/part", "/base-url/part/test"],
        ),
        (
            openapi({"/test": {"get": MOCK}}, servers=[{"url": "https://x/base-url/part/"}]),
            "split",
            ["/", "/part", "/part/test"],
        ),
        (openapi({"/": {"get": MOCK}}), "prepend", ["/"]),
    ],
)
async def test_base_path_modes(operations, context, document, mode, paths):
    api = await operations.import_rest_api(context, body=as_json(document), parameters={"basepath": mode})
    assert sorted(await paths_of(operations, context, api["id"])) == paths


HTTP = {"type": "http", "httpMethod": "GET", "uri": "nope"}
UNDECLARED = {
    "type": "http",
    "httpMethod": "GET",
    "uri": "https://x",
    "requestParameters": {"integration.request.header.a": "method.request.header.Authorization"},
}


@pytest.mark.parametrize(
    ("document", "reasons"),
    [
        pytest.param(
            openapi({"/": {"get": {"x-amazon-apigateway-integration": HTTP}}}),
            [("Unable to put integration on 'GET' for resource at path '/': Invalid HTTP endpoint specified for URI")],
            id="bad-uri",
        ),
        pytest.param(
            openapi({"/": {"get": {"x-amazon-apigateway-integration": UNDECLARED}}}),
            [
                (
                    "Unable to put integration on 'GET' for resource at path '/': Invalid mapping expression "
                    "specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter "
                    "specified: method.request.header.Authorization]"
                )
            ],
            id="undeclared-parameter",
        ),
        pytest.param(
            openapi({"/{a}": {"get": MOCK}, "/{b}": {"get": MOCK}, "/a b": {}}),
            None,
            id="several-at-once",
        ),
    ],
)
async def test_errors_come_in_one_frame(operations, context, document, reasons):
    with pytest.raises(ServiceError) as caught:
        await operations.import_rest_api(context, body=as_json(document))
    assert caught.value.code == "BadRequestException"
    heading, *lines = caught.value.message.split("\n\t")
    assert heading == "Errors found during import:"
    if reasons is not None:
        assert lines == reasons
    else:
        assert len(lines) >= 2


WARNED = openapi(
    {
        "/test": {
            "get": {
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestParameters": {"integration.request.header.x": True},
                }
            }
        }
    }
)


async def test_warnings_are_answered_or_fail_the_import(operations, context):
    warning = (
        "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.x' of "
        "resource '/test' and method 'GET' but got 'true'"
    )
    api = await operations.import_rest_api(context, body=as_json(WARNED))
    assert api["warnings"] == [warning]
    again = await operations.put_rest_api(context, rest_api_id=api["id"], body=as_json(WARNED))
    assert again["warnings"] == [warning]
    before = await operations.get_rest_api(context, rest_api_id=api["id"])
    renamed = as_json({**WARNED, "info": {"title": "renamed"}})
    with pytest.raises(ServiceError) as caught:
        await operations.put_rest_api(context, rest_api_id=api["id"], body=renamed, fail_on_warnings=True)
    assert caught.value.message == f"Warnings found during import:\n\t{warning}"
    assert await operations.get_rest_api(context, rest_api_id=api["id"]) == before


async def test_merge_keeps_and_overwrite_drops(api, operations, context):
    await api.put_mock_method()
    await api.call("update_rest_api", patch_operations=[{"op": "add", "path": "/binaryMediaTypes/a~1b"}])
    document = openapi(
        {"/": {"post": MOCK}, "/new": {"get": MOCK}}, **{"x-amazon-apigateway-binary-media-types": ["c/d"]}
    )
    merged = await api.call("put_rest_api", body=as_json(document), mode="merge")
    assert merged["binaryMediaTypes"] == ["a/b", "c/d"]
    assert (merged["id"], merged["tags"]) == (api.id, {})
    assert await paths_of(operations, context, api.id) == {"/": ["GET", "POST"], "/new": ["GET"]}
    assert [model["name"] for model in (await api.call("get_models"))["items"]] == ["Empty", "Error"]
    overwritten = await api.call("put_rest_api", body=as_json(openapi({"/": {"post": MOCK}})), mode="overwrite")
    assert overwritten["rootResourceId"] == api.root_id
    assert await paths_of(operations, context, api.id) == {"/": ["POST"]}
    assert (await api.call("get_models"))["items"] == []


async def test_an_import_leaves_a_live_stage_alone(api, store):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    before = (await store.find_stage(api.id, "prod")).deployment
    await api.call("put_rest_api", body=as_json(openapi({"/x": {"get": MOCK}})), mode="overwrite")
    assert (await store.find_stage(api.id, "prod")).deployment is before


async def test_importing_the_same_document_again_changes_nothing(operations, context, store):
    validators = {"all": {"validateRequestBody": True}}
    document = openapi(
        {"/x": {"get": {**MOCK, "x-amazon-apigateway-request-validator": "all"}}},
        components={"schemas": {"Pet": {"type": "object"}}},
        **{"x-amazon-apigateway-request-validators": validators},
    )
    api = await operations.import_rest_api(context, body=as_json(document))
    place = Place(context.account_id, context.region)
    before = await store.get_api(place, api["id"])
    await operations.put_rest_api(context, rest_api_id=api["id"], body=as_json(document))
    assert await store.get_api(place, api["id"]) == before
    (validator,) = before.request_validators.values()
    assert [r.methods["GET"].request_validator_id for r in before.resources.values() if r.methods] == [validator.id]


@pytest.mark.parametrize(
    ("body", "parameters", "message"),
    [
        (b"nope", {}, "Invalid OpenAPI input."),
        (b'{"openapi":"3.0.1","info":{},"paths":{}}', {}, "Invalid OpenAPI input. The document has no info.title."),
        (b"{}", {"basepath": "nope"}, "Invalid import parameter specified: basepath=nope"),
        (b"{}", {"other": "1"}, "Invalid import parameter specified: other=1"),
        (
            b"{}",
            {"endpointConfigurationTypes": "PRIVATE"},
            "The endpoint type PRIVATE is not implemented by Groundwatch.",
        ),
    ],
)
async def test_imports_that_are_refused(operations, context, body, parameters, message):
    with pytest.raises(ServiceError) as caught:
        await operations.import_rest_api(context, body=body, parameters=parameters)
    assert caught.value.message == message


async def test_a_policy_shorthand_is_expanded(operations, context, store):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["execute-api:/*"]}
    document = openapi({"/": {"get": MOCK}}, **{"x-amazon-apigateway-policy": {"Statement": [statement]}})
    api = await operations.import_rest_api(context, body=as_json(document))
    held = await store.get_api(Place(context.account_id, context.region), api["id"])
    resource = json.loads(held.policy)["Statement"][0]["Resource"]
    assert resource == [f"arn:aws:execute-api:us-east-1:111122223333:{api['id']}/*"]


async def test_more_resources_than_an_api_may_have_end_an_import(operations, context):
    document = openapi({f"/p{number}": {"get": MOCK} for number in range(301)})
    with pytest.raises(ServiceError) as caught:
        await operations.import_rest_api(context, body=json.dumps(document).encode())
    assert (caught.value.code, caught.value.status) == ("LimitExceededException", 429)
    assert caught.value.message == "Maximum number of Resources for this API has been reached."
    assert (await operations.get_rest_apis(context))["items"] == []
