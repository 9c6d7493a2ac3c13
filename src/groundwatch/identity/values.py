"""What the store knows, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from groundwatch.identity.names import entity_arn

KeyStatus = Literal["Active", "Inactive"]
AccountStatus = Literal["ACTIVE", "SUSPENDED"]


class User(msgspec.Struct, frozen=True):
    """An IAM user."""

    id: str
    """`AIDA…`."""
    account_id: str
    name: str
    path: str
    """Begins and ends with a slash."""
    created_ms: int
    boundary_arn: str | None = None
    """The managed policy that bounds what the user may do, if any."""

    @property
    def arn(self) -> str:
        """The user's ARN, with its path."""
        return entity_arn(self.account_id, "user", self.path, self.name)


class Role(msgspec.Struct, frozen=True):
    """An IAM role."""

    id: str
    """`AROA…`."""
    account_id: str
    name: str
    path: str
    created_ms: int
    description: str | None
    max_session_s: int
    trust_policy: str
    trust_bindings: Mapping[str, str]
    """Unique ids that the ARNs in the trust policy stood for when it was saved."""
    boundary_arn: str | None = None

    @property
    def arn(self) -> str:
        """The role's ARN, with its path."""
        return entity_arn(self.account_id, "role", self.path, self.name)


class Group(msgspec.Struct, frozen=True):
    """Users that share policies; a group is never a principal."""

    id: str
    """`AGPA…`."""
    account_id: str
    name: str
    path: str
    created_ms: int

    @property
    def arn(self) -> str:
        """The group's ARN, with its path."""
        return entity_arn(self.account_id, "group", self.path, self.name)


class ManagedPolicy(msgspec.Struct, frozen=True):
    """A policy that stands on its own, with up to five versions; one of AWS's has the account `aws`."""

    id: str
    """`ANPA…`."""
    account_id: str
    name: str
    path: str
    created_ms: int
    updated_ms: int
    description: str | None
    default_version: int
    next_version: int

    @property
    def arn(self) -> str:
        """The policy's ARN, with its path."""
        return entity_arn(self.account_id, "policy", self.path, self.name)


Owner = User | Role | Group
"""Whatever policies are attached to."""
Entity = Owner | ManagedPolicy


class PolicyVersion(msgspec.Struct, frozen=True):
    """One version of a managed policy."""

    number: int
    document: str
    created_ms: int


class Account(msgspec.Struct, frozen=True):
    """A tenant."""

    account_id: str
    created_ms: int
    name: str | None = None
    email: str | None = None
    status: AccountStatus = "ACTIVE"


class AccessKey(msgspec.Struct, frozen=True):
    """A long-term key of a user."""

    id: str
    user_id: str
    secret: str
    status: KeyStatus
    created_ms: int


class KeyUse(msgspec.Struct, frozen=True):
    """When and for what a key was last used."""

    used_ms: int
    service: str
    region: str


class Session(msgspec.Struct, frozen=True):
    """A temporary key, and whom it stands for."""

    access_key_id: str
    owner_id: str
    """The id of the role that was assumed, or of the user who asked for a session token."""
    session_name: str | None
    secret: str
    token: str
    policies: tuple[str, ...]
    issued_ms: int
    expires_ms: int


class Permissions(msgspec.Struct, frozen=True):
    """What is attached to a user or role, directly or through its groups."""

    policies: tuple[str, ...] = ()
    """Policy documents: inline and managed, its own and its groups'. An empty text is one that cannot be found."""
    tags: Mapping[str, str] = {}
    boundary: str | None = None
    """The document of the permissions boundary, if there is one."""
