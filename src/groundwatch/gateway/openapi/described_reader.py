"""Documentation in a document: the extension's parts, and parts made of descriptions that the extension does not tell.

Source: "Import API documentation into API Gateway" for the extension; what an import makes of descriptions is in the
Pet Store example of the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from groundwatch.gateway.documentation.merging import PartDraft, location_fault, properties_fault, without
from groundwatch.gateway.documentation.parts import ANY, Documentation, Location, Part
from groundwatch.gateway.documentation.places import PARAMETER_TYPES
from groundwatch.gateway.openapi import extensions
from groundwatch.gateway.openapi.described import DESCRIBING
from groundwatch.gateway.openapi.dialects import elements, mapping, resolve, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.reader import LOCATIONS
from groundwatch.gateway.openapi.shapes import VERBS

_PATH_ITEM = ("summary", "description")


def read_documentation(document: Tree, findings: Findings) -> list[PartDraft]:
    """Return the parts that a document asks for; what cannot be one becomes an error."""
    told = _told(document, findings)
    docs = Documentation(Part("", draft.location, msgspec.json.encode(draft.properties).decode()) for draft in told)
    made: list[PartDraft] = []
    for location, properties in _descriptions(document):
        new = _beyond(docs, location, properties)
        if new:
            made.append(PartDraft(location, new))
    return [*told, *made]


def _beyond(docs: Documentation, location: Location, properties: dict[str, Any]) -> dict[str, Any]:
    """Return what is said about a place beyond what the extension tells, which has the last word."""
    told = docs.at(location)
    new = without(properties, told)
    if not docs.has(location):
        return new
    new = {name: held for name, held in new.items() if name not in told}
    if location.type == "API":
        # A full export describes the API in the API's own words, which no part need have.
        info = {name: held for name, held in mapping(new.pop("info", None)).items() if name != "description"}
        new |= {"info": info} if info else {}
    return new


def _told(document: Tree, findings: Findings) -> list[PartDraft]:
    extension = mapping(document.get(extensions.DOCUMENTATION))
    drafts = []
    for held in elements(extension.get("documentationParts"), "documentationParts", findings):
        part = mapping(held)
        try:
            location = _location(mapping(part.get("location")))
        except msgspec.ValidationError as error:
            findings.error(f"Invalid documentation part location specified: {error}")
            continue
        properties = part.get("properties")
        fault = location_fault(location) or _properties_fault(properties)
        if fault is not None:
            findings.error(f"Unable to create documentation part: {fault}")
            continue
        drafts.append(PartDraft(location, mapping(properties)))
    return drafts


def _location(held: Tree) -> Location:
    # YAML reads a status as a number, and answers of the service are full of null.
    return msgspec.convert({name: text(value) for name, value in held.items() if value is not None}, Location)


def _properties_fault(properties: object) -> str | None:
    if not isinstance(properties, dict):
        return "Invalid properties specified: a JSON object is expected"
    return properties_fault(msgspec.json.encode(properties).decode())


def _descriptions(document: Tree) -> Iterator[tuple[Location, dict[str, Any]]]:
    """Return what the document itself says, place by place; places about which it says nothing have no properties."""
    info = _chosen(mapping(document.get("info")), DESCRIBING["INFO"])
    yield Location("API"), {**_chosen(document, DESCRIBING["API"]), **({"info": info} if info else {})}
    for path, held in mapping(document.get("paths")).items():
        if path.startswith("/"):
            yield from _path_item(document, path, mapping(held))


def _path_item(document: Tree, path: str, item: Tree) -> Iterator[tuple[Location, dict[str, Any]]]:
    yield Location("RESOURCE", path=path), _chosen(item, _PATH_ITEM)
    yield from _parameters(document, path, ANY, item)
    keys = {**{verb: verb.upper() for verb in VERBS}, extensions.ANY_METHOD: "ANY"}
    for key, verb in keys.items():
        if isinstance(item.get(key), dict):
            yield from _operation(document, path, verb, item[key])


def _operation(document: Tree, path: str, verb: str, operation: Tree) -> Iterator[tuple[Location, dict[str, Any]]]:
    yield Location("METHOD", path=path, method=verb), _chosen(operation, DESCRIBING["METHOD"])
    yield from _parameters(document, path, verb, operation)
    if "requestBody" in operation:
        body = resolve(document, operation["requestBody"])
        yield Location("REQUEST_BODY", path=path, method=verb), _chosen(body, DESCRIBING["REQUEST_BODY"])
    for code, held in mapping(operation.get("responses")).items():
        place = Location("RESPONSE", path=path, method=verb, status_code=code)
        if not _is_status(code):
            continue
        response = resolve(document, held)
        said = _chosen(response, DESCRIBING["RESPONSE"])
        # What an export writes where nothing is said, since a response must have a description.
        yield place, without(said, {"description": f"{code} response"})
        for name, header in mapping(response.get("headers")).items():
            where = msgspec.structs.replace(place, type="RESPONSE_HEADER", name=name)
            yield where, _chosen(resolve(document, header), DESCRIBING["RESPONSE_HEADER"])


def _parameters(document: Tree, path: str, verb: str, holder: Tree) -> Iterator[tuple[Location, dict[str, Any]]]:
    held = holder.get("parameters")
    for value in held if isinstance(held, list) else []:
        parameter = resolve(document, value)
        place, name = text(parameter.get("in")), parameter.get("name")
        said = _chosen(parameter, ("description",))
        if place == "body":
            yield Location("REQUEST_BODY", path=path, method=verb), said
        elif place in LOCATIONS and name:
            yield Location(PARAMETER_TYPES[LOCATIONS[place]], path=path, method=verb, name=text(name)), said


def _is_status(code: str) -> bool:
    """Tell whether the key of a response is a status that a part can be about."""
    return len(code) == 3 and code.isascii() and code.isdigit() and code[0] in "12345"


def _chosen(holder: Tree, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: holder[name] for name in names if holder.get(name) not in (None, "", [], {}, False)}
