"""What each part of a document becomes, and what is refused or reported."""

from __future__ import annotations

import json

import pytest
from tests.gateway.openapi.documents import MOCK, openapi, read, swagger

from groundwatch.aws.errors import ServiceError


def read_method(document):
    draft, findings = read(document)
    assert findings.errors == []
    return draft.methods[0].method


@pytest.mark.parametrize("version", [{}, {"openapi": "3.1.0"}, {"swagger": "1.2"}, {"openapi": 2}])
def test_other_versions_are_refused(version):
    with pytest.raises(ServiceError, match="Invalid OpenAPI input"):
        read(version)


@pytest.mark.parametrize("url", ["https://[::1/x", "//[", "https://[v/"])
def test_a_server_without_a_url_is_refused(url):
    with pytest.raises(ServiceError, match=r"Invalid OpenAPI input\. The first server has no valid URL\."):
        read(openapi(servers=[{"url": url}]))


@pytest.mark.parametrize(
    ("document", "base_path"),
    [
        (swagger(basePath="/a/b"), "/a/b"),
        (swagger(), ""),
        (openapi(servers=[{"url": "https://x.example/base/part/"}]), "/base/part/"),
        (openapi(servers=[{"url": "https://x/{v}", "variables": {"v": {"default": "v1"}}}]), "/v1"),
        (openapi(servers=[{"url": "https://x/y", "variables": {"basePath": {"default": "z"}}}]), "z"),
        (openapi(), ""),
    ],
)
def test_where_the_base_path_stands(document, base_path):
    assert read(document)[0].base_path == base_path


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        pytest.param(
            openapi({"parameters": [{"name": "q", "in": "query"}, {"name": "h", "in": "header", "required": True}]}),
            {"method.request.querystring.q": False, "method.request.header.h": True},
            id="locations",
        ),
        pytest.param(
            openapi(paths={"/x/{id}/{rest+}": {"get": {}}}),
            {"method.request.path.id": True, "method.request.path.rest": True},
            id="path-parameters-are-declared-by-themselves",
        ),
        pytest.param(
            openapi(
                paths={"/x": {"parameters": [{"$ref": "#/components/parameters/q"}], "get": {}}},
                components={"parameters": {"q": {"name": "q", "in": "query"}}},
            ),
            {"method.request.querystring.q": False},
            id="shared-and-referenced",
        ),
    ],
)
def test_parameters(document, parameters):
    assert read_method(document).request_parameters == parameters


PET = {"type": "object", "properties": {"name": {"type": "string"}}}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            openapi(
                {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
                components={"schemas": {"Pet": PET}},
            ),
            id="openapi3",
        ),
        pytest.param(
            swagger(
                {"parameters": [{"in": "body", "name": "b", "schema": {"$ref": "#/definitions/Pet"}}]},
                definitions={"Pet": PET},
            ),
            id="swagger2",
        ),
    ],
)
def test_a_body_refers_to_its_model(document):
    draft, findings = read(document)
    assert findings.errors == []
    assert draft.methods[0].method.request_models == {"application/json": "Pet"}
    assert json.loads(draft.models["Pet"]) == PET


def test_a_schema_without_a_name_gets_one_that_stays():
    document = swagger({"consumes": ["text/x"], "parameters": [{"in": "body", "name": "b", "schema": PET}]})
    first, second = read(document)[0], read(document)[0]
    (name,) = first.models
    assert first.methods[0].method.request_models == {"text/x": name}
    assert first.models == second.models
    assert name.isalnum()


def test_references_between_models_become_urls():
    schemas = {"Pet": PET, "Pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}
    draft, _ = read(openapi(components={"schemas": schemas}))
    expected = "https://apigateway.amazonaws.com/restapis/api1/models/Pet"
    assert json.loads(draft.models["Pets"])["items"] == {"$ref": expected}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            openapi(
                {
                    "responses": {
                        "200": {
                            "headers": {"X-A": {}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                        }
                    }
                },
                components={"schemas": {"Pet": PET}},
            ),
            id="openapi3",
        ),
        pytest.param(
            swagger(
                {"responses": {"200": {"headers": {"X-A": {}}, "schema": {"$ref": "#/definitions/Pet"}}}},
                definitions={"Pet": PET},
            ),
            id="swagger2",
        ),
    ],
)
def test_method_responses(document):
    response = read_method(document).responses["200"]
    assert response.response_parameters == {"method.response.header.X-A": False}
    assert response.response_models == {"application/json": "Pet"}


API_KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}
IAM = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}
JWT = {**API_KEY, "name": "Auth", "x-amazon-apigateway-authorizer": {"type": "saml"}}

NATIVE = {**API_KEY, "x-amazon-apigateway-authorizer": {"type": "jwt", "jwtConfiguration": {}}}


def secured(operation, security=None):
    schemes = {"key": API_KEY, "iam": IAM, "oauth": {"type": "oauth2"}}
    more = {} if security is None else {"security": security}
    return openapi(operation, components={"securitySchemes": schemes}, **more)


@pytest.mark.parametrize(
    ("document", "protection"),
    [
        pytest.param(secured({}), ("NONE", False), id="open"),
        pytest.param(secured({"security": [{"key": []}]}), ("NONE", True), id="key"),
        pytest.param(secured({"security": [{"iam": []}]}), ("AWS_IAM", False), id="iam"),
        pytest.param(secured({"security": [{"iam": [], "key": []}]}), ("AWS_IAM", True), id="both"),
        pytest.param(secured({"security": [{"iam": []}, {"key": []}]}), ("AWS_IAM", True), id="as-the-service-exports"),
        pytest.param(secured({}, [{"key": []}]), ("NONE", True), id="from-the-root"),
        pytest.param(secured({"security": []}, [{"key": []}]), ("NONE", False), id="empty-list-opens"),
        pytest.param(
            secured({"x-amazon-apigateway-auth": {"type": "NONE"}}, [{"key": []}]), ("NONE", False), id="auth-over-root"
        ),
        pytest.param(secured({"x-amazon-apigateway-auth": {"type": "aws_iam"}}), ("AWS_IAM", False), id="auth"),
        pytest.param(
            swagger({"security": [{"key": []}]}, securityDefinitions={"key": API_KEY}), ("NONE", True), id="swagger2"
        ),
    ],
)
def test_security(document, protection):
    method = read_method(document)
    assert (method.authorization_type, method.api_key_required) == protection


@pytest.mark.parametrize(
    ("document", "error"),
    [
        pytest.param(
            openapi(components={"securitySchemes": {"lambda": JWT}}),
            "Unable to create authorizer 'lambda': authorizers of type 'saml' are not implemented",
            id="authorizer",
        ),
        pytest.param(
            secured({"security": [{"oauth": []}]}),
            "The security scheme 'oauth' of type 'oauth2' on 'GET' for resource at path '/a' is not implemented",
            id="a-scheme-left-out-would-open-the-method",
        ),
        pytest.param(
            secured({"security": [{"nope": []}]}),
            "Unable to find the security scheme 'nope' on 'GET' for resource at path '/a'",
            id="unknown-scheme",
        ),
        pytest.param(
            openapi({"x-amazon-apigateway-new-thing": 1}),
            "Unsupported extension 'x-amazon-apigateway-new-thing' on 'GET' for resource at path '/a'",
            id="unknown-extension",
        ),
        pytest.param(
            openapi({"x-amazon-apigateway-integration": {"type": "lambda"}}),
            "Unable to put integration on 'GET' for resource at path '/a': Invalid integration type specified: lambda",
            id="integration-type",
        ),
        pytest.param(
            openapi({"x-amazon-apigateway-integration": {"type": "mock", "responseTransferMode": "STREAM"}}),
            "Unable to put integration on 'GET' for resource at path '/a': responseTransferMode 'STREAM' is not "
            "implemented",
            id="streaming",
        ),
        pytest.param(
            openapi({"requestBody": {"content": {"a/b": {"schema": {"$ref": "#/components/schemas/No"}}}}}),
            "Unable to find the model '#/components/schemas/No' on 'GET' for resource at path '/a'",
            id="dangling-reference",
        ),
        pytest.param(
            openapi(servers=[{"x-amazon-apigateway-endpoint-configuration": {"vpcEndpointIds": ["vpce-1"]}}]),
            "The endpoint configuration 'vpcEndpointIds' is not implemented",
            id="vpc-endpoints",
        ),
        pytest.param(
            swagger(**{"x-amazon-apigateway-endpoint-configuration": {"ipAddressType": "ipv5"}}),
            "Invalid ipAddressType specified: ipv5",
            id="address-type",
        ),
        pytest.param(
            openapi(**{"x-amazon-apigateway-endpoint-access-mode": "STRICT"}),
            "The endpoint access mode 'STRICT' is not implemented",
            id="access-mode",
        ),
        pytest.param(
            openapi(components={"securitySchemes": {"native": NATIVE}}),
            "Unable to create authorizer 'native': invalid jwtConfiguration: Object missing required field `issuers`",
            id="jwt-configuration",
        ),
    ],
)
def test_errors_name_what_and_where(document, error):
    assert read(document)[1].errors == [error]


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        pytest.param(
            openapi(
                {
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "requestParameters": {"integration.request.header.x": True},
                    }
                }
            ),
            "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.x' "
            "of resource '/a' and method 'GET' but got 'true'",
            id="mapping-that-is-no-text",
        ),
        pytest.param(
            openapi(
                {
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "responses": {"default": {"statusCode": "200"}, "2..": {"statusCode": "200"}},
                    }
                }
            ),
            "More than one integration response of resource '/a' and method 'GET' has the statusCode 200",
            id="one-status-twice",
        ),
        pytest.param(
            openapi({"parameters": [{"name": "c", "in": "cookie"}]}),
            "The parameter 'c' in 'cookie' on 'GET' for resource at path '/a' is not supported",
            id="cookie",
        ),
    ],
)
def test_warnings(document, warning):
    draft, findings = read(document)
    assert (findings.errors, findings.warnings) == ([], [warning])
    assert draft.name == "t"


def test_an_integration_is_read_whole():
    held = {
        "type": "aws",
        "httpMethod": "post",
        "uri": "arn:aws:apigateway:us-east-1:logs:path//",
        "credentials": "arn:aws:iam::111122223333:role/r",
        "requestParameters": {"integration.request.header.a": "'1'"},
        "requestTemplates": {"application/json": ""},
        "passthroughBehavior": "never",
        "contentHandling": "CONVERT_TO_TEXT",
        "timeoutInMillis": 1000,
        "cacheKeyParameters": ["method.request.path.a"],
        "responses": {"default": {"statusCode": 200}, "4\\d{2}": {"statusCode": "400"}},
        "payloadFormatVersion": "1.0",
    }
    integration = read_method(openapi({"x-amazon-apigateway-integration": held})).integration
    assert (integration.type, integration.http_method, integration.passthrough_behavior) == ("AWS", "POST", "NEVER")
    assert integration.request_templates == {"application/json": None}
    assert integration.timeout_in_millis == 1000
    patterns = {code: response.selection_pattern for code, response in integration.responses.items()}
    assert patterns == {"200": None, "400": "4\\d{2}"}


def test_any_method_and_validators():
    document = openapi(
        paths={
            "/a": {"x-amazon-apigateway-any-method": {**MOCK, "x-amazon-apigateway-request-validator": "params"}},
            "/b": {"get": MOCK},
        },
        **{
            "x-amazon-apigateway-request-validators": {
                "all": {"validateRequestBody": True, "validateRequestParameters": True},
                "params": {"validateRequestParameters": True},
            },
            "x-amazon-apigateway-request-validator": "all",
        },
    )
    draft, findings = read(document)
    assert findings.errors == []
    assert [(held.method.http_method, held.validator_name) for held in draft.methods] == [
        ("ANY", "params"),
        ("GET", "all"),
    ]
    assert draft.validators["params"].validate_parameters
    assert not draft.validators["params"].validate_body


def test_settings_of_the_api():
    document = swagger(
        **{
            "x-amazon-apigateway-api-key-source": "header",
            "x-amazon-apigateway-binary-media-types": ["image/png"],
            "x-amazon-apigateway-minimum-compression-size": 5,
            "x-amazon-apigateway-policy": {"Statement": []},
            "x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": True},
            "x-amazon-apigateway-gateway-responses": {"THROTTLED": {"statusCode": 430}},
        }
    )
    draft, findings = read(document)
    assert findings.errors == []
    assert (draft.api_key_source, draft.binary_media_types, draft.minimum_compression_size) == (
        "HEADER",
        ["image/png"],
        5,
    )
    assert (draft.policy, draft.disable_execute_api_endpoint) == ('{"Statement":[]}', True)
    assert draft.gateway_responses["THROTTLED"].status_code == "430"


WHERE = "on 'GET' for resource at path '/a'"


@pytest.mark.parametrize(
    ("document", "error"),
    [
        pytest.param(
            openapi({"security": held, **MOCK}),
            f"Invalid security requirements {WHERE} specified: {expected} is expected",
            id=f"security {held}",
        )
        for held, expected in [
            ({"api_key": []}, "a list"),
            ("api_key", "a list"),
            (7, "a list"),
            (True, "a list"),
            (["api_key"], "a mapping"),
            ([None], "a mapping"),
        ]
    ]
    + [
        pytest.param(
            openapi({"parameters": 1, **MOCK}), f"Invalid parameters {WHERE} specified: a list is expected", id="own"
        ),
        pytest.param(
            openapi() | {"paths": {"/a": {"get": MOCK, "parameters": {"name": "x"}}}},
            "Invalid parameters for resource at path '/a' specified: a list is expected",
            id="shared parameters",
        ),
        pytest.param(
            openapi({"x-amazon-apigateway-integration": {"type": "mock", "cacheKeyParameters": 5}}),
            "Invalid cacheKeyParameters specified: a list is expected",
            id="cache keys",
        ),
        pytest.param(
            openapi(
                {"x-amazon-apigateway-integration": {"type": "mock", "responses": {"a": {"statusCode": {"a": 1}}}}}
            ),
            f"Unable to put integration {WHERE}: Value '{{\"a\":1}}' at 'statusCode' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [1-5]\d\d",
            id="status code",
        ),
        pytest.param(
            openapi({"x-amazon-apigateway-integration": {"type": {"a": None}}}),
            f'Unable to put integration {WHERE}: Invalid integration type specified: {{"a":null}}',
            id="a mapping is shown as JSON",
        ),
        pytest.param(
            openapi(servers=[{"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": "true"}}]),
            "Invalid disableExecuteApiEndpoint specified: true",
            id="a text for a switch",
        ),
    ],
)
def test_wrong_types_are_errors_where_passing_over_them_would_matter(document, error):
    assert read(document)[1].errors == [error]


def test_no_security_requirement_of_its_own_leaves_the_root_one():
    scheme = {"k": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    document = openapi({"security": None, **MOCK}, security=[{"k": []}], components={"securitySchemes": scheme})
    assert read_method(document).api_key_required


def test_a_template_that_is_no_text_is_read_as_json():
    held = {"type": "mock", "requestTemplates": {"application/json": {"statusCode": 200, "ok": True}}}
    method = read_method(openapi({"x-amazon-apigateway-integration": held}))
    assert method.integration.request_templates == {"application/json": '{"statusCode":200,"ok":true}'}


@pytest.mark.parametrize(
    "more",
    [
        {"x-amazon-apigateway-security-policy": "TLS_1_2"},
        {"x-amazon-apigateway-importexport-version": "1.0"},
        {"x-amazon-apigateway-cors": {"allowOrigins": ["*"]}},
        {"x-amazon-apigateway-endpoint-access-mode": "BASIC"},
        {"tags": [{"name": "Owner", "x-amazon-apigateway-tag-value": "Admin"}]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_extensions_without_effect_on_a_rest_api(more):
    plain, _ = read(openapi({}))
    draft, findings = read(openapi({}, **more))
    assert (draft, findings.errors, findings.warnings) == (plain, [], [])


def test_an_integration_may_be_shared_among_the_components():
    shared = {"x-amazon-apigateway-integrations": {"one": {"type": "mock", "timeoutInMillis": 70}}}
    reference = {"$ref": "#/components/x-amazon-apigateway-integrations/one"}
    method = read_method(openapi({"x-amazon-apigateway-integration": reference}, components=shared))
    assert (method.integration.type, method.integration.timeout_in_millis) == ("MOCK", 70)


def test_swagger_of_this_servers_own_gives_each_type_its_model():
    models = {"x-groundwatch-models": {"a/b": "A", "c/d": "B"}, "schema": {"$ref": "#/definitions/A"}}
    operation = {
        "produces": ["x/y"],
        "parameters": [{"in": "body", "name": "A", **models}],
        "responses": {"200": {"description": "ok", **models}},
    }
    method = read_method(swagger(operation, definitions={"A": {"type": "object"}, "B": {"type": "object"}}))
    assert method.request_models == method.responses["200"].response_models == {"a/b": "A", "c/d": "B"}


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("#/definitions/B", "https://apigateway.amazonaws.com/restapis/api1/models/B"),
        ("#/definitions/B/definitions/x", "https://apigateway.amazonaws.com/restapis/api1/models/B#/definitions/x"),
        ("#/definitions/A/definitions/x", "#/definitions/x"),
        ("#/elsewhere", "#/elsewhere"),
    ],
)
def test_references_of_models(reference, kept):
    document = swagger({}, definitions={"A": {"properties": {"p": {"$ref": reference}}}, "B": {"type": "object"}})
    assert json.loads(read(document)[0].models["A"]) == {"properties": {"p": {"$ref": kept}}}
