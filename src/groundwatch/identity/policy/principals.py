"""Who a resource or trust policy speaks of, and how strongly it names a caller."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

from groundwatch.aws.context import Principal, PrincipalKind
from groundwatch.identity.policy.errors import MalformedPolicyError

ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
ACCOUNT_ROOT = re.compile(r"arn:aws:iam::(\d{12}):root", re.ASCII)
PRINCIPAL_ARN = re.compile(
    r"arn:aws:(?:iam::\d{12}:(?:user|role)/[!-~]+|sts::\d{12}:(?:assumed-role/[^/*?]+/[^/*?]+|federated-user/[^/*?]+))",
    re.ASCII,
)
SERVICE_NAME = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
NO_IDENTITY_POLICIES: frozenset[PrincipalKind] = frozenset({"Service", "Anonymous"})


class Grant(IntEnum):
    """How a Principal element covers a caller; the order is that of strength."""

    NONE = 0
    ACCOUNT = 1
    """Only the account is named: it may pass the permission on, no more."""
    ROLE = 2
    """The role behind the session is named."""
    DIRECT = 3
    """The user, the very session, the service or everybody is named."""


class Caller(msgspec.Struct, frozen=True):
    """What the evaluation needs to know of a principal."""

    arn: str
    """As `Principal.arn`."""
    kind: PrincipalKind
    account_id: str
    role_arn: str | None = None
    unique_id: str = ""
    """`AIDA…` of a user, `AROA…` of the role behind a session."""


class PrincipalSet(msgspec.Struct, frozen=True):
    """A Principal or NotPrincipal element."""

    everybody: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    federated: frozenset[str] = frozenset()

    def grant(self, caller: Caller, bindings: Mapping[str, str]) -> Grant:
        """Return how strongly the element names the caller.

        `bindings` are the unique ids that ARNs stood for when the policy was saved: an ARN bound to another id than the
        caller's does not name it.
        """
        if self.everybody:
            return Grant.DIRECT
        if caller.kind in NO_IDENTITY_POLICIES:
            return Grant.DIRECT if caller.arn in self.services else Grant.NONE
        if self._names(caller.arn, caller, bindings):
            return Grant.DIRECT
        # Naming a role admits its sessions, but leaves them within their boundary and session policies.
        if caller.role_arn is not None and self._names(caller.role_arn, caller, bindings):
            return Grant.ROLE
        if caller.account_id in self.accounts:
            return Grant.DIRECT if caller.kind == "Account" else Grant.ACCOUNT
        return Grant.NONE

    def exempts(self, caller: Caller, bindings: Mapping[str, str]) -> bool:
        """Tell whether NotPrincipal leaves the caller alone: account and all its ARNs are listed."""
        if self.everybody:
            return True
        if caller.kind in NO_IDENTITY_POLICIES:
            return caller.arn in self.services
        if caller.account_id not in self.accounts:
            return False
        arns = [arn for arn in (caller.arn, caller.role_arn) if arn is not None]
        return caller.kind == "Account" or all(self._names(arn, caller, bindings) for arn in arns)

    def _names(self, arn: str, caller: Caller, bindings: Mapping[str, str]) -> bool:
        return arn in self.arns and bindings.get(arn, caller.unique_id) == caller.unique_id


def caller_of(principal: Principal) -> Caller:
    """Return the evaluation's view of a request's principal."""
    return Caller(
        arn=principal.arn,
        kind=principal.kind,
        account_id=principal.account_id,
        role_arn=principal.role_arn,
        unique_id=unique_id(principal),
    )


def unique_id(principal: Principal) -> str:
    """Return the id of a user, or of the role behind a session, that its permissions are stored under."""
    return principal.user_id.partition(":")[0]


def parse_principals(element: str | Mapping[str, Sequence[str]]) -> PrincipalSet:
    """Return the element as a set; raise MalformedPolicyError for groups, partial wildcards and unknown kinds."""
    if isinstance(element, str):
        if element != "*":
            raise _invalid("AWS", element)
        return PrincipalSet(everybody=True)
    names = _parse_aws(element.get("AWS", ()))
    for kind in element:
        if kind not in {"AWS", "Service", "Federated"}:
            raise _invalid(kind, ", ".join(element[kind]))
    services = element.get("Service", ())
    for service in services:
        if not SERVICE_NAME.fullmatch(service):
            raise _invalid("Service", service)
    return msgspec.structs.replace(
        names, services=frozenset(services), federated=frozenset(_parse_federated(element.get("Federated", ())))
    )


def _parse_aws(values: Sequence[str]) -> PrincipalSet:
    accounts, arns = set[str](), set[str]()
    for value in values:
        root = ACCOUNT_ROOT.fullmatch(value)
        if root or ACCOUNT_ID.fullmatch(value):
            accounts.add(root[1] if root else value)
        elif value != "*":
            if not PRINCIPAL_ARN.fullmatch(value) or "*" in value or "?" in value:
                raise _invalid("AWS", value)
            arns.add(value)
    return PrincipalSet(everybody="*" in values, accounts=frozenset(accounts), arns=frozenset(arns))


def _parse_federated(values: Sequence[str]) -> Sequence[str]:
    for value in values:
        if not value or "*" in value:
            raise _invalid("Federated", value)
    return values


def _invalid(kind: str, value: str) -> MalformedPolicyError:
    return MalformedPolicyError(f'Invalid principal in policy: "{kind}":"{value}"')
