"""From the definition of a stage to a document, which an import reads back without loss."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.definition import Method, MethodResponse, Resource, RestApi
from groundwatch.gateway.documentation.parts import Documentation, Location, Snapshot, shortened
from groundwatch.gateway.documentation.places import PARAMETER_TYPES
from groundwatch.gateway.openapi import extensions
from groundwatch.gateway.openapi.described import described, described_document, described_schema
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.export_dialects import Writer
from groundwatch.gateway.openapi.export_extensions import (
    IntegrationWriter,
    present,
    root_extensions,
    scheme_of,
    validator_names,
)
from groundwatch.gateway.openapi.export_schemas import exported_schema
from groundwatch.gateway.openapi.reader import LOCATIONS

_PLACES = {place: name for name, place in LOCATIONS.items()}
MAX_SHOWN_BYTES = 32 * 1024 * 1024
"""Of documentation that shows in one export, counted wherever it shows."""
API_KEY, SIGNATURE = "api_key", "sigv4"


class Wanted(msgspec.Struct, frozen=True):
    """Which extensions an export has."""

    integrations: bool = False
    authorizers: bool = False
    documentation: bool = False
    everything: bool = False


EXTENSIONS: dict[str, Wanted] = {
    "integrations": Wanted(integrations=True),
    "authorizers": Wanted(authorizers=True),
    "documentation": Wanted(documentation=True),
    "apigateway": Wanted(integrations=True, authorizers=True, documentation=True, everything=True),
}


def wanted_of(names: Sequence[str]) -> Wanted:
    """Return the extensions that all of these names of `EXTENSIONS` stand for."""
    asked = [EXTENSIONS[name] for name in names]
    return Wanted(**{field: any(getattr(held, field) for held in asked) for field in Wanted.__struct_fields__})


def utc(time_ms: int) -> str:
    """Return a time as documents write it, in whole seconds."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version_of(api: RestApi) -> str:
    """Return what stands for the version in an export: for an API without one the time at which it was made."""
    return api.version or utc(api.created_ms)


class Export:
    """One export: the definition that a stage serves, with the documentation that the stage publishes."""

    def __init__(
        self, api: RestApi, stage_name: str, writer: Writer, wanted: Wanted, published: Snapshot | None
    ) -> None:
        self._api = api
        self._stage_name = stage_name
        self._writer = writer
        self._wanted = wanted
        self._published = published
        self._docs = Documentation(published.parts if published is not None else ())
        self._shown_bytes = 0
        self._integrations = IntegrationWriter(api)
        self._validators = validator_names(api)
        self._schemes = _scheme_names(api)

    def document(self) -> Tree:
        """Return the document; raises BadRequestException for more documentation than `MAX_SHOWN_BYTES`."""
        api, writer = self._api, self._writer
        info = present(title=api.name, description=api.description, version=version_of(api))
        host = f"{api.id}.execute-api.{api.region}.amazonaws.com"
        head = writer.head(info, host, self._stage_name, self._endpoint())
        document = {**head, "paths": self._paths(), **writer.tail(self._schemas(), self._security_schemes())}
        if self._wanted.everything:
            document |= root_extensions(api)
        if self._wanted.documentation and self._published is not None:
            document[extensions.DOCUMENTATION] = _documentation(self._published)
        return described_document(document, self._docs, in_full=self._wanted.everything)

    def _about(self, place: Location) -> dict[str, Any]:
        part = self._docs.part_at(place)
        if part is None:
            return {}
        # One general part may be shown at every place of an API.
        self._shown_bytes += len(part.properties)
        if self._shown_bytes > MAX_SHOWN_BYTES:
            raise bad_request("The documentation of the stage is too large to be exported")
        return self._docs.at(place)

    def _endpoint(self) -> Tree:
        if not self._wanted.everything:
            return {}
        family = None if self._api.ip_address_type == "ipv4" else self._api.ip_address_type
        return present(disableExecuteApiEndpoint=self._api.disable_execute_api_endpoint, ipAddressType=family)

    def _schemas(self) -> Tree:
        schemas = {
            name: exported_schema(model, self._writer.schema_prefix, in_full=self._wanted.everything)
            for name, model in self._api.models.items()
        }
        if not self._wanted.everything:
            # A full export keeps schemas as they are, for whoever imports it; the parts stand beside them.
            for part in self._docs.named("MODEL"):
                described_schema(schemas, part)
        return schemas

    def _security_schemes(self) -> Tree:
        in_full = self._wanted.authorizers
        schemes = {}
        for authorizer in self._api.authorizers.values():
            scheme = scheme_of(authorizer, in_full=in_full)
            where = Location("AUTHORIZER", name=authorizer.name)
            schemes[authorizer.name] = described(scheme, self._about(where), "AUTHORIZER")
        methods = [method for resource in self._api.resources.values() for method in resource.methods.values()]
        if any(method.api_key_required for method in methods):
            schemes[self._schemes[API_KEY]] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        if any(method.authorization_type == "AWS_IAM" for method in methods):
            scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
            kind = {extensions.AUTHTYPE: "awsSigv4"} if in_full else {}
            schemes[self._schemes[SIGNATURE]] = {**scheme, **kind}
        return schemes

    # --- paths ---

    def _paths(self) -> Tree:
        resources = sorted(self._api.resources.values(), key=lambda held: held.path)
        parents = {resource.parent_id for resource in resources}
        # The root, and what others stand below, exists without being named; a reader has no use for the rest.
        bare = {held.id for held in resources if held.parent_id and held.id not in parents}
        shown = [held for held in resources if held.methods or (self._wanted.everything and held.id in bare)]
        return {resource.path: self._path_item(resource) for resource in shown}

    def _path_item(self, resource: Resource) -> Tree:
        item: Tree = {}
        for verb, method in resource.methods.items():
            key = extensions.ANY_METHOD if verb == "ANY" else verb.lower()
            item[key] = self._operation(resource, method)
        return described(item, self._about(Location("RESOURCE", path=resource.path)), "RESOURCE")

    def _operation(self, resource: Resource, method: Method) -> Tree:
        path, verb, in_full = resource.path, method.http_method, self._wanted.everything
        types, body = self._writer.request(method, in_full=in_full)
        operation = present(
            operationId=method.operation_name, **types, parameters=self._parameters(resource.path, method)
        )
        if body:
            about = self._about(Location("REQUEST_BODY", path=path, method=verb))
            operation = self._writer.with_request(operation, described(body, about, "REQUEST_BODY"))
        operation["responses"] = {
            code: self._response(path, method, response) for code, response in method.responses.items()
        }
        security = self._security(method)
        if security:
            operation["security"] = [security]
        if in_full and method.request_validator_id in self._validators:
            operation[extensions.VALIDATOR] = self._validators[method.request_validator_id]
        if self._wanted.integrations and method.integration is not None:
            operation[extensions.INTEGRATION] = self._integrations.write(resource.id, method.integration)
        return described(operation, self._about(Location("METHOD", path=path, method=verb)), "METHOD")

    def _parameters(self, path: str, method: Method) -> list[Tree]:
        found = []
        for parameter, required in method.request_parameters.items():
            place, _, name = parameter.removeprefix("method.request.").partition(".")
            written = self._writer.parameter(name, _PLACES[place], required=required)
            kind = PARAMETER_TYPES[place]
            about = self._about(Location(kind, path=path, method=method.http_method, name=name))
            found.append(described(written, about, kind))
        return found

    def _response(self, path: str, method: Method, response: MethodResponse) -> Tree:
        code = response.status_code
        place = Location("RESPONSE", path=path, method=method.http_method, status_code=code)
        headers = {}
        for parameter in response.response_parameters:
            name = parameter.removeprefix("method.response.header.")
            about = self._about(msgspec.structs.replace(place, type="RESPONSE_HEADER", name=name))
            headers[name] = described(self._writer.header(), about, "RESPONSE_HEADER")
        bodies = self._writer.response(method, response, in_full=self._wanted.everything)
        held = {"description": f"{code} response", **present(headers=headers), **bodies}
        return described(held, self._about(place), "RESPONSE")

    def _security(self, method: Method) -> Tree:
        requirement: Tree = {}
        authorizer = self._api.authorizers.get(method.authorizer_id or "")
        if authorizer is not None:
            requirement[authorizer.name] = list(method.authorization_scopes)
        elif method.authorization_type == "AWS_IAM":
            requirement[self._schemes[SIGNATURE]] = []
        if method.api_key_required:
            requirement[self._schemes[API_KEY]] = []
        return requirement


def _scheme_names(api: RestApi) -> dict[str, str]:
    """Return the names of the schemes that no authorizer is, which must not be those of authorizers."""
    taken = {authorizer.name for authorizer in api.authorizers.values()}
    names = {}
    for name in (API_KEY, SIGNATURE):
        free = name
        while free in taken:
            free += "_"
        names[name] = free
    return names


def _documentation(published: Snapshot) -> dict[str, Any]:
    parts = [{"location": shortened(part.location), "properties": part.content()} for part in published.parts]
    info = published.info
    return {"version": info.version, "createdDate": utc(info.created_ms), "documentationParts": parts}
