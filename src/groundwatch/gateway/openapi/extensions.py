"""The `x-amazon-apigateway-*` extensions: which are known, and how those that carry definitions are read."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

from groundwatch.gateway.definition import (
    ContentHandling,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    IntegrationType,
    PassthroughBehavior,
)
from groundwatch.gateway.openapi.dialects import ENDPOINT_CONFIGURATION, elements, mapping, optional_text, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.draft import ValidatorDraft
from groundwatch.gateway.openapi.findings import Findings

PREFIX = "x-amazon-apigateway-"
INTEGRATION = f"{PREFIX}integration"
ANY_METHOD = f"{PREFIX}any-method"
VALIDATORS = f"{PREFIX}request-validators"
VALIDATOR = f"{PREFIX}request-validator"
AUTHORIZER = f"{PREFIX}authorizer"
AUTHTYPE = f"{PREFIX}authtype"
AUTH = f"{PREFIX}auth"
API_KEY_SOURCE = f"{PREFIX}api-key-source"
GATEWAY_RESPONSES = f"{PREFIX}gateway-responses"
BINARY_MEDIA_TYPES = f"{PREFIX}binary-media-types"
COMPRESSION = f"{PREFIX}minimum-compression-size"
POLICY = f"{PREFIX}policy"
DOCUMENTATION = f"{PREFIX}documentation"
ACCESS_MODE = f"{PREFIX}endpoint-access-mode"

ROOT = frozenset(
    {VALIDATORS, VALIDATOR, API_KEY_SOURCE, GATEWAY_RESPONSES, BINARY_MEDIA_TYPES, COMPRESSION, POLICY, DOCUMENTATION}
    | {ENDPOINT_CONFIGURATION, ACCESS_MODE}
)
PATH_ITEM = frozenset({ANY_METHOD})
OPERATION = frozenset({INTEGRATION, VALIDATOR, AUTH})
WITHOUT_EFFECT = frozenset(
    f"{PREFIX}{name}" for name in ("security-policy", "importexport-version", "cors", "tag-value")
)
"""What the service reads without changing how a REST API runs."""

STATUS_CODE = r"[1-5]\d\d"
"""As the service model writes it."""
_OF_HTTP_APIS = frozenset({"payloadFormatVersion", "integrationSubtype"})
_INTEGRATION_MEMBERS = frozenset(
    {"type", "uri", "httpMethod", "credentials", "connectionType", "connectionId", "requestParameters"}
    | {"requestTemplates", "passthroughBehavior", "contentHandling", "timeoutInMillis", "cacheNamespace"}
    | {"cacheKeyParameters", "tlsConfig", "responses", "responseTransferMode"}
)


def check_known(holder: Tree, known: frozenset[str], where: str, findings: Findings) -> None:
    """Note an error for every extension that this server would otherwise silently leave out."""
    for name in holder:
        if name.startswith(PREFIX) and name not in known and name not in WITHOUT_EFFECT:
            findings.error(f"Unsupported extension '{name}' {where}")


def read_validators(document: Tree) -> dict[str, ValidatorDraft]:
    """Return the request validators by name."""
    return {
        name: ValidatorDraft(
            validate_body=mapping(held).get("validateRequestBody") is True,
            validate_parameters=mapping(held).get("validateRequestParameters") is True,
        )
        for name, held in mapping(document.get(VALIDATORS)).items()
    }


def read_gateway_responses(document: Tree) -> dict[str, GatewayResponse]:
    """Return the customised gateway responses by type."""
    found = {kind: mapping(held) for kind, held in mapping(document.get(GATEWAY_RESPONSES)).items()}
    return {
        kind: GatewayResponse(
            response_type=kind,
            status_code=optional_text(held.get("statusCode")),
            response_parameters=_texts(held.get("responseParameters")),
            response_templates=_texts(held.get("responseTemplates")),
        )
        for kind, held in found.items()
    }


class IntegrationReader:
    """Reads the integration of one method; what cannot be read becomes an error that names the method."""

    def __init__(self, path: str, http_method: str, findings: Findings) -> None:
        self._path = path
        self._verb = http_method
        self._findings = findings

    def read(self, held: Tree) -> Integration | None:
        """Return the integration, or None after an error."""
        kind = text(held.get("type", "")).upper()
        if kind not in get_args(IntegrationType):
            self._error(f"Invalid integration type specified: {text(held.get('type'))}")
            return None
        self._check_members(held)
        timeout = held.get("timeoutInMillis", 29_000)
        if isinstance(timeout, bool) or not isinstance(timeout, int):
            self._error(f"Invalid timeoutInMillis specified: {text(timeout)}")
            return None
        http_method = optional_text(held.get("httpMethod"))
        return Integration(
            type=cast("IntegrationType", kind),
            http_method=http_method.upper() if http_method else None,
            uri=optional_text(held.get("uri")),
            connection_type=self._connection_type(held, kind),
            connection_id=optional_text(held.get("connectionId")),
            credentials=optional_text(held.get("credentials")),
            request_parameters=self._parameters(held, "requestParameters"),
            request_templates=_templates(held.get("requestTemplates")),
            passthrough_behavior=self._passthrough(held),
            content_handling=self._content_handling(held),
            timeout_in_millis=timeout,
            cache_namespace=optional_text(held.get("cacheNamespace")),
            cache_key_parameters=self._cache_key_parameters(held),
            insecure_skip_verification=mapping(held.get("tlsConfig")).get("insecureSkipVerification") is True,
            responses=self._responses(held),
        )

    def _check_members(self, held: Tree) -> None:
        for name in held:
            if name not in _INTEGRATION_MEMBERS and name not in _OF_HTTP_APIS and not name.startswith("x-"):
                self._error(f"Unsupported integration property '{name}'")
        if text(held.get("responseTransferMode", "BUFFERED")).upper() != "BUFFERED":
            self._error(f"responseTransferMode '{text(held['responseTransferMode'])}' is not implemented")

    def _connection_type(self, held: Tree, kind: str) -> Any:  # noqa: ANN401 - checked when it is merged
        given = optional_text(held.get("connectionType"))
        if given is not None and given.upper() not in ("INTERNET", "VPC_LINK"):
            self._error(f"Invalid connectionType specified: {given}")
        return given.upper() if given else ("INTERNET" if kind.startswith("HTTP") else None)

    def _passthrough(self, held: Tree) -> PassthroughBehavior:
        given = text(held.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
        if given not in get_args(PassthroughBehavior):
            self._error(f"Invalid passthroughBehavior specified: {text(held['passthroughBehavior'])}")
        return cast("PassthroughBehavior", given)

    def _cache_key_parameters(self, held: Tree) -> list[str]:
        return [text(name) for name in elements(held.get("cacheKeyParameters"), "cacheKeyParameters", self._findings)]

    def _content_handling(self, held: Tree) -> ContentHandling | None:
        given = optional_text(held.get("contentHandling"))
        if given is not None and given.upper() not in get_args(ContentHandling):
            self._error(f"Invalid contentHandling specified: {given}")
        return cast("ContentHandling", given.upper()) if given else None

    def _responses(self, held: Tree) -> dict[str, IntegrationResponse]:
        responses: dict[str, IntegrationResponse] = {}
        for pattern, entry in mapping(held.get("responses")).items():
            response = mapping(entry)
            status = optional_text(response.get("statusCode"))
            if status is None:
                self._error(f"No statusCode specified for the response '{pattern}'")
                continue
            if not re.fullmatch(STATUS_CODE, status):
                self._error(
                    f"Value '{status}' at 'statusCode' failed to satisfy constraint: Member must satisfy regular "
                    f"expression pattern: {STATUS_CODE}"
                )
                continue
            if status in responses:
                # The service keeps responses by status too, so the last one wins there as well.
                where = f"of resource '{self._path}' and method '{self._verb}'"
                self._findings.warning(f"More than one integration response {where} has the statusCode {status}")
            responses[status] = IntegrationResponse(
                status_code=status,
                selection_pattern=None if pattern == "default" else pattern,
                response_parameters=self._parameters(response, "responseParameters"),
                response_templates=_templates(response.get("responseTemplates")),
                content_handling=self._content_handling(response),
            )
        return responses

    def _parameters(self, held: Tree, member: str) -> dict[str, str]:
        parameters = {}
        for name, value in mapping(held.get(member)).items():
            if isinstance(value, str):
                parameters[name] = value
                continue
            self._findings.warning(
                f"Invalid format for '{member}'. Expected type string for property '{name}' of resource '{self._path}' "
                f"and method '{self._verb}' but got '{text(value)}'"
            )
        return parameters

    def _error(self, reason: str) -> None:
        self._findings.error(
            f"Unable to put integration on '{self._verb}' for resource at path '{self._path}': {reason}"
        )


def _templates(held: object) -> dict[str, str | None]:
    return {content_type: optional_text(template) for content_type, template in mapping(held).items()}


def _texts(held: object) -> dict[str, str]:
    return {name: text(value) for name, value in mapping(held).items()}
