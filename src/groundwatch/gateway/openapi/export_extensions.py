"""What the `x-amazon-apigateway-*` extensions of an exported document hold; the counterpart of `extensions`."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import msgspec

from groundwatch.gateway.definition import (
    Authorizer,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    JwtConfiguration,
    Method,
    RestApi,
)
from groundwatch.gateway.openapi.authorizers import TYPE_NAMES
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.extensions import (
    API_KEY_SOURCE,
    AUTHORIZER,
    AUTHTYPE,
    BINARY_MEDIA_TYPES,
    COMPRESSION,
    GATEWAY_RESPONSES,
    POLICY,
    VALIDATORS,
)

_HEADER_SOURCE = re.compile(r"method\.request\.header\.([^,\s]+)")
_DEFAULT_TIMEOUT_MS = 29_000


def present(**members: object) -> Tree:
    """Return the members that say something: neither None, nor false, nor empty; 0 does."""
    return {name: held for name, held in members.items() if held or (held == 0 and held is not False)}


class IntegrationWriter:
    """Writes integrations of one API; a cache namespace only where it is not the method's own resource."""

    def __init__(self, api: RestApi) -> None:
        users: defaultdict[str, set[str]] = defaultdict(set)
        for resource in api.resources.values():
            for method in resource.methods.values():
                if method.integration is not None and method.integration.cache_namespace is not None:
                    users[method.integration.cache_namespace].add(resource.id)
        self._shared = {name for name, resources in users.items() if len(resources) > 1}

    def write(self, resource_id: str, value: Integration) -> Tree:
        """Return the extension of a method of this resource."""
        # Ids of resources change with every import, so a namespace of its own is left for the import to make.
        own = value.cache_namespace == resource_id and value.cache_namespace not in self._shared
        return present(
            type=value.type.lower(),
            httpMethod=value.http_method,
            uri=value.uri,
            connectionType=self._connection_type(value),
            connectionId=value.connection_id,
            credentials=value.credentials,
            responses=_responses(value),
            requestParameters=dict(value.request_parameters),
            requestTemplates=_templates(value.request_templates),
            passthroughBehavior=value.passthrough_behavior.lower(),
            contentHandling=value.content_handling,
            timeoutInMillis=None if value.timeout_in_millis == _DEFAULT_TIMEOUT_MS else value.timeout_in_millis,
            cacheNamespace=None if own else value.cache_namespace,
            cacheKeyParameters=list(value.cache_key_parameters),
            tlsConfig=present(insecureSkipVerification=value.insecure_skip_verification),
        )

    def _connection_type(self, value: Integration) -> str | None:
        implied = value.type.startswith("HTTP") and value.connection_type == "INTERNET"
        return None if implied else value.connection_type


def _responses(value: Integration) -> Tree:
    responses: Tree = {}
    for response in value.responses.values():
        pattern = response.selection_pattern or "default"
        # A pattern may read `default` too; and of several with one pattern only the first is ever selected.
        key = "(?:default)" if response.selection_pattern == "default" else pattern
        responses.setdefault(key, _response(response))
    return responses


def _response(value: IntegrationResponse) -> Tree:
    return present(
        statusCode=value.status_code,
        responseParameters=dict(value.response_parameters),
        responseTemplates=_templates(value.response_templates),
        contentHandling=value.content_handling,
    )


def _templates(templates: dict[str, str | None]) -> Tree:
    return {content_type: template or "" for content_type, template in templates.items()}


# --- authorizers ---


def scheme_of(value: Authorizer, *, in_full: bool) -> Tree:
    """Return the security scheme of an authorizer, with its extension when it is wanted `in_full`."""
    source = _HEADER_SOURCE.fullmatch(value.identity_source or "")
    scheme: Tree = {"type": "apiKey", "name": source[1] if source else "Unused", "in": "header"}
    if not in_full:
        return scheme
    extension = present(
        type=TYPE_NAMES[value.type],
        authorizerUri=value.authorizer_uri,
        authorizerCredentials=value.authorizer_credentials,
        identitySource=value.identity_source,
        identityValidationExpression=value.identity_validation_expression,
        providerARNs=list(value.provider_arns),
        jwtConfiguration=_jwt_configuration(value.jwt_configuration),
        authorizerResultTtlInSeconds=value.authorizer_result_ttl_in_seconds,
    )
    kind = {AUTHTYPE: value.auth_type} if value.auth_type else {}
    return {**scheme, **kind, AUTHORIZER: extension}


def _jwt_configuration(value: JwtConfiguration | None) -> Tree | None:
    if value is None:
        return None
    issuers = [
        present(
            issuer=issuer.issuer,
            audiences=list(issuer.audiences),
            additionalClaims=[
                present(claimName=rule.claim_name, required=rule.required, expectedValues=list(rule.expected_values))
                for rule in issuer.additional_claims
            ],
        )
        for issuer in value.issuers
    ]
    return {"issuers": issuers, "defaultAlgorithms": list(value.default_algorithms)}


# --- the root ---


def validator_names(api: RestApi) -> dict[str, str]:
    """Return the name of each validator by its id, made unique where the API itself does not ask for that."""
    names: dict[str, str] = {}
    for validator in api.request_validators.values():
        name = validator.name or validator.id
        names[validator.id] = f"{name}-{validator.id}" if name in names.values() else name
    return names


def root_extensions(api: RestApi) -> Tree:
    """Return the extensions at the root of a document, but for documentation and endpoint configuration."""
    names = validator_names(api)
    validators = {
        names[validator.id]: {
            "validateRequestParameters": validator.validate_request_parameters,
            "validateRequestBody": validator.validate_request_body,
        }
        for validator in api.request_validators.values()
    }
    return present(
        **{
            VALIDATORS: validators,
            GATEWAY_RESPONSES: {kind: _gateway_response(held) for kind, held in api.gateway_responses.items()},
            BINARY_MEDIA_TYPES: list(api.binary_media_types),
            API_KEY_SOURCE: None if api.api_key_source == "HEADER" else api.api_key_source,
            COMPRESSION: api.minimum_compression_size,
            POLICY: _policy(api),
        }
    )


def _gateway_response(value: GatewayResponse) -> Tree:
    return present(
        statusCode=value.status_code,
        responseParameters=dict(value.response_parameters),
        responseTemplates=dict(value.response_templates),
    )


def _policy(api: RestApi) -> Any:  # noqa: ANN401 - a JSON value
    """Return the resource policy with its ARNs in their short form, so that it fits whatever imports it."""
    if api.policy is None:
        return None
    prefix = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.id}/"
    return _shortened(msgspec.json.decode(api.policy), prefix)


def _shortened(value: object, prefix: str) -> object:
    if isinstance(value, dict):
        return {
            key: _short_resource(held, prefix) if key in ("Resource", "NotResource") else _shortened(held, prefix)
            for key, held in value.items()
        }
    return [_shortened(held, prefix) for held in value] if isinstance(value, list) else value


def _short_resource(value: object, prefix: str) -> object:
    if isinstance(value, list):
        return [_short_resource(held, prefix) for held in value]
    if isinstance(value, str) and value.startswith(prefix):
        return f"execute-api:/{value.removeprefix(prefix)}"
    return value


def content_types(method: Method) -> tuple[list[str], list[str]]:
    """Return what a method consumes and what it produces: the types of its models, or else of its templates."""
    integration = method.integration
    consumed = list(method.request_models) or (list(integration.request_templates) if integration else [])
    produced = [kind for response in method.responses.values() for kind in response.response_models]
    if not produced and integration is not None:
        produced = [kind for response in integration.responses.values() for kind in response.response_templates]
    return list(dict.fromkeys(consumed)), list(dict.fromkeys(produced))
