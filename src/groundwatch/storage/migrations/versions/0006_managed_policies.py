"""Add groups, managed policies, permissions boundaries, last uses of keys, and names and states of accounts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ARN = sa.String(720)


def upgrade() -> None:
    """Create the tables and columns."""
    op.create_table("identity_groups", *_named_columns("groups"))
    op.create_table(
        "identity_memberships",
        sa.Column("group_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_identity_memberships"),
        sa.ForeignKeyConstraint(["group_id"], ["identity_groups.id"], name="fk_identity_memberships_group_id"),
        sa.ForeignKeyConstraint(["user_id"], ["identity_users.id"], name="fk_identity_memberships_user_id"),
    )
    op.create_index("ix_identity_memberships_user_id", "identity_memberships", ["user_id"])
    _create_policies()
    _add_columns()


def downgrade() -> None:
    """Drop the tables and columns."""
    for name in ("attachments", "policy_versions", "managed_policies", "memberships", "groups"):
        op.drop_table(f"identity_{name}")
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)


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


def _create_policies() -> None:
    op.create_table(
        "identity_managed_policies",
        *_named_columns("managed_policies"),
        sa.Column("arn", ARN, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("default_version", sa.Integer, nullable=False),
        sa.Column("next_version", sa.Integer, nullable=False),
        sa.UniqueConstraint("arn", name="uq_identity_managed_policies_arn"),
    )
    op.create_table(
        "identity_policy_versions",
        sa.Column("policy_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version", name="pk_identity_policy_versions"),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["identity_managed_policies.id"], name="fk_identity_policy_versions_policy_id"
        ),
    )
    op.create_table(
        "identity_attachments",
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("policy_arn", ARN, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "policy_arn", name="pk_identity_attachments"),
    )
    op.create_index("ix_identity_attachments_policy_arn", "identity_attachments", ["policy_arn"])


def _add_columns() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)


def _added() -> dict[str, tuple[sa.Column[Any], ...]]:
    return {
        "identity_accounts": (
            sa.Column("name", sa.String(50)),
            sa.Column("email", sa.String(64)),
            sa.Column("status", sa.String(16), nullable=False, server_default="ACTIVE"),
        ),
        "identity_users": (sa.Column("boundary_arn", ARN),),
        "identity_roles": (sa.Column("boundary_arn", ARN),),
        "identity_access_keys": (
            sa.Column("used_ms", sa.BigInteger),
            sa.Column("used_service", sa.String(64)),
            sa.Column("used_region", sa.String(64)),
        ),
    }
