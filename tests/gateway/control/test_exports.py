"""GetExport: what a document says, in both versions, with and without extensions, and what is refused."""

from __future__ import annotations

import json

import pytest

from groundwatch.aws.errors import NotImplementedByServer, ServiceError

DOCUMENT = {
    "swagger": "2.0",
    "info": {"title": "pets", "version": "1.0.0"},
    "paths": {
        "/pets/{petId}": {
            "get": {
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "type": "string"},
                    {"name": "page", "in": "query", "type": "string"},
                ],
                "produces": ["application/json"],
                "security": [{"key": []}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "schema": {"$ref": "#/definitions/Pet"},
                        "headers": {"X-Total": {"type": "string"}},
                    }
                },
                "x-amazon-apigateway-integration": {
                    "type": "http",
                    "httpMethod": "GET",
                    "uri": "http://pets.example.com/{id}",
                    "requestParameters": {"integration.request.path.id": "method.request.path.petId"},
                    "responses": {"default": {"statusCode": "200"}},
                },
            },
            "post": {
                "parameters": [{"in": "body", "name": "Pet", "schema": {"$ref": "#/definitions/Pet"}}],
                "responses": {},
                "x-amazon-apigateway-integration": {"type": "mock", "requestTemplates": {"text/plain": "{}"}},
            },
        },
    },
    "definitions": {"Pet": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}},
    "securityDefinitions": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
}
INTEGRATION = {
    "type": "http",
    "httpMethod": "GET",
    "uri": "http://pets.example.com/{id}",
    "responses": {"default": {"statusCode": "200"}},
    "requestParameters": {"integration.request.path.id": "method.request.path.petId"},
    "passthroughBehavior": "when_no_match",
}


@pytest.fixture
async def published(operations, context):
    """Exports of one deployed API; source of what they are like: exports of the service recorded in April 2024."""
    made = await operations.import_rest_api(context, body=json.dumps(DOCUMENT).encode())
    call = {"rest_api_id": made["id"], "stage_name": "prod"}
    await operations.create_deployment(context, **call)

    async def export(kind="oas30", extensions=None, **more):
        parameters = {"extensions": extensions} if extensions else None
        answer = await operations.get_export(context, **call, export_type=kind, parameters=parameters, **more)
        return answer if more else json.loads(answer["body"])

    export.id = made["id"]
    return export


async def test_a_plain_openapi_export(published):
    assert await published() == {
        "openapi": "3.0.1",
        "info": {"title": "pets", "version": "1.0.0"},
        "servers": [
            {
                "url": f"https://{published.id}.execute-api.us-east-1.amazonaws.com/{{basePath}}",
                "variables": {"basePath": {"default": "prod"}},
            }
        ],
        "paths": {
            "/pets/{petId}": {
                "get": {
                    "parameters": [
                        {"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}},
                        {"name": "page", "in": "query", "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "description": "200 response",
                            "headers": {"X-Total": {"schema": {"type": "string"}}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                        }
                    },
                    "security": [{"api_key": []}],
                },
                "post": {
                    "parameters": [{"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                        "required": True,
                    },
                    "responses": {},
                },
            }
        },
        "components": {
            "schemas": {"Pet": {"type": "object"}},
            "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        },
    }


async def test_a_plain_swagger_export(published):
    document = await published("swagger")
    paths = document.pop("paths")
    assert document == {
        "swagger": "2.0",
        "info": {"title": "pets", "version": "1.0.0"},
        "host": f"{published.id}.execute-api.us-east-1.amazonaws.com",
        "basePath": "/prod",
        "schemes": ["https"],
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "definitions": {"Pet": {"type": "object"}},
    }
    assert paths["/pets/{petId}"]["get"] == {
        "produces": ["application/json"],
        "parameters": [
            {"name": "petId", "in": "path", "required": True, "type": "string"},
            {"name": "page", "in": "query", "required": False, "type": "string"},
        ],
        "responses": {
            "200": {
                "description": "200 response",
                "headers": {"X-Total": {"type": "string"}},
                "schema": {"$ref": "#/definitions/Pet"},
            }
        },
        "security": [{"api_key": []}],
    }
    assert paths["/pets/{petId}"]["post"] == {
        "consumes": ["application/json"],
        "parameters": [
            {"name": "petId", "in": "path", "required": True, "type": "string"},
            {"in": "body", "name": "Pet", "required": True, "schema": {"$ref": "#/definitions/Pet"}},
        ],
        "responses": {},
    }


@pytest.mark.parametrize("extensions", ["integrations", "apigateway", "authorizers, integrations"])
@pytest.mark.parametrize("kind", ["oas30", "swagger"])
async def test_integrations_come_on_request(published, kind, extensions):
    method = (await published(kind, extensions))["paths"]["/pets/{petId}"]["get"]
    assert method["x-amazon-apigateway-integration"] == INTEGRATION


async def test_what_a_stage_serves_is_exported(published, operations, context):
    await operations.put_rest_api(
        context, rest_api_id=published.id, body=json.dumps({**DOCUMENT, "info": {"title": "other"}}).encode()
    )
    assert (await published())["info"]["title"] == "pets"


async def test_an_api_without_a_version_has_the_time_it_was_made(operations, context, api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="s")
    answer = await api.call("get_export", stage_name="s", export_type="swagger", accepts="application/yaml")
    assert answer["contentDisposition"] == 'attachment; filename="swagger_2023-11-14T22:13:20Z.yaml"'
    assert answer["contentType"] == "application/octet-stream"
    assert b'version: "2023-11-14T22:13:20Z"' in answer["body"]


async def test_a_version_cannot_break_out_of_the_file_name(operations, context):
    body = {**DOCUMENT, "info": {"title": "t", "version": '1"\r\nX: y\u2028/é'}}
    made = await operations.import_rest_api(context, body=json.dumps(body).encode())
    call = {"rest_api_id": made["id"], "stage_name": "prod"}
    await operations.create_deployment(context, **call)
    answer = await operations.get_export(context, **call, export_type="oas30")
    assert answer["contentDisposition"] == 'attachment; filename="oas30_1___X:_y___.json"'


@pytest.mark.parametrize(
    ("accepts", "start"),
    [
        (None, b"{"),
        ("*/*", b"{"),
        ("application/json;charset=utf-8", b"{"),
        ("text/html, application/yaml;q=0.9", b"openapi"),
        ("Application/YAML", b"openapi"),
    ],
)
async def test_the_accept_header_chooses_the_form(published, accepts, start):
    answer = await published(accepts=accepts)
    assert answer["body"].startswith(start)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"export_type": "wsdl"}, "Invalid export type specified: wsdl. Must be one of: oas30, swagger"),
        ({"stage_name": "nope"}, "Invalid stage identifier specified"),
        ({"accepts": "text/html"}, "Invalid Accept header specified: text/html. Must be one of: "),
        ({"parameters": {"extensions": "integration"}}, "Invalid extension specified: integration. Must be one of: "),
        ({"parameters": {"extension": "integrations"}}, "Invalid export parameter specified: extension=integrations"),
    ],
)
async def test_exports_that_are_refused(operations, context, published, members, message):
    call = {"rest_api_id": published.id, "stage_name": "prod", "export_type": "oas30", **members}
    with pytest.raises(ServiceError) as caught:
        await operations.get_export(context, **call)
    assert caught.value.message.startswith(message)


async def test_postman_is_not_made_up(published):
    with pytest.raises(NotImplementedByServer):
        await published(extensions="apigateway,postman")


async def test_another_tenant_exports_nothing(operations, stranger, published):
    with pytest.raises(ServiceError, match="Invalid API identifier specified"):
        await operations.get_export(stranger, rest_api_id=published.id, stage_name="prod", export_type="oas30")


async def test_responses_with_one_pattern_are_written_once(api):
    await api.call_method("put_method", authorization_type="NONE")
    await api.call_method("put_integration", type="MOCK")
    for status, pattern in (("200", None), ("201", ""), ("400", "4.."), ("404", "4.."), ("500", "default")):
        await api.call_method("put_method_response", status_code=status)
        more = {} if pattern is None else {"selection_pattern": pattern}
        await api.call_method("put_integration_response", status_code=status, **more)
    await api.call("create_deployment", stage_name="s")
    answer = await api.call(
        "get_export", stage_name="s", export_type="oas30", parameters={"extensions": "integrations"}
    )
    integration = json.loads(answer["body"])["paths"]["/"]["get"]["x-amazon-apigateway-integration"]
    assert {key: held["statusCode"] for key, held in integration["responses"].items()} == {
        "default": "200",
        "4..": "400",
        "(?:default)": "500",
    }


async def test_authorizers_may_be_called_like_the_schemes_of_keys_and_signatures(operations, context):
    function = "arn:aws:lambda:us-east-1:111122223333:function:who"
    authorizer = {
        "type": "token",
        "authorizerUri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
    }
    scheme = {"type": "apiKey", "name": "T", "in": "header", "x-amazon-apigateway-authorizer": authorizer}
    signed = {"type": "apiKey", "name": "A", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}
    mock = {"responses": {}, "x-amazon-apigateway-integration": {"type": "mock"}}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "t"},
        "paths": {
            "/a": {"get": {**mock, "security": [{"api_key": [], "k": []}]}, "put": {**mock, "security": [{"s": []}]}}
        },
        "components": {
            "securitySchemes": {
                "api_key": scheme,
                "sigv4": scheme,
                "s": signed,
                "k": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            }
        },
    }
    made = await operations.import_rest_api(context, body=json.dumps(document).encode())
    call = {"rest_api_id": made["id"], "stage_name": "prod"}
    await operations.create_deployment(context, **call)
    answer = await operations.get_export(context, **call, export_type="oas30", parameters={"extensions": "apigateway"})
    item = json.loads(answer["body"])["paths"]["/a"]
    assert (item["get"]["security"], item["put"]["security"]) == ([{"api_key": [], "api_key_": []}], [{"sigv4_": []}])
