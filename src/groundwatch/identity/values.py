"""What the store knows, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from groundwatch.identity.names import entity_arn

KeyStatus = Literal["Active", "Inactive"]


class User(msgspec.Struct, frozen=True):
    """An IAM user."""

    id: str
    """`AIDA…`."""
    account_id: str
    name: str
    path: str
    """Begins and ends with a slash."""
    created_ms: int

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

    @property
    def arn(self) -> str:
        """The role's ARN, with its path."""
        return entity_arn(self.account_id, "role", self.path, self.name)


Entity = User | Role


class AccessKey(msgspec.Struct, frozen=True):
    """A long-term key of a user."""

    id: str
    user_id: str
    secret: str
    status: KeyStatus
    created_ms: int


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
    """What is attached to a user or role."""

    policies: tuple[str, ...] = ()
    """Inline policy documents."""
    tags: Mapping[str, str] = {}
