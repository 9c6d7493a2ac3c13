"""What a document says, in the gateway's terms and without the version it was written in."""

from __future__ import annotations

import msgspec

from groundwatch.gateway.definition import Authorizer, GatewayResponse, Method


class MethodDraft(msgspec.Struct, frozen=True):
    """A method of a path, its validator and its authorizer still by name."""

    path: str
    method: Method
    validator_name: str | None = None
    authorizer_name: str | None = None


class ValidatorDraft(msgspec.Struct, frozen=True):
    """A request validator without an id."""

    validate_body: bool
    validate_parameters: bool


class ApiDraft(msgspec.Struct, frozen=True):
    """Everything that a document defines; None is what it does not speak of."""

    name: str | None
    description: str | None
    version: str | None
    base_path: str
    paths: list[str]
    methods: list[MethodDraft]
    models: dict[str, str]
    """Name → JSON Schema."""
    validators: dict[str, ValidatorDraft]
    gateway_responses: dict[str, GatewayResponse]
    api_key_source: str | None = None
    binary_media_types: list[str] | None = None
    minimum_compression_size: int | None = None
    policy: str | None = None
    disable_execute_api_endpoint: bool | None = None
    ip_address_type: str | None = None
    authorizers: dict[str, Authorizer] = {}
    """By name, without ids."""

    def credentials(self) -> list[str]:
        """Return the roles that the document hands to integrations and authorizers."""
        integrations = (draft.method.integration for draft in self.methods)
        handed = [held.credentials for held in integrations if held is not None]
        handed += [held.authorizer_credentials for held in self.authorizers.values()]
        return [role for role in handed if role]
