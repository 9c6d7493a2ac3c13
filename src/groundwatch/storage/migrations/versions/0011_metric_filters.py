"""Metric filters of log groups."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table of metric filters."""
    op.create_table(
        "log_metric_filters",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("group_id", ROW_NUMBER, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("metric_name", sa.String(255), nullable=False),
        sa.Column("metric_namespace", sa.String(255), nullable=False),
        sa.Column("transformation", sa.JSON, nullable=False),
        sa.Column("system_fields", sa.JSON, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_metric_filters"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["log_groups.id"], ondelete="CASCADE", name="fk_log_metric_filters_group_id"
        ),
        sa.UniqueConstraint("group_id", "name", name="uq_log_metric_filters_group_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_log_metric_filters_metric", "log_metric_filters", ["metric_namespace", "metric_name"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("log_metric_filters")
