"""From security schemes and requirements to how a method is protected.

A requirement that this server cannot enforce is an error: leaving it out would open the method to everybody.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.gateway.openapi.authorizers import read_authorizers
from groundwatch.gateway.openapi.dialects import elements, mapping, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.extensions import AUTH, AUTHORIZER, AUTHTYPE
from groundwatch.gateway.openapi.findings import Findings

_OWN_TYPES = ("COGNITO_USER_POOLS", "JWT")
"""Types of authorizer whose methods have an authorization type of the same name; they know scopes."""


class Protection(msgspec.Struct, frozen=True):
    """How one method is protected."""

    authorization_type: str = "NONE"
    api_key_required: bool = False
    authorizer_name: str | None = None
    scopes: tuple[str, ...] = ()


class SecurityReader:
    """Reads the protection of each operation of one document."""

    def __init__(self, document: Tree, schemes: Tree, findings: Findings) -> None:
        self._root = document.get("security")
        self._schemes = {name: mapping(held) for name, held in schemes.items()}
        self._findings = findings
        self.authorizers = read_authorizers(self._schemes, findings)
        """The document's authorizers, by name."""

    def read(self, operation: Tree, where: str) -> Protection:
        """Return the protection of an operation; `where` names it in errors."""
        override = operation.get(AUTH)
        # The extension overrides what the root asks for, not what the operation itself asks for.
        inherited = None if override is not None else self._root
        stated = operation.get("security")
        requirements = elements(
            inherited if stated is None else stated, f"security requirements {where}", self._findings
        )
        if not all(isinstance(requirement, dict) for requirement in requirements):
            # To pass over one would open the method.
            self._findings.error(f"Invalid security requirements {where} specified: a mapping is expected")
        # Alternatives are all required: so the service's own exports mean them, with a key beside an authorizer.
        protection = self._combined(_schemes_of(requirements), where)
        return protection if override is None else self._overridden(protection, mapping(override), where)

    def _combined(self, names: Tree, where: str) -> Protection:
        protection = Protection()
        kinds = 0
        for name, scopes in names.items():
            scheme = self._schemes.get(name)
            if scheme is None:
                self._findings.error(f"Unable to find the security scheme '{name}' {where}")
                continue
            if _is_api_key(scheme) and AUTHORIZER not in scheme and AUTHTYPE not in scheme:
                protection = replace(protection, api_key_required=True)
                continue
            kinds += 1
            protection = self._with_scheme(protection, name, scheme, scopes, where)
        if kinds > 1:
            # A method has one authorization type: to choose would drop what the other asks for.
            self._findings.error(f"More than one authorizer {where}")
        return protection

    def _with_scheme(self, protection: Protection, name: str, scheme: Tree, scopes: object, where: str) -> Protection:
        if AUTHORIZER in scheme:
            authorizer = self.authorizers.get(name)
            # Without one an error is noted already.
            kind = authorizer.type if authorizer is not None and authorizer.type in _OWN_TYPES else "CUSTOM"
            listed = tuple(text(scope) for scope in elements(scopes, f"scopes of '{name}' {where}", self._findings))
            return replace(
                protection, authorization_type=kind, authorizer_name=name, scopes=listed if kind in _OWN_TYPES else ()
            )
        if text(scheme.get(AUTHTYPE, "")).lower() == "awssigv4":
            return replace(protection, authorization_type="AWS_IAM")
        self._findings.error(
            f"The security scheme '{name}' of type '{text(scheme.get('type'))}' {where} is not implemented"
        )
        return protection

    def _overridden(self, protection: Protection, override: Tree, where: str) -> Protection:
        kind = text(override.get("type", "")).upper()
        if kind not in ("NONE", "AWS_IAM"):
            self._findings.error(f"Invalid authorization type '{text(override.get('type'))}' {where}")
        return Protection(kind, protection.api_key_required)


def _schemes_of(requirements: list[Any]) -> Tree:
    """Return the required schemes with their scopes; alternatives of one scheme ask for any of their scopes."""
    schemes: Tree = {}
    for requirement in requirements:
        for name, scopes in mapping(requirement).items():
            known = schemes.get(name)
            schemes[name] = [*known, *scopes] if isinstance(known, list) and isinstance(scopes, list) else scopes
    return schemes


def _is_api_key(scheme: Tree) -> bool:
    is_header = scheme.get("type") == "apiKey" and scheme.get("in") == "header"
    return is_header and text(scheme.get("name", "")).lower() == "x-api-key"
