"""Create accounts, users, roles, their policies, tags and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "identity_accounts",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_identity_accounts"),
    )
    _create_principals()
    _create_keys()
    _create_attachments()


def downgrade() -> None:
    """Drop the tables."""
    for name in ("sessions", "tags", "policies", "access_keys", "roles", "users", "accounts"):
        op.drop_table(f"identity_{name}")


def _create_principals() -> None:
    op.create_table("identity_users", *_named_columns("users"))
    op.create_table(
        "identity_roles",
        *_named_columns("roles"),
        sa.Column("description", sa.Text),
        sa.Column("max_session_s", sa.Integer, nullable=False),
        sa.Column("trust_policy", sa.Text, nullable=False),
        sa.Column("trust_bindings", sa.Text, nullable=False),
    )


def _named_columns(kind: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("name_key", sa.String(128), nullable=False),
        sa.Column("path", sa.String(512), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_identity_{kind}"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["identity_accounts.account_id"], name=f"fk_identity_{kind}_account_id"
        ),
        sa.UniqueConstraint("account_id", "name_key", name=f"uq_identity_{kind}_account_id_name_key"),
    ]


def _create_keys() -> None:
    op.create_table(
        "identity_access_keys",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_access_keys"),
        sa.ForeignKeyConstraint(["user_id"], ["identity_users.id"], name="fk_identity_access_keys_user_id"),
    )
    op.create_index("ix_identity_access_keys_user_id", "identity_access_keys", ["user_id"])
    op.create_table(
        "identity_sessions",
        sa.Column("access_key_id", sa.String(128), nullable=False),
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("session_name", sa.String(64)),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", name="pk_identity_sessions"),
    )
    op.create_index("ix_identity_sessions_expires_ms", "identity_sessions", ["expires_ms"])


def _create_attachments() -> None:
    op.create_table(
        "identity_policies",
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "name", name="pk_identity_policies"),
    )
    op.create_table(
        "identity_tags",
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("key_folded", sa.String(256), nullable=False),
        sa.Column("key", sa.String(256), nullable=False),
        sa.Column("value", sa.String(512), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key_folded", name="pk_identity_tags"),
    )
