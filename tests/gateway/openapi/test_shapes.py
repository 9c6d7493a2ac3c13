"""Where a document must hold a mapping, and where it may hold anything."""

from __future__ import annotations

import pytest
from tests.gateway.openapi.documents import MOCK, openapi, read, swagger

INTEGRATION = "x-amazon-apigateway-integration"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (openapi(info="t"), "info"),
        (openapi(paths=[]), "paths"),
        (openapi(paths={"/a": "x"}), "paths./a"),
        (openapi([]), "paths./a.get"),
        (openapi(paths={"/a": {"x-amazon-apigateway-any-method": 1}}), "paths./a.x-amazon-apigateway-any-method"),
        (openapi({"responses": [200]}), "paths./a.get.responses"),
        (openapi({"responses": {"200": "ok"}}), "paths./a.get.responses.200"),
        (openapi({"responses": {"200": {"headers": ["X"]}}}), "paths./a.get.responses.200.headers"),
        (openapi({"requestBody": {"content": {"a/b": "x"}}}), "paths./a.get.requestBody.content.a/b"),
        (
            openapi({INTEGRATION: {"type": "mock", "requestTemplates": "x"}}),
            f"paths./a.get.{INTEGRATION}.requestTemplates",
        ),
        (openapi({INTEGRATION: {"type": "mock", "responses": []}}), f"paths./a.get.{INTEGRATION}.responses"),
        (
            openapi({INTEGRATION: {"type": "mock", "responses": {"default": {"responseParameters": 1}}}}),
            f"paths./a.get.{INTEGRATION}.responses.default.responseParameters",
        ),
        (openapi(components=[]), "components"),
        (openapi(components={"securitySchemes": {"k": "x"}}), "components.securitySchemes.k"),
        (swagger(securityDefinitions=[]), "securityDefinitions"),
        (openapi(**{"x-amazon-apigateway-request-validators": []}), "x-amazon-apigateway-request-validators"),
        (
            openapi(**{"x-amazon-apigateway-gateway-responses": {"THROTTLED": "x"}}),
            "x-amazon-apigateway-gateway-responses.THROTTLED",
        ),
        (openapi(**{"x-amazon-apigateway-documentation": "x"}), "x-amazon-apigateway-documentation"),
    ],
)
def test_what_should_be_a_mapping_is_not_passed_over(document, place):
    assert f"Invalid {place} specified: a mapping is expected" in read(document)[1].errors


@pytest.mark.parametrize(
    "document",
    [
        openapi({"x-own": [], "responses": {"x-own": "y"}, **MOCK}, **{"x-own": 1}),
        openapi(paths={"x-own": "y", "/a": {"get": MOCK, "description": "d"}}),
        openapi(components=None),
    ],
)
def test_what_nobody_reads_may_be_anything(document):
    assert read(document)[1].errors == []
