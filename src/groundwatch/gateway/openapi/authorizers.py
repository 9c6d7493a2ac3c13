"""Authorizers in a document: security schemes with the extension `x-amazon-apigateway-authorizer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from groundwatch.gateway.definition import Authorizer, ClaimRule, JwtConfiguration, TokenIssuer
from groundwatch.gateway.openapi.dialects import elements, mapping, optional_text, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.extensions import AUTHORIZER, AUTHTYPE
from groundwatch.gateway.openapi.findings import Findings

AuthorizerType = Literal["TOKEN", "REQUEST", "COGNITO_USER_POOLS", "JWT"]
_TYPES: Mapping[str, AuthorizerType] = {
    "token": "TOKEN",
    "request": "REQUEST",
    "cognito_user_pools": "COGNITO_USER_POOLS",
    "jwt": "JWT",
}
TYPE_NAMES: Mapping[AuthorizerType, str] = {kind: name for name, kind in _TYPES.items()}
"""How documents spell the types."""
_MEMBERS = frozenset(
    {"type", "authorizerUri", "authorizerCredentials", "identitySource", "identityValidationExpression"}
    | {"authorizerResultTtlInSeconds", "providerARNs", "jwtConfiguration"}
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
    configuration = None
    if "jwtConfiguration" in held:
        try:
            configuration = read_jwt_configuration(mapping(held["jwtConfiguration"]))
        except msgspec.ValidationError as error:
            findings.error(f"Unable to create authorizer '{name}': invalid jwtConfiguration: {error}")
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
        jwt_configuration=configuration,
    )


class _ClaimRule(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    claim_name: str
    required: bool = False
    expected_values: list[str] = []
    format: Literal["SINGLE_STRING"] = "SINGLE_STRING"


class _TokenIssuer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    issuer: str
    audiences: list[str]
    additional_claims: list[_ClaimRule] = []


class _JwtConfiguration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    issuers: list[_TokenIssuer]
    default_algorithms: list[str]


def read_jwt_configuration(held: Mapping[str, Any]) -> JwtConfiguration:
    """Return a JWT configuration in the form of the service model; raises msgspec.ValidationError for another form."""
    given = msgspec.convert(held, _JwtConfiguration)
    issuers = [
        TokenIssuer(
            issuer=issuer.issuer,
            audiences=issuer.audiences,
            additional_claims=[
                ClaimRule(rule.claim_name, rule.required, rule.expected_values) for rule in issuer.additional_claims
            ],
        )
        for issuer in given.issuers
    ]
    return JwtConfiguration(issuers=issuers, default_algorithms=given.default_algorithms)
