"""Subscription filters, destinations, policies of the log service and saved queries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def _place(name_key: str, *columns: str) -> tuple[sa.schema.SchemaItem, ...]:
    """Return the columns that place a row in an account and region, and the constraint on its name there."""
    return (
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.UniqueConstraint("account_id", "region", *columns, name=name_key),
    )


def upgrade() -> None:
    """Create the tables of subscriptions, policies and saved queries."""
    op.create_table(
        "log_subscription_filters",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("group_id", ROW_NUMBER, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("destination_arn", sa.Text, nullable=False),
        sa.Column("role_arn", sa.Text),
        sa.Column("distribution", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_subscription_filters"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["log_groups.id"], ondelete="CASCADE", name="fk_log_subscription_filters_group_id"
        ),
        sa.UniqueConstraint("group_id", "name", name="uq_log_subscription_filters_group_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_destinations",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        *_place("uq_log_destinations_account_id_region_name", "name"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("target_arn", sa.Text, nullable=False),
        sa.Column("role_arn", sa.Text, nullable=False),
        sa.Column("access_policy", sa.Text),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_destinations"),
        sqlite_autoincrement=True,
    )
    _create_policies()
    op.create_table(
        "log_query_definitions",
        sa.Column("id", sa.String(36), nullable=False),
        *_place("uq_log_query_definitions_account_id_region_client_token", "client_token"),
        sa.Column("name", NAME, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("log_group_names", sa.JSON, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("client_token", sa.String(128)),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_query_definitions"),
    )


def _create_policies() -> None:
    op.create_table(
        "log_resource_policies",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        *_place("uq_log_resource_policies_account_id_region_scope_name", "scope", "name"),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("revision", sa.String(36), nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_resource_policies"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_account_policies",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        *_place("uq_log_account_policies_account_id_region_policy_type_name", "policy_type", "name"),
        sa.Column("policy_type", sa.String(32), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("selection_criteria", sa.Text),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_account_policies"),
        sqlite_autoincrement=True,
    )
