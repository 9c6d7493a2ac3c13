"""REST API definitions for benchmarks: OpenAPI documents as users write them, in any size."""

from __future__ import annotations

import json
from typing import Any

VERBS = ("get", "put", "delete")
BODY = '{"id":"$input.params(\'id\')","verb":"$context.httpMethod","stage":"$context.stage"}'
Document = dict[str, Any]


def mocks(methods: int, title: str = "benchmark") -> Document:
    """Return an API of so many methods, three a path, each with parameters, a model, and templates both ways."""
    paths: Document = {}
    for number in range(methods):
        path = paths.setdefault(f"/things{number // len(VERBS)}/{{id}}", {})
        path[VERBS[number % len(VERBS)]] = _method(number)
    models = {"Thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}}
    info = {"title": title, "version": "1"}
    return {"openapi": "3.0.1", "info": info, "paths": paths, "components": {"schemas": models}}


def encoded(document: Document) -> bytes:
    """Return a document as JSON."""
    return json.dumps(document).encode()


def _method(number: int) -> Document:
    model = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    return {
        "operationId": f"operation{number}",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "limit", "in": "query", "schema": {"type": "string"}},
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
        ],
        "responses": {"200": _response(model), "400": _response(model)},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestParameters": {
                "integration.request.path.id": "method.request.path.id",
                "integration.request.querystring.limit": "method.request.querystring.limit",
            },
            "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "passthroughBehavior": "never",
            "responses": {
                "default": {
                    "statusCode": "200",
                    "responseParameters": {"method.response.header.X-Id": "context.requestId"},
                    "responseTemplates": {"application/json": BODY},
                },
                "4\\d{2}": {"statusCode": "400", "responseTemplates": {"application/json": '{"refused":true}'}},
            },
        },
    }


def _response(content: Document) -> Document:
    return {"description": "an answer", "headers": {"X-Id": {"schema": {"type": "string"}}}, "content": content}
