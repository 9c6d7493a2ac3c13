"""Where OpenAPI 3.0 and Swagger 2.0 say the same things differently, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.findings import INVALID_INPUT, Findings

ENDPOINT_CONFIGURATION = "x-amazon-apigateway-endpoint-configuration"
MODELS = "x-groundwatch-models"
"""Content type → name of the model, where Swagger cannot say that types of one operation have models of their own."""
OPENAPI_SCHEMAS, SWAGGER_SCHEMAS = "#/components/schemas/", "#/definitions/"
"""How references to schemas begin."""


class Dialect(Protocol):
    """One version's way to say things."""

    schema_prefix: str
    """How a reference to a schema begins."""

    def base_path(self) -> str:
        """Return the path in front of every path of the document."""

    def schemas(self) -> Tree:
        """Return the named schemas."""

    def security_schemes(self) -> Tree:
        """Return the named security schemes."""

    def endpoint_configuration(self) -> Tree:
        """Return the endpoint configuration extension, or nothing."""

    def request_schemas(self, operation: Tree, parameters: list[Tree]) -> Tree:
        """Return content type → schema of the request body."""

    def response_schemas(self, operation: Tree, response: Tree) -> Tree:
        """Return content type → schema of a response."""


def dialect_of(document: Tree) -> Dialect:
    """Return the dialect of a document; raises BadRequestException for other versions."""
    if text(document.get("openapi", "")).startswith("3.0."):
        return OpenApi3(document)
    if str(document.get("swagger")) == "2.0":
        return Swagger2(document)
    raise bad_request(INVALID_INPUT)


class OpenApi3:
    """OpenAPI 3.0."""

    schema_prefix = OPENAPI_SCHEMAS

    def __init__(self, document: Tree) -> None:
        self._document = document
        self._components = mapping(document.get("components"))
        servers = document.get("servers")
        self._server = mapping(servers[0]) if isinstance(servers, list) and servers else {}

    def base_path(self) -> str:
        """Return the default of the server variable `basePath`, else the path of the first server's URL."""
        variables = mapping(self._server.get("variables"))
        if "basePath" in variables:
            return text(mapping(variables["basePath"]).get("default") or "")
        url = text(self._server.get("url") or "")
        for name, variable in variables.items():
            url = url.replace(f"{{{name}}}", text(mapping(variable).get("default") or ""))
        try:
            return urlsplit(url).path
        except ValueError as error:
            raise bad_request(f"{INVALID_INPUT} The first server has no valid URL.") from error

    def schemas(self) -> Tree:
        """Return `components.schemas`."""
        return mapping(self._components.get("schemas"))

    def security_schemes(self) -> Tree:
        """Return `components.securitySchemes`."""
        return mapping(self._components.get("securitySchemes"))

    def endpoint_configuration(self) -> Tree:
        """Return the extension of the first server."""
        return mapping(self._server.get(ENDPOINT_CONFIGURATION))

    def request_schemas(self, operation: Tree, parameters: list[Tree]) -> Tree:  # noqa: ARG002 - Swagger's place
        """Return the schemas of `requestBody.content`."""
        return _content_schemas(resolve(self._document, operation.get("requestBody")))

    def response_schemas(self, operation: Tree, response: Tree) -> Tree:  # noqa: ARG002 - Swagger needs `produces`
        """Return the schemas of a response's `content`."""
        return _content_schemas(response)


class Swagger2:
    """Swagger 2.0."""

    schema_prefix = SWAGGER_SCHEMAS

    def __init__(self, document: Tree) -> None:
        self._document = document

    def base_path(self) -> str:
        """Return `basePath`."""
        return text(self._document.get("basePath") or "")

    def schemas(self) -> Tree:
        """Return `definitions`."""
        return mapping(self._document.get("definitions"))

    def security_schemes(self) -> Tree:
        """Return `securityDefinitions`."""
        return mapping(self._document.get("securityDefinitions"))

    def endpoint_configuration(self) -> Tree:
        """Return the extension at the root."""
        return mapping(self._document.get(ENDPOINT_CONFIGURATION))

    def request_schemas(self, operation: Tree, parameters: list[Tree]) -> Tree:
        """Return the schema of the body parameter for every consumed type."""
        for parameter in parameters:
            if parameter.get("in") == "body" and "schema" in parameter:
                return self._typed(operation, "consumes", parameter)
        return {}

    def response_schemas(self, operation: Tree, response: Tree) -> Tree:
        """Return the schema of a response for every produced type."""
        if "schema" not in response:
            return {}
        return self._typed(operation, "produces", response)

    def _typed(self, operation: Tree, member: str, holder: Tree) -> Tree:
        if MODELS in holder:
            return {kind: {"$ref": SWAGGER_SCHEMAS + text(name)} for kind, name in mapping(holder[MODELS]).items()}
        return dict.fromkeys(self._types(operation, member), holder["schema"])

    def _types(self, operation: Tree, member: str) -> list[str]:
        declared = operation.get(member) or self._document.get(member) or ["application/json"]
        return [text(media_type) for media_type in declared] if isinstance(declared, list) else [text(declared)]


def mapping(value: object) -> Tree:
    """Return a mapping as it is, and nothing for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    """Return a value where a text belongs: numbers and the like as JSON writes them, never as Python does."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def optional_text(value: object) -> str | None:
    """Return a value as text, None for null and the empty text."""
    return None if value is None or value == "" else text(value)


def elements(value: object, what: str, findings: Findings) -> list[Any]:
    """Return a list as it is, and nothing for null; anything else is an error that says `what` should have been one."""
    if value is None:
        return []
    if not isinstance(value, list):
        findings.error(f"Invalid {what} specified: a list is expected")
        return []
    return value


def resolve(document: Tree, value: object) -> Tree:
    """Return a mapping, or what its `$ref` into the same document points to; nothing when that does not exist."""
    for _ in range(10):
        held = mapping(value)
        if "$ref" not in held:
            return held
        value = _pointed(document, str(held["$ref"]))
    return {}


def _pointed(document: Tree, reference: str) -> object:
    target: object = document if reference.startswith("#/") else None
    for part in reference.removeprefix("#/").split("/"):
        target = mapping(target).get(part.replace("~1", "/").replace("~0", "~"))
    return target


def _content_schemas(holder: Tree) -> dict[str, Any]:
    content = mapping(holder.get("content"))
    return {media_type: mapping(held)["schema"] for media_type, held in content.items() if "schema" in mapping(held)}
