"""What the gateway must be given to decide who may call: identities, policies, functions and key sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from groundwatch.aws.authentication import Authenticator
from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.gateway.authorizers.issuers import IssuerDirectory
from groundwatch.gateway.authorizers.tokens import TokenVerifier
from groundwatch.gateway.functions import Functions


class Decision(Protocol):
    """The outcome of a check."""

    @property
    def outcome(self) -> str:
        """`allowed`, `implicitDeny` or `explicitDeny`."""

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""


class PolicyDecider(Protocol):
    """Decides by the policies of a caller and of the resource; implemented by `identity/`."""

    async def decide(self, context: RequestContext, check: AccessCheck, resource_policy: str | None = None) -> Decision:
        """Return the decision; a policy of the resource is given as its text, None when there is none."""


class DocumentDecider(Protocol):
    """Decides by a policy document that comes with the request; implemented by `identity/`."""

    def fault(self, document: str) -> str | None:
        """Return what is wrong with a document, None when nothing is."""

    def decide(self, context: RequestContext, check: AccessCheck, document: str) -> Decision:
        """Return the decision of the document alone; the caller's own policies do not count."""


class Accounts(Protocol):
    """Knows the tenants; implemented by `identity/`."""

    async def is_active(self, account_id: str) -> bool:
        """Tell whether the account exists and is not disabled. Asked for every request, so it must be remembered."""


@dataclass(frozen=True, slots=True)
class MethodGuards:
    """Everything that authorization at the gateway port asks."""

    authenticator: Authenticator
    """For signatures of the service `execute-api`."""
    policies: PolicyDecider
    documents: DocumentDecider
    functions: Functions
    tokens: TokenVerifier
    issuers: IssuerDirectory
    accounts: Accounts
