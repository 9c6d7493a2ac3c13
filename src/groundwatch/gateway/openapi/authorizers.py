"""Authorizers in a document: security schemes with the extension `x-amazon-apigateway-authorizer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from groundwatch.gateway.definition import Authorizer
from groundwatch.gateway.openapi.dialects import elements, mapping, optional_text, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.extensions import AUTHORIZER, AUTHTYPE
from groundwatch.gateway.openapi.findings import Findings

AuthorizerType = Literal["TOKEN", "REQUEST", "COGNITO_USER_POOLS"]
_TYPES: Mapping[str, AuthorizerType] = {
    "token": "TOKEN",
    "request": "REQUEST",
    "cognito_user_pools": "COGNITO_USER_POOLS",
}
_MEMBERS = frozenset(
    {"type", "authorizerUri", "authorizerCredentials", "identitySource", "identityValidationExpression"}
    | {"authorizerResultTtlInSeconds", "providerARNs"}
)


def read_authorizers(schemes: Mapping[str, Tree], findings: Findings) -> dict[str, Authorizer]:
    """Return the authorizers by the names of their schemes, without ids; what cannot be read becomes an error."""
    found = {name: _read(name, scheme, findings) for name, scheme in schemes.items() if AUTHORIZER in scheme}
    return {name: authorizer for name, authorizer in found.items() if authorizer is not None}


def _read(name: str, scheme: Tree, findings: Findings) -> Authorizer | None:
    held = mapping(scheme[AUTHORIZER])
    kind = _TYPES.get(text(held.get("type", "")).lower())
    if kind is None:
        given = text(held.get("type"))
        findings.error(f"Unable to create authorizer '{name}': authorizers of type '{given}' are not implemented")
        return None
    unknown = [member for member in held if member not in _MEMBERS]
    ttl_s = held.get("authorizerResultTtlInSeconds")
    if unknown or (ttl_s is not None and type(ttl_s) is not int):
        fault = f"unsupported property '{unknown[0]}'" if unknown else f"invalid TTL {text(ttl_s)}"
        findings.error(f"Unable to create authorizer '{name}': {fault}")
        return None
    pools = elements(held.get("providerARNs"), f"providerARNs of authorizer '{name}'", findings)
    source = optional_text(held.get("identitySource"))
    if source is None and kind != "REQUEST":
        # The scheme itself says which header holds the token.
        source = f"method.request.header.{text(scheme.get('name'))}"
    return Authorizer(
        id="",
        name=name,
        type=kind,
        provider_arns=[text(pool) for pool in pools],
        auth_type=optional_text(scheme.get(AUTHTYPE)),
        authorizer_uri=optional_text(held.get("authorizerUri")),
        authorizer_credentials=optional_text(held.get("authorizerCredentials")),
        identity_source=source,
        identity_validation_expression=optional_text(held.get("identityValidationExpression")),
        authorizer_result_ttl_in_seconds=ttl_s,
    )
