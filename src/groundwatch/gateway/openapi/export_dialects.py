"""Where OpenAPI 3.0 and Swagger 2.0 write the same things differently; the counterpart of `dialects`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from groundwatch.gateway.definition import Method, MethodResponse
from groundwatch.gateway.openapi.dialects import ENDPOINT_CONFIGURATION, MODELS, OPENAPI_SCHEMAS, SWAGGER_SCHEMAS
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.export_extensions import content_types


class Writer(Protocol):
    """One version's way to write things. `in_full` asks for what the version itself has no words for."""

    schema_prefix: str
    """How a reference to a schema begins."""

    def head(self, info: Tree, host: str, stage_name: str, endpoint: Tree) -> Tree:
        """Return the document up to its paths; `endpoint` is the endpoint configuration, where there is one."""

    def parameter(self, name: str, place: str, *, required: bool) -> Tree:
        """Return a parameter in `query`, `header` or `path`."""

    def header(self) -> Tree:
        """Return a header of a response."""

    def request(self, method: Method, *, in_full: bool) -> tuple[Tree, Tree]:
        """Return what an operation says about its types and bodies: members of it, and the body itself."""

    def with_request(self, operation: Tree, body: Tree) -> Tree:
        """Return the operation with its body."""

    def response(self, method: Method, response: MethodResponse, *, in_full: bool) -> Tree:
        """Return what a response says about its bodies."""

    def tail(self, schemas: Tree, schemes: Tree) -> Tree:
        """Return the named schemas and security schemes in their place."""


class OpenApi3Writer:
    """OpenAPI 3.0."""

    schema_prefix = OPENAPI_SCHEMAS

    def head(self, info: Tree, host: str, stage_name: str, endpoint: Tree) -> Tree:
        """Return version, info and the one server."""
        server: Tree = {
            "url": f"https://{host}/{{basePath}}",
            "variables": {"basePath": {"default": stage_name}},
        }
        if endpoint:
            server[ENDPOINT_CONFIGURATION] = endpoint
        return {"openapi": "3.0.1", "info": info, "servers": [server]}

    def parameter(self, name: str, place: str, *, required: bool) -> Tree:
        """Return a parameter, which is optional unless it says otherwise."""
        demand = {"required": True} if required else {}
        return {"name": name, "in": place, **demand, "schema": {"type": "string"}}

    def header(self) -> Tree:
        """Return a header of text."""
        return {"schema": {"type": "string"}}

    def request(self, method: Method, *, in_full: bool) -> tuple[Tree, Tree]:  # noqa: ARG002 - it says everything
        """Return the request body."""
        if not method.request_models:
            return {}, {}
        return {}, {"content": self._content(method.request_models), "required": True}

    def with_request(self, operation: Tree, body: Tree) -> Tree:
        """Return the operation with its `requestBody`."""
        return {**operation, "requestBody": body}

    def response(self, method: Method, response: MethodResponse, *, in_full: bool) -> Tree:  # noqa: ARG002
        """Return the content, which the service writes even when there is none."""
        return {"content": self._content(response.response_models)}

    def tail(self, schemas: Tree, schemes: Tree) -> Tree:
        """Return `components`."""
        held = {"schemas": schemas, "securitySchemes": schemes}
        return {"components": {name: value for name, value in held.items() if value}}

    def _content(self, models: Mapping[str, str]) -> Tree:
        return {kind: {"schema": {"$ref": self.schema_prefix + name}} for kind, name in models.items()}


class Swagger2Writer:
    """Swagger 2.0.

    It knows one schema for all types that an operation consumes, and one for all that it produces; what a method says
    beyond that goes, in full exports, into an extension of this server's own.
    """

    schema_prefix = SWAGGER_SCHEMAS

    def head(self, info: Tree, host: str, stage_name: str, endpoint: Tree) -> Tree:
        """Return version, info and where the API is."""
        place = {"host": host, "basePath": f"/{stage_name}", "schemes": ["https"]}
        extension = {ENDPOINT_CONFIGURATION: endpoint} if endpoint else {}
        return {"swagger": "2.0", "info": info, **place, **extension}

    def parameter(self, name: str, place: str, *, required: bool) -> Tree:
        """Return a parameter, which always says whether it is required."""
        return {"name": name, "in": place, "required": required, "type": "string"}

    def header(self) -> Tree:
        """Return a header of text."""
        return {"type": "string"}

    def request(self, method: Method, *, in_full: bool) -> tuple[Tree, Tree]:
        """Return `consumes` and `produces`, and the parameter that is the body."""
        consumed, produced = content_types(method)
        types = {name: held for name, held in (("consumes", consumed), ("produces", produced)) if held}
        if not method.request_models:
            return types, {}
        name = next(iter(method.request_models.values()))
        body = {"in": "body", "name": name, "required": True}
        return types, {**body, **self._schema(method.request_models, consumed, in_full=in_full)}

    def with_request(self, operation: Tree, body: Tree) -> Tree:
        """Return the operation with its body among the parameters."""
        return {**operation, "parameters": [*operation.get("parameters", []), body]}

    def response(self, method: Method, response: MethodResponse, *, in_full: bool) -> Tree:
        """Return the schema of a response."""
        return self._schema(response.response_models, content_types(method)[1], in_full=in_full)

    def tail(self, schemas: Tree, schemes: Tree) -> Tree:
        """Return `securityDefinitions` and `definitions`."""
        held = {"securityDefinitions": schemes, "definitions": schemas}
        return {name: value for name, value in held.items() if value}

    def _schema(self, models: Mapping[str, str], types: list[str], *, in_full: bool) -> Tree:
        if not models:
            return {}
        name = next(iter(models.values()))
        schema: Tree = {"schema": {"$ref": self.schema_prefix + name}}
        if in_full and dict(models) != dict.fromkeys(types, name):
            schema[MODELS] = dict(models)
        return schema


WRITERS: Mapping[str, Writer] = {"oas30": OpenApi3Writer(), "swagger": Swagger2Writer()}
"""By export type."""
