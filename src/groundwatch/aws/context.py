"""Who calls, and under which circumstances: the values that every operation receives beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

PrincipalKind = Literal["Account", "User", "AssumedRole", "Service", "Anonymous"]


class Principal(msgspec.Struct, frozen=True):
    """The identity that a request was made with, as `identity/` established it."""

    account_id: str
    """The twelve-digit account that the principal belongs to."""
    arn: str
    """User ARN, session ARN (`arn:aws:sts::A:assumed-role/ROLE/SESSION`), account root ARN, or a service's name."""
    kind: PrincipalKind
    """The value of `aws:PrincipalType`, plus `Service` for AWS service principals."""
    user_id: str
    """The value of `aws:userid`: a user's id, `ROLEID:session`, or the account id for root."""
    role_arn: str | None = None
    """For sessions: the ARN of the role, with its path."""
    access_key_id: str | None = None
    session_policies: tuple[str, ...] = ()
    """JSON documents that narrow a session, as given to AssumeRole."""


class RequestContext(msgspec.Struct, frozen=True):
    """One call: its principal, its place and its circumstances."""

    account_id: str
    """The account whose resources the call works on: the principal's own."""
    region: str
    request_id: str
    principal: Principal
    source_ip: str
    user_agent: str
    secure: bool
    received_ms: int
    """When the request arrived, in milliseconds since the epoch."""
    source_arn: str | None = None
    """`aws:SourceArn`, when a service calls on behalf of a resource (the gateway for a method)."""


class AccessCheck(msgspec.Struct, frozen=True):
    """One question to the policies: may this action be done on this resource?"""

    action: str
    """Such as `logs:GetLogEvents`."""
    resource: str
    """An ARN, or `*` for actions without a resource type."""
    keys: Mapping[str, Sequence[str]] = {}
    """Condition keys of the service for this request, such as `aws:RequestTag/team`."""


class Credential(msgspec.Struct, frozen=True):
    """What `identity/` knows of one access key."""

    access_key_id: str
    secret_access_key: str
    principal: Principal
    session_token: str | None = None
    """Set for temporary keys (`ASIA…`), which must be sent with exactly this token."""
    expires_ms: int | None = None


class CredentialSource(Protocol):
    """Finds access keys; implemented by `identity/`."""

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """Return the active key with this id, or None when it is unknown, inactive or deleted."""


class Authorizer(Protocol):
    """Decides whether a call may go on; implemented by `identity/`."""

    async def authorize(self, context: RequestContext, checks: Sequence[AccessCheck]) -> None:
        """Return when every check passes; raise `ServiceError("AccessDenied…", …)` at the first that does not."""
