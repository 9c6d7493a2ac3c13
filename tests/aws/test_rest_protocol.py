"""REST-JSON: routes, located members and refusals, on the API Gateway control plane."""

from __future__ import annotations

import json

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.protocols.routes import RouteTable


def wire(method: str, path: str, query: str = "", body: bytes = b"") -> WireRequest:
    return WireRequest(method, path, query, (("content-type", "application/json"),), body, "127.0.0.1")


@pytest.mark.parametrize(
    ("request_", "operation", "params"),
    [
        pytest.param(wire("GET", "/restapis"), "GetRestApis", {}, id="no label"),
        pytest.param(wire("GET", "/restapis/"), "GetRestApis", {}, id="a trailing slash is forgiven"),
        pytest.param(wire("GET", "/restapis/abc"), "GetRestApi", {"restApiId": "abc"}, id="a label"),
        pytest.param(
            wire("POST", "/restapis", "mode=import&failonwarnings=true&basepath=prepend", b"openapi: 3.0.0"),
            "ImportRestApi",
            {"failOnWarnings": True, "parameters": {"basepath": "prepend"}, "body": b"openapi: 3.0.0"},
            id="a query literal chooses the route and is no parameter",
        ),
        pytest.param(
            wire("POST", "/restapis", "", b'{"name":"n"}'), "CreateRestApi", {"name": "n"}, id="without the literal"
        ),
        pytest.param(
            wire("PUT", "/restapis/a/resources/b/methods/GET/integration", "", b'{"type":"MOCK","httpMethod":"POST"}'),
            "PutIntegration",
            {
                "restApiId": "a",
                "resourceId": "b",
                "httpMethod": "GET",
                "type": "MOCK",
                "integrationHttpMethod": "POST",
            },
            id="one wire name, in the path and in the body",
        ),
        pytest.param(
            wire("DELETE", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fx", "tagKeys=a&tagKeys=b%2Cc"),
            "UntagResource",
            {"resourceArn": "arn:aws:apigateway:us-east-1::/restapis/x", "tagKeys": ["a", "b,c"]},
            id="an encoded slash stays in its label, a repeated parameter is a list",
        ),
        pytest.param(
            wire("GET", "/restapis", "limit=25&position=p%20q"),
            "GetRestApis",
            {"limit": 25, "position": "p q"},
            id="numbers in the query",
        ),
        pytest.param(
            wire("POST", "/restapis", "", b'{"name":"n","version":null,"unknown":1}'),
            "CreateRestApi",
            {"name": "n"},
            id="null is absent, unknown members are dropped",
        ),
    ],
)
def test_requests_are_routed_and_parsed(request_, operation, params, codecs):
    found, parsed = codecs["apigateway"].parse(request_)
    assert (found.name, parsed) == (operation, params)


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        pytest.param(
            wire("GET", "/nothing"),
            "AccessDenied",
            "Unable to determine service/operation name to be authorized",
            id="no route",
        ),
        pytest.param(
            wire("PUT", "/restapis/a/resources/b/methods/GET/integration", "", b'{"type":"X"}'),
            "ValidationException",
            "1 validation error detected: Value 'X' at 'putIntegrationInput.type' failed to satisfy constraint: "
            "Member must satisfy enum value set: [HTTP, AWS, MOCK, HTTP_PROXY, AWS_PROXY]",
            id="paths begin with the operation",
        ),
        pytest.param(
            wire("PUT", "/restapis/a/resources/b/methods/GET/integration/responses/wrong", "", b"{}"),
            "ValidationException",
            "1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [1-5]\d\d",
            id="but for what is in the path of the URL",
        ),
        pytest.param(
            wire("POST", "/restapis", "", b"[]"),
            "SerializationException",
            "Unexpected value type in payload",
            id="a list for the body",
        ),
        pytest.param(
            wire("POST", "/restapis", "", b'{"name":true}'),
            "SerializationException",
            "class java.lang.Boolean can not be converted to an String",
            id="a boolean for a string",
        ),
        pytest.param(
            wire("GET", "/restapis", "limit=x"),
            "SerializationException",
            "'x' can not be converted to a value of type integer",
            id="a number that is none",
        ),
    ],
)
def test_refusals(request_, code, message, codecs):
    with pytest.raises(ServiceError) as caught:
        codecs["apigateway"].parse(request_)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_list_members_travel_under_their_wire_name(codecs):
    codec = codecs["apigateway"]
    operation = codec.service.find_operation("GetRestApis")
    response = codec.serialize(operation, {"items": [{"id": "a", "createdDate": 1_700_000_000}], "position": None}, "i")
    assert json.loads(response.body) == {"item": [{"id": "a", "createdDate": 1_700_000_000}]}


@pytest.mark.parametrize(
    ("operation", "output", "status", "body"),
    [
        pytest.param("CreateRestApi", {"id": "a"}, 201, b'{"id":"a"}', id="a creation"),
        pytest.param("DeleteRestApi", None, 202, b"", id="a deletion"),
        pytest.param("DeleteMethod", None, 204, b"", id="no content"),
    ],
)
def test_statuses_are_the_models(operation, output, status, body, codecs):
    codec = codecs["apigateway"]
    response = codec.serialize(codec.service.find_operation(operation), output, "id")
    assert (response.status, response.body) == (status, body)


def test_a_payload_brings_its_content_type(codecs):
    codec = codecs["apigateway"]
    output = {"contentType": "application/yaml", "body": b"openapi: 3.0.0"}
    response = codec.serialize(codec.service.find_operation("GetExport"), output, "id")
    assert (response.header("content-type"), response.body) == ("application/yaml", b"openapi: 3.0.0")


ROUTES = RouteTable(
    [
        ("Literal", "GET", "/a/literal"),
        ("Label", "GET", "/a/{x}"),
        ("Greedy", "GET", "/a/{rest+}"),
        ("GreedyTail", "GET", "/a/{rest+}/tail"),
        ("Flag", "GET", "/a/{x}?flag"),
        ("Root", "GET", "/"),
    ]
)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        pytest.param("/a/literal", "", ("Literal", {}), id="literals first"),
        pytest.param("/a/b", "", ("Label", {"x": "b"}), id="then labels"),
        pytest.param("/a/b", "flag", ("Flag", {"x": "b"}), id="a query literal is more specific"),
        pytest.param("/a/b/c", "", ("Greedy", {"rest": "b/c"}), id="then greedy labels"),
        pytest.param("/a/b/c/tail", "", ("GreedyTail", {"rest": "b/c"}), id="with a tail"),
        pytest.param("/a/b%2Fc", "", ("Label", {"x": "b/c"}), id="an encoded slash"),
        pytest.param("/", "", ("Root", {}), id="the root"),
        pytest.param("/a", "", None, id="too short"),
        pytest.param("/b/c", "", None, id="another path"),
    ],
)
def test_the_most_specific_route_wins(path, query, expected):
    match = ROUTES.find("GET", path, query)
    assert (match and (match.operation, match.labels)) == expected
