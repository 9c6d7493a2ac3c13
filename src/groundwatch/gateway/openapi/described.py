"""How documentation parts show in an exported document: what OpenAPI itself has a member for, and `x-…` members.

Source: "Publish API documentation using the API Gateway REST API", whose example shows what is carried over.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.documentation.parts import Documentation, Location, Part
from groundwatch.gateway.openapi.dialects import mapping
from groundwatch.gateway.openapi.document import Tree

DESCRIBING: Mapping[str, tuple[str, ...]] = {
    "API": ("tags", "externalDocs"),
    "AUTHORIZER": ("description",),
    "RESOURCE": (),
    "METHOD": ("tags", "summary", "description", "externalDocs", "deprecated"),
    "PATH_PARAMETER": ("description",),
    "QUERY_PARAMETER": ("description",),
    "REQUEST_HEADER": ("description",),
    "REQUEST_BODY": ("description",),
    "RESPONSE": ("description",),
    "RESPONSE_HEADER": ("description",),
    "INFO": ("description", "termsOfService", "contact", "license"),
}
"""The members of an OpenAPI object that are documentation, by the type of the part that tells them."""
_RESERVED = ("x-amazon-apigateway-", "x-groundwatch-")


def described(holder: Tree, properties: Mapping[str, object], kind: str) -> Tree:
    """Return an object of the document with what the properties say about it."""
    told = {name: held for name, held in properties.items() if name in DESCRIBING[kind] or _is_extension(name)}
    # A description is there to be replaced; a member that defines something is not.
    return {**holder, **{name: held for name, held in told.items() if name in DESCRIBING[kind] or name not in holder}}


def described_document(document: Tree, docs: Documentation, *, in_full: bool) -> Tree:
    """Return the document with what is said about the API as a whole; a full export keeps the API's own description."""
    properties = docs.at(Location("API"))
    info = mapping(document["info"])
    told = described(info, mapping(properties.get("info")), "INFO")
    if in_full:
        told = {name: held for name, held in told.items() if name != "description"} | info
    return {**described(document, properties, "API"), "info": told}


def described_schema(schemas: Tree, part: Part) -> None:
    """Put what a part says about a model, or about a property such as `Pet.owner.name`, into its schema."""
    name, *properties = (part.location.name or "").split(".")
    holder = schemas.get(name)
    for step in properties:
        holder = mapping_within(holder, "properties", step)
    if isinstance(holder, dict) and "$ref" not in holder:
        told = {key: held for key, held in part.content().items() if key in ("title", "description")}
        holder.update(told)


def mapping_within(holder: object, *steps: str) -> object:
    """Return what is found going down mappings, None where there is no such way."""
    for step in steps:
        holder = holder.get(step) if isinstance(holder, dict) else None
    return holder


def _is_extension(name: str) -> bool:
    # An author of documentation must not be able to write what an import would run.
    return name.startswith("x-") and not name.lower().startswith(_RESERVED)
