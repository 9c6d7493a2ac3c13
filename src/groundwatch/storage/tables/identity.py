"""Tables of accounts, users, groups, roles, their policies and their keys.

Secrets of access keys are kept as they are: whoever verifies an AWS signature must compute it anew from the secret, so
a digest would not do, and a key to encrypt them with would have to lie beside the database. The SQLite file has mode
600; on PostgreSQL, access to the database is access to the keys.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from groundwatch.storage.tables import metadata

ARN_LENGTH = 720
"""Enough for the longest ARN of a policy: prefix, path of 512 and name of 128 characters."""

accounts = Table(
    "identity_accounts",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    # Absent for accounts that no operator named: the first one, and those that calls without authentication made.
    Column("name", String(50)),
    Column("email", String(64)),
    Column("status", String(16), nullable=False, server_default="ACTIVE"),
)

users = Table(
    "identity_users",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(12), ForeignKey("identity_accounts.account_id"), nullable=False),
    Column("name", String(128), nullable=False),
    # Lower case: names that differ only in case are the same to IAM.
    Column("name_key", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # The ARN of a managed policy, which cannot be deleted while it is used.
    Column("boundary_arn", String(ARN_LENGTH)),
    UniqueConstraint("account_id", "name_key"),
)

roles = Table(
    "identity_roles",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(12), ForeignKey("identity_accounts.account_id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("description", Text),
    Column("max_session_s", Integer, nullable=False),
    Column("trust_policy", Text, nullable=False),
    # JSON: the unique ids that the ARNs of the trust policy stood for when it was saved.
    Column("trust_bindings", Text, nullable=False),
    Column("boundary_arn", String(ARN_LENGTH)),
    UniqueConstraint("account_id", "name_key"),
)

groups = Table(
    "identity_groups",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(12), ForeignKey("identity_accounts.account_id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name_key"),
)

memberships = Table(
    "identity_memberships",
    metadata,
    Column("group_id", String(32), ForeignKey("identity_groups.id"), primary_key=True),
    Column("user_id", String(32), ForeignKey("identity_users.id"), primary_key=True),
    Index(None, "user_id"),
)

managed_policies = Table(
    "identity_managed_policies",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(12), ForeignKey("identity_accounts.account_id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("path", String(512), nullable=False),
    # Follows from account, path and name, none of which changes; here so that attachments can be joined.
    Column("arn", String(ARN_LENGTH), nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("description", Text),
    Column("default_version", Integer, nullable=False),
    # Numbers of deleted versions are not used again.
    Column("next_version", Integer, nullable=False),
    UniqueConstraint("account_id", "name_key"),
)

policy_versions = Table(
    "identity_policy_versions",
    metadata,
    Column("policy_id", String(32), ForeignKey("identity_managed_policies.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

attachments = Table(
    "identity_attachments",
    metadata,
    # A user's, role's or group's id; these rows are gone before their owner is.
    Column("owner_id", String(32), primary_key=True),
    # Of a customer's policy or of one that AWS gives, which has no row anywhere.
    Column("policy_arn", String(ARN_LENGTH), primary_key=True),
    Index(None, "policy_arn"),
)

access_keys = Table(
    "identity_access_keys",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("user_id", String(32), ForeignKey("identity_users.id"), nullable=False),
    Column("secret", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # Of the last request that was signed with the key; written now and then.
    Column("used_ms", BigInteger),
    Column("used_service", String(64)),
    Column("used_region", String(64)),
    Index(None, "user_id"),
)

policies = Table(
    "identity_policies",
    metadata,
    # A user's, role's or group's id; these rows are gone before their owner is, or IAM refuses to delete it.
    Column("owner_id", String(32), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("document", Text, nullable=False),
)

tags = Table(
    "identity_tags",
    metadata,
    Column("owner_id", String(32), primary_key=True),
    # Lower case: tag keys that differ only in case are the same to IAM.
    Column("key_folded", String(256), primary_key=True),
    Column("key", String(256), nullable=False),
    Column("value", String(512), nullable=False),
)

sessions = Table(
    "identity_sessions",
    metadata,
    Column("access_key_id", String(128), primary_key=True),
    # A role's id (AssumeRole) or a user's (GetSessionToken); a session is void when its owner is gone.
    Column("owner_id", String(32), nullable=False),
    Column("session_name", String(64)),
    Column("secret", Text, nullable=False),
    Column("token", Text, nullable=False),
    # JSON: a list of policy documents.
    Column("policies", Text, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index(None, "expires_ms"),
)
