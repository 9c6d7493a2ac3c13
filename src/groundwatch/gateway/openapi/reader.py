"""From a document of either version to the neutral draft."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.gateway.definition import Integration, Method, MethodResponse
from groundwatch.gateway.openapi import extensions
from groundwatch.gateway.openapi.dialects import Dialect, dialect_of, elements, mapping, optional_text, resolve, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.draft import ApiDraft, MethodDraft
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.security import SecurityReader
from groundwatch.gateway.openapi.shapes import VERBS, check_shapes

LOCATIONS = {"query": "querystring", "header": "header", "path": "path"}
_PATH_PARAMETER = re.compile(r"\{([^}+]+)\+?\}")


def read_draft(document: Tree, api_id: str, findings: Findings) -> ApiDraft:
    """Return what a document defines for the API `api_id`; problems go to `findings`.

    Raises BadRequestException for a document that is neither OpenAPI 3.0 nor Swagger 2.0.
    """
    dialect = dialect_of(document)
    extensions.check_known(document, extensions.ROOT, "at the root of the document", findings)
    if text(document.get(extensions.ACCESS_MODE, "BASIC")).upper() != "BASIC":
        findings.error(f"The endpoint access mode '{text(document[extensions.ACCESS_MODE])}' is not implemented")
    check_shapes(document, findings)
    schemas = _Schemas(dialect, api_id, findings)
    paths = {path: mapping(item) for path, item in mapping(document.get("paths")).items() if not path.startswith("x-")}
    reader = _PathReader(document, dialect, schemas, findings)
    methods = [method for path, item in paths.items() for method in reader.read(path, item)]
    draft = _with_settings(document, dialect, findings, list(paths), methods, schemas.models)
    return replace(draft, authorizers=reader.security.authorizers)


def _with_settings(
    document: Tree,
    dialect: Dialect,
    findings: Findings,
    paths: list[str],
    methods: list[MethodDraft],
    models: dict[str, str],
) -> ApiDraft:
    info = mapping(document.get("info"))
    return ApiDraft(
        name=optional_text(info.get("title")),
        description=optional_text(info.get("description")),
        version=optional_text(info.get("version")),
        base_path=dialect.base_path(),
        paths=paths,
        methods=methods,
        models=models,
        validators=extensions.read_validators(document),
        gateway_responses=extensions.read_gateway_responses(document),
        api_key_source=_api_key_source(document, findings),
        binary_media_types=_media_types(document, findings),
        minimum_compression_size=_compression(document, findings),
        policy=_policy(document),
        disable_execute_api_endpoint=_endpoint_switch(dialect, findings),
        ip_address_type=_ip_address_type(dialect, findings),
    )


class _Schemas:
    """The models of a document: the named ones, and those made for schemas without a name."""

    def __init__(self, dialect: Dialect, api_id: str, findings: Findings) -> None:
        self._prefix = dialect.schema_prefix
        self._url = f"https://apigateway.amazonaws.com/restapis/{api_id}/models/"
        self._findings = findings
        self._named = dialect.schemas()
        self.models = {name: self._encoded(schema, name) for name, schema in self._named.items()}

    def model_for(self, schema: object, where: str) -> str | None:
        """Return the name of the model of a schema, made when it has none; None after an error."""
        held = mapping(schema)
        reference = held.get("$ref")
        if reference is None:
            encoded = self._encoded(held, None)
            # Named by its content, so that importing the same document again changes nothing.
            name = f"MODEL{hashlib.sha256(encoded.encode()).hexdigest()[:8]}"
            self.models[name] = encoded
            return name
        name = text(reference).removeprefix(self._prefix)
        if name not in self._named:
            self._findings.error(f"Unable to find the model '{text(reference)}' {where}")
            return None
        return name

    def _encoded(self, schema: object, model: str | None) -> str:
        return msgspec.json.encode(self._rewritten(schema, model)).decode()

    def _rewritten(self, value: object, model: str | None) -> object:
        if isinstance(value, list):
            return [self._rewritten(held, model) for held in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._reference(held, model) if key == "$ref" else self._rewritten(held, model)
            for key, held in value.items()
        }

    def _reference(self, held: object, model: str | None) -> object:
        if not isinstance(held, str) or not held.startswith(self._prefix):
            return self._rewritten(held, model)
        name, slash, pointer = held.removeprefix(self._prefix).partition("/")
        if not slash:
            return self._url + name
        # Into the middle of a model: `#` is the model's own root once it stands alone.
        return f"#/{pointer}" if name == model else f"{self._url}{name}#/{pointer}"


class _PathReader:
    """Reads the methods of path items."""

    def __init__(self, document: Tree, dialect: Dialect, schemas: _Schemas, findings: Findings) -> None:
        self._document = document
        self._dialect = dialect
        self._schemas = schemas
        self._findings = findings
        self.security = SecurityReader(document, dialect.security_schemes(), findings)
        self._default_validator = optional_text(document.get(extensions.VALIDATOR))

    def read(self, path: str, item: Tree) -> list[MethodDraft]:
        """Return the methods of one path item."""
        where = f"for resource at path '{path}'"
        if not path.startswith("/"):
            self._findings.error(f"Invalid path '{path}': it must begin with a slash")
            return []
        if "$ref" in item or "trace" in item:
            self._findings.error(f"Unsupported property '{'$ref' if '$ref' in item else 'trace'}' {where}")
        extensions.check_known(item, extensions.PATH_ITEM, where, self._findings)
        operations = {verb.upper(): mapping(item[verb]) for verb in VERBS if verb in item}
        if extensions.ANY_METHOD in item:
            operations["ANY"] = mapping(item[extensions.ANY_METHOD])
        shared = elements(item.get("parameters"), f"parameters {where}", self._findings)
        return [self._method(path, verb, operation, shared) for verb, operation in operations.items()]

    def _method(self, path: str, verb: str, operation: Tree, shared: list[Any]) -> MethodDraft:
        where = f"on '{verb}' for resource at path '{path}'"
        extensions.check_known(operation, extensions.OPERATION, where, self._findings)
        own = elements(operation.get("parameters"), f"parameters {where}", self._findings)
        parameters = [resolve(self._document, held) for held in [*shared, *own]]
        protection = self.security.read(operation, where)
        bodies = self._dialect.request_schemas(operation, parameters)
        method = Method(
            http_method=verb,
            authorization_type=protection.authorization_type,
            api_key_required=protection.api_key_required,
            authorization_scopes=list(protection.scopes),
            operation_name=optional_text(operation.get("operationId")),
            request_parameters=self._parameters(path, parameters, where),
            request_models=self._models(bodies, where),
            responses=self._responses(operation, where),
            integration=self._integration(path, verb, operation),
        )
        validator = optional_text(operation.get(extensions.VALIDATOR)) or self._default_validator
        return MethodDraft(path, method, validator, protection.authorizer_name)

    def _parameters(self, path: str, parameters: list[Tree], where: str) -> dict[str, bool]:
        declared = {f"method.request.path.{name}": True for name in _PATH_PARAMETER.findall(path)}
        for parameter in parameters:
            location = LOCATIONS.get(text(parameter.get("in")))
            if location is not None and parameter.get("name"):
                required = parameter.get("required") is True or location == "path"
                declared[f"method.request.{location}.{text(parameter['name'])}"] = required
            elif parameter.get("in") != "body":
                name, place = text(parameter.get("name")), text(parameter.get("in"))
                self._findings.warning(f"The parameter '{name}' in '{place}' {where} is not supported")
        return declared

    def _models(self, schemas: Tree, where: str) -> dict[str, str]:
        named = ((media_type, self._schemas.model_for(schema, where)) for media_type, schema in schemas.items())
        return {media_type: name for media_type, name in named if name is not None}

    def _responses(self, operation: Tree, where: str) -> dict[str, MethodResponse]:
        responses = {}
        for code, held in mapping(operation.get("responses")).items():
            if not re.fullmatch(extensions.STATUS_CODE, code):
                if not code.startswith("x-"):
                    self._findings.warning(f"The response '{code}' {where} has no status code")
                continue
            response = resolve(self._document, held)
            responses[code] = MethodResponse(
                status_code=code,
                response_parameters={
                    f"method.response.header.{header}": False for header in mapping(response.get("headers"))
                },
                response_models=self._models(self._dialect.response_schemas(operation, response), where),
            )
        return responses

    def _integration(self, path: str, verb: str, operation: Tree) -> Integration | None:
        if extensions.INTEGRATION not in operation:
            return None
        held = resolve(self._document, operation[extensions.INTEGRATION])
        return extensions.IntegrationReader(path, verb, self._findings).read(held)


def _api_key_source(document: Tree, findings: Findings) -> str | None:
    source = optional_text(document.get(extensions.API_KEY_SOURCE))
    if source is not None and source.upper() not in ("HEADER", "AUTHORIZER"):
        findings.error(f"Invalid API key source specified: {source}")
    return source.upper() if source else None


def _media_types(document: Tree, findings: Findings) -> list[str] | None:
    held = document.get(extensions.BINARY_MEDIA_TYPES)
    if held is not None and not isinstance(held, list):
        findings.error("Invalid binary media types specified: a list is expected")
        return None
    return None if held is None else [text(media_type) for media_type in held]


def _compression(document: Tree, findings: Findings) -> int | None:
    held = document.get(extensions.COMPRESSION)
    if held is not None and (isinstance(held, bool) or not isinstance(held, int)):
        findings.error(f"Invalid minimum compression size specified: {text(held)}")
        return None
    return held


def _policy(document: Tree) -> str | None:
    held = document.get(extensions.POLICY)
    if held is None or isinstance(held, str):
        return held
    return msgspec.json.encode(held).decode()


def _endpoint_switch(dialect: Dialect, findings: Findings) -> bool | None:
    configuration = dialect.endpoint_configuration()
    for name in configuration:
        if name not in ("disableExecuteApiEndpoint", "ipAddressType"):
            findings.error(f"The endpoint configuration '{name}' is not implemented")
    switch = configuration.get("disableExecuteApiEndpoint")
    if switch is not None and not isinstance(switch, bool):
        findings.error(f"Invalid disableExecuteApiEndpoint specified: {text(switch)}")
        return None
    return switch


def _ip_address_type(dialect: Dialect, findings: Findings) -> str | None:
    given = optional_text(dialect.endpoint_configuration().get("ipAddressType"))
    if given not in (None, "ipv4", "dualstack"):
        findings.error(f"Invalid ipAddressType specified: {given}")
    return given
