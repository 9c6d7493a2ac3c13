"""From security schemes and requirements to how a method is protected.

A requirement that this server cannot enforce is an error: leaving it out would open the method to everybody.
"""

from __future__ import annotations

import msgspec

from groundwatch.gateway.openapi.dialects import elements, mapping, text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.extensions import AUTH, AUTHORIZER, AUTHTYPE
from groundwatch.gateway.openapi.findings import Findings


class Protection(msgspec.Struct, frozen=True):
    """How one method is protected."""

    authorization_type: str = "NONE"
    api_key_required: bool = False


class SecurityReader:
    """Reads the protection of each operation of one document."""

    def __init__(self, document: Tree, schemes: Tree, findings: Findings) -> None:
        self._root = document.get("security")
        self._schemes = {name: mapping(held) for name, held in schemes.items()}
        self._findings = findings
        self._refuse_authorizers()

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
        if len(requirements) > 1:
            self._findings.warning(f"The alternative security requirements {where} are all required")
        names = [name for requirement in requirements for name in mapping(requirement)]
        protection = self._combined(names, where)
        return protection if override is None else self._overridden(protection, mapping(override), where)

    def _refuse_authorizers(self) -> None:
        for name, scheme in self._schemes.items():
            if AUTHORIZER in scheme:
                kind = mapping(scheme[AUTHORIZER]).get("type")
                self._findings.error(
                    f"Unable to create authorizer '{name}': authorizers of type '{text(kind)}' are not implemented"
                )

    def _combined(self, names: list[str], where: str) -> Protection:
        authorization_type, key_required = "NONE", False
        for name in names:
            scheme = self._schemes.get(name)
            if scheme is None:
                self._findings.error(f"Unable to find the security scheme '{name}' {where}")
            elif AUTHORIZER in scheme:
                continue
            elif text(scheme.get(AUTHTYPE, "")).lower() == "awssigv4":
                authorization_type = "AWS_IAM"
            elif _is_api_key(scheme):
                key_required = True
            else:
                message = (
                    f"The security scheme '{name}' of type '{text(scheme.get('type'))}' {where} is not implemented"
                )
                self._findings.error(message)
        return Protection(authorization_type, key_required)

    def _overridden(self, protection: Protection, override: Tree, where: str) -> Protection:
        kind = text(override.get("type", "")).upper()
        if kind not in ("NONE", "AWS_IAM"):
            self._findings.error(f"Invalid authorization type '{text(override.get('type'))}' {where}")
        return Protection(kind, protection.api_key_required)


def _is_api_key(scheme: Tree) -> bool:
    is_header = scheme.get("type") == "apiKey" and scheme.get("in") == "header"
    return is_header and text(scheme.get("name", "")).lower() == "x-api-key"
